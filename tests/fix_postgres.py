"""A PostgreSQL for the suite, and a fresh database for every test that asks for one.

`--postgres=embedded` (default) starts our own, once; `container` takes the official image; a URL names a
server whose role may create databases and roles. The schema is made once, in a template; each test's database
is a copy.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from conductor.embedded import EmbeddedPostgres
from conductor.migrate import migrate

# Nothing here outlives the run, so nothing needs to reach the disk. A test that ends servers starts its own.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB", "max_wal_size": "512MB"}
MEMORY, ENOUGH_MEMORY = Path("/dev/shm"), 4 * 2**30
CONTAINER_IMAGE = "postgres:18"
ROLES_OF_A_DATABASE = ("owner", "service", "report")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgres",
        default="embedded",
        metavar="embedded|container|URL",
        help="the PostgreSQL to test with; a URL's role must be allowed to create databases and roles",
    )


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A folder that the database's own user can pass; pytest's own temporary folders he cannot."""
    with tempfile.TemporaryDirectory(prefix="conductor-test-", dir=_quickest_folder()) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def _quickest_folder() -> Path:
    """In memory where there is plenty: a database is a thousand files, made and deleted for every test."""
    if MEMORY.is_dir():
        about = os.statvfs(MEMORY)
        if about.f_bavail * about.f_frsize > ENOUGH_MEMORY and not about.f_flag & os.ST_NOEXEC:
            return MEMORY
    return Path("/tmp")


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home for a system of the test's own."""
    with temporary_home() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server, by a role that may create databases and roles."""
    with _server(request.config.getoption("--postgres")) as url:
        _tell_version(request.config, url)
        yield url


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> Iterator[str]:
    """The name of a database that has the schema and nothing else. Nobody may stay connected to it."""
    name = f"conductor_template_{secrets.token_hex(4)}"
    with _database(postgres_url, name) as url:
        migrate(url)
        yield name
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        for kind in ROLES_OF_A_DATABASE:
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(f"{name}_{kind}")))


@pytest.fixture
def database_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """A database with the schema and nothing else, for this test alone."""
    with fresh_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """A database with nothing in it, for this test alone. Roles that a migration made for it go with it."""
    name = f"test_{secrets.token_hex(6)}"
    with _database(postgres_url, name) as url:
        yield url
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        for kind in ROLES_OF_A_DATABASE:
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(f"{name}_{kind}")))


@contextmanager
def fresh_database(server_url: str, template: str) -> Iterator[str]:
    """A copy of the template for the length of the block."""
    with _database(server_url, f"test_{secrets.token_hex(6)}", template) as url:
        yield url


@contextmanager
def _server(choice: str) -> Iterator[str]:
    if choice == "embedded":
        with temporary_home() as home, EmbeddedPostgres(home, extra_config=NOT_DURABLE) as server:
            yield server.url("postgres")
    elif choice == "container":
        yield from _container()
    elif urlsplit(choice).scheme in ("postgresql", "postgres"):
        yield choice
    else:
        raise pytest.UsageError(f"--postgres={choice}: neither `embedded` nor `container` nor a URL")


def _container() -> Iterator[str]:
    from testcontainers.postgres import PostgresContainer

    if shutil.which("docker") is None:
        raise pytest.UsageError("--postgres=container: there is no `docker` on this machine")
    with PostgresContainer(CONTAINER_IMAGE, driver=None) as container:
        yield container.get_connection_url()


@contextmanager
def _database(server_url: str, name: str, template: str = "template1") -> Iterator[str]:
    names = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
    with psycopg.connect(server_url, autocommit=True) as admin:
        # Copying files takes half the work of copying blocks through the log, for a database of this size.
        admin.execute(
            sql.SQL("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY").format(**names)
        )
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {name} WITH (FORCE)").format(**names))


def _tell_version(config: pytest.Config, url: str) -> None:
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and row is not None:
        reporter.write_line(f"PostgreSQL {row[0]} ({config.getoption('--postgres')})")
