"""A PostgreSQL of the fault tests' own, which they may end as they like, and a fresh database for each."""

import secrets
from collections.abc import Iterator

import pytest

from conductor.embedded import EmbeddedPostgres
from conductor.migrate import migrate
from tests.fix_postgres import NOT_DURABLE, _database, fresh_database, temporary_home

TEMPLATE = "conductor_fault_template"


@pytest.fixture(scope="package")
def own_server() -> Iterator[EmbeddedPostgres]:
    """It may be killed: nothing but these tests is on it. (A crash of processes asks nothing of fsync.)"""
    with (
        temporary_home() as home,
        EmbeddedPostgres(home, extra_config=NOT_DURABLE) as server,
        _database(server.url("postgres"), TEMPLATE) as url,
    ):
        migrate(url)
        yield server


@pytest.fixture
def own_database_url(own_server: EmbeddedPostgres) -> Iterator[str]:
    with fresh_database(own_server.url("postgres"), TEMPLATE) as url:
        yield url + f"&application_name=fault_{secrets.token_hex(3)}"
