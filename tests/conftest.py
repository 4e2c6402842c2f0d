"""The suite's fixtures are plugins, each named for what it gives."""

pytest_plugins = ["tests.fix_postgres"]
