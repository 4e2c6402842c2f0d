"""The suite's fixtures are plugins, each named for what it gives."""

import os

import pytest

pytest_plugins = [
    "tests.fix_postgres",
    "tests.fix_engine",
    "tests.fix_api",
    "tests.fix_system",
    "tests.fix_observing",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest first, so that none of them is what all others wait for at the end."""
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("slow", "faults"))))


def pytest_configure() -> None:
    """The tests choose their settings; those of whoever runs them must not be among them."""
    for name in [
        name
        for name in os.environ
        if name.startswith("CONDUCTOR_") or name in ("NODE_NAME", "TOTAL_CPUS", "OTEL_EXPORTER_OTLP_ENDPOINT")
    ]:
        del os.environ[name]
