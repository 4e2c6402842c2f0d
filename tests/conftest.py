"""The suite's fixtures are plugins, each named for what it gives."""

import os

pytest_plugins = [
    "tests.fix_postgres",
    "tests.fix_engine",
    "tests.fix_api",
    "tests.fix_system",
    "tests.fix_observing",
]


def pytest_configure() -> None:
    """The tests choose their settings; those of whoever runs them must not be among them."""
    for name in [
        name
        for name in os.environ
        if name.startswith("CONDUCTOR_") or name in ("NODE_NAME", "TOTAL_CPUS", "OTEL_EXPORTER_OTLP_ENDPOINT")
    ]:
        del os.environ[name]
