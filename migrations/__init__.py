"""Numbered SQL, forward only: the schema is the sum of these files. `conductor.migrate` applies them."""
