"""Migrations: forward only, under a lock, checksummed, without superuser, and never over a stranger's tables."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from conductor import migrate as migrate_module
from conductor.migrate import MigrationError, migrate, migrations
from tests.fix_engine import Engine


@pytest.fixture
def ordinary_url(postgres_url: str, empty_database_url: str) -> Iterator[str]:
    """An empty database owned by a role that is no superuser but may make roles."""
    role, password = f"ordinary_{secrets.token_hex(4)}", secrets.token_hex(8)
    database = urlsplit(empty_database_url).path.strip("/")
    names = {"role": sql.Identifier(role), "database": sql.Identifier(database)}
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {role} LOGIN CREATEROLE").format(**names))
        admin.execute(sql.SQL("ALTER ROLE {role} PASSWORD ").format(**names) + sql.Literal(password))
        admin.execute(sql.SQL("ALTER DATABASE {database} OWNER TO {role}").format(**names))
    yield _as_role(empty_database_url, role, password)
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {database} OWNER TO CURRENT_USER").format(**names))
        for kind in ("owner", "service", "report"):
            name = {"r": sql.Identifier(f"{database}_{kind}")}
            if admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [f"{database}_{kind}"]).fetchone():
                admin.execute(sql.SQL("DROP OWNED BY {r}").format(**name))
                admin.execute(sql.SQL("DROP ROLE {r}").format(**name))
        admin.execute(sql.SQL("DROP OWNED BY {role}").format(**names))
        admin.execute(sql.SQL("DROP ROLE {role}").format(**names))


def _as_role(url: str, role: str, password: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{host}"))


def test_an_ordinary_role_can_migrate_and_work(ordinary_url: str) -> None:
    assert [m.number for m in migrate(ordinary_url)] == [m.number for m in migrations()]
    engine = Engine(ordinary_url)
    engine.run(lambda e: e.submit())
    assert engine.differences() == []


def test_a_second_run_has_nothing_to_do(empty_database_url: str) -> None:
    assert len(migrate(empty_database_url)) == len(migrations())
    assert migrate(empty_database_url) == ()


def test_two_at_once_apply_each_migration_once(empty_database_url: str) -> None:
    with ThreadPoolExecutor(2) as threads:
        applied = list(threads.map(migrate, [empty_database_url] * 2))
    assert sorted(map(len, applied)) == [0, len(migrations())]


def test_an_edited_migration_is_refused(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(empty_database_url)
    first, *rest = migrations()
    edited = (replace(first, text=first.text + "\n-- a word more\n"), *rest)
    monkeypatch.setattr(migrate_module, "migrations", lambda: edited)
    with pytest.raises(MigrationError, match="was edited after it had been applied"):
        migrate(empty_database_url)


def test_a_database_of_a_newer_release_is_refused(empty_database_url: str) -> None:
    migrate(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("INSERT INTO conductor_migrations (number, name, sha256) VALUES (9999, 'x', 'y')")
    with pytest.raises(MigrationError, match="newer than this release"):
        migrate(empty_database_url)


def test_a_strangers_tables_are_refused_and_left_alone(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("CREATE TABLE jobs (mine text)")
        connection.execute("INSERT INTO jobs VALUES ('precious')")
    with pytest.raises(
        MigrationError, match=r"not Conductor's: jobs.*Nothing was changed.*CONDUCTOR_DATABASE_URL"
    ):
        migrate(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT mine FROM jobs").fetchall() == [("precious",)]
        assert connection.execute("SELECT to_regclass('public.events')").fetchone() == (None,)


def test_a_failing_migration_changes_nothing(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = migrations()[-1]
    broken = (*migrations(), replace(last, number=9000, text="CREATE TABLE half (); SELECT 1/0"))
    monkeypatch.setattr(migrate_module, "migrations", lambda: broken)
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT to_regclass('public.half')").fetchone() == (None,)
        numbers = connection.execute("SELECT max(number) FROM conductor_migrations").fetchone()
    assert numbers == (last.number,)


def test_an_older_server_gets_a_clear_error(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate_module, "OLDEST_SERVER", 99)
    with pytest.raises(MigrationError, match="Conductor needs 99 or newer"):
        migrate(empty_database_url)


def test_an_unreachable_server_gets_a_clear_error_without_the_password() -> None:
    with pytest.raises(MigrationError, match=r"PostgreSQL at 127\.0\.0\.1:1 .*cannot be reached") as refusal:
        migrate("postgresql://someone:hunter2@127.0.0.1:1/conductor")
    assert "hunter2" not in str(refusal.value)


def test_a_role_that_may_not_make_roles_is_told_what_it_needs(postgres_url: str, ordinary_url: str) -> None:
    role = urlsplit(ordinary_url).username or ""
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER ROLE {} NOCREATEROLE").format(sql.Identifier(role)))
    with pytest.raises(MigrationError, match=r"CREATEROLE.*run `conductor migrate` again"):
        migrate(ordinary_url)
