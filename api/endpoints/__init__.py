"""What the API does, one file a resource. `api.routes` has every path on one screen."""
