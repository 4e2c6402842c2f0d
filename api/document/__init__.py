"""The API's description of itself: OpenAPI made of what is served, and what its names mean in both languages."""
