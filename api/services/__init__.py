"""What runs or is remembered behind the requests: who waits for what, the log's newest events, folds of the past."""
