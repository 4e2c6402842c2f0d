"""Bring a database to this release's schema: numbered SQL, in order, under a lock, each in its own
transaction.

Promises: a file that was applied and edited since is refused; foreign tables are never touched; no superuser
is needed. Refuses to know what the SQL means.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql

from conductor.core.errors import ConductorError
from conductor.database import OLDEST_SERVER, connect_error

_LOCK = 0x436F6E64  # "Cond": one migration at a time in a database
# Where a reshaping builds new tables, and puts the old ones before they are dropped.
NEXT, OLD = "conductor_next", "conductor_old"
_OUR_TABLES = ("events", "jobs", "nodes", "resource_allocations", "scripts", "environments")


class MigrationError(ConductorError):
    """The database cannot be brought to this release's schema as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def reshaped(self) -> tuple[str, ...]:
        """Tables that it makes anew from the log, as its first line says: `-- reshape: jobs nodes`."""
        match = re.match(r"-- reshape: ([a-z_ ]+)\n", self.text)
        return tuple(match[1].split()) if match else ()

    @property
    def shape(self) -> str:
        """What it does to the new tables, beside the old ones."""
        return self._parts[0]

    @property
    def afterwards(self) -> str:
        """What it does once they have taken the old ones' place, in the same transaction: after `-- swapped:`."""
        return self._parts[1]

    @property
    def _parts(self) -> tuple[str, str]:
        shape, _, afterwards = self.text.partition("\n-- swapped:\n")
        return shape, afterwards


# Applies a migration that reshapes tables, given what notes it as applied: `projections.reshape`.
Reshape = Callable[[psycopg.Connection[Any], Migration, Callable[[], None]], None]


def migrations() -> tuple[Migration, ...]:
    """All that this release ships, in order."""
    found = []
    for file in resources.files("migrations").iterdir():
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name)
        if match:
            found.append(Migration(number=int(match[1]), name=match[2], text=file.read_text("utf-8")))
    return tuple(sorted(found, key=lambda migration: migration.number))


def migrate(database_url: str, reshape: Reshape | None = None) -> tuple[Migration, ...]:
    """Apply what is missing and give what was applied.

    Raises `MigrationError` with a sentence for a person; whatever was not applied has changed nothing.
    """
    try:
        connection = psycopg.connect(database_url, autocommit=True)
    except psycopg.OperationalError as error:
        raise MigrationError(connect_error(database_url, error)) from error
    with connection:
        _check_server(connection)
        connection.execute("SET lock_timeout = '60s'")
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        try:
            return tuple(_apply_missing(connection, reshape))
        except psycopg.errors.InsufficientPrivilege as error:
            raise MigrationError(_privilege_advice(connection, error)) from error
        finally:
            connection.execute("RESET ROLE")
            connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def pending(connection: psycopg.Connection[Any]) -> tuple[Migration, ...]:
    """What `migrate` would apply."""
    applied = _applied(connection) if _has_table(connection, "conductor_migrations") else {}
    return tuple(m for m in migrations() if m.number not in applied)


def _check_server(connection: psycopg.Connection[Any]) -> None:
    version = connection.info.server_version
    if version < OLDEST_SERVER * 10000:
        raise MigrationError(
            f"This server is PostgreSQL {version // 10000}; Conductor needs {OLDEST_SERVER} or newer. "
            "Point CONDUCTOR_DATABASE_URL at a newer server, or leave it out to use the embedded one."
        )


def _apply_missing(connection: psycopg.Connection[Any], reshape: Reshape | None) -> Iterator[Migration]:
    owner = _prepare(connection)
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(owner)))
    connection.execute(
        "CREATE TABLE IF NOT EXISTS conductor_migrations ("
        " number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )
    applied = _applied(connection)
    _refuse_unknown(applied)
    forget_leftovers(connection)
    for migration in migrations():
        known = applied.get(migration.number)
        if known is None:
            _apply(connection, migration, reshape)
            yield migration
        elif known != migration.sha256:
            raise MigrationError(
                f"Migration {migration.number:04}_{migration.name} was edited after it had been applied to this "
                "database. Migrations only go forward: restore the file and put the change into a new one."
            )


def _apply(connection: psycopg.Connection[Any], migration: Migration, reshape: Reshape | None) -> None:
    def record() -> None:
        connection.execute(
            "INSERT INTO conductor_migrations (number, name, sha256) VALUES (%s, %s, %s)",
            [migration.number, migration.name, migration.sha256],
        )

    if migration.reshaped:
        if reshape is None:
            raise MigrationError(
                f"{migration.name} builds tables from the log. Run `conductor migrate` first."
            )
        reshape(connection, migration, record)
        return
    with connection.transaction():
        record()
        # The text is ours, from the package; psycopg asks for a literal to keep users' text out.
        connection.execute(cast(LiteralString, migration.text))


def forget_leftovers(connection: psycopg.Connection[Any]) -> None:
    """Drop what an interrupted reshaping has built and nobody has read, or what a finished one has replaced."""
    known = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname IN (%s, %s)", [NEXT, OLD])
    for (schema,) in known.fetchall():
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def _applied(connection: psycopg.Connection[Any]) -> dict[int, str]:
    rows = connection.execute("SELECT number, sha256 FROM conductor_migrations ORDER BY number")
    return {int(number): str(sha256) for number, sha256 in rows}


def _refuse_unknown(applied: dict[int, str]) -> None:
    newest = migrations()[-1].number
    if applied and max(applied) > newest:
        raise MigrationError(
            f"This database is at migration {max(applied)}, newer than this release of Conductor ({newest}). "
            "Upgrade Conductor; migrations never go back."
        )


def _prepare(connection: psycopg.Connection[Any]) -> str:
    """Make the roles where they are missing, and give the owner's name."""
    if _has_table(connection, "conductor_migrations"):
        return _owner_of(connection, "conductor_migrations")
    _refuse_foreign_tables(connection)
    name = connection.info.dbname
    owner, service, report = (f"{name}_{kind}" for kind in ("owner", "service", "report"))
    _make_role(connection, owner, "NOLOGIN")
    _make_role(connection, service, "LOGIN")
    _make_role(connection, report, "LOGIN")
    _set_report_limits(connection, report)
    for role in (owner, service, report):
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))
    connection.execute(sql.SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(sql.Identifier(owner)))
    return owner


def _make_role(connection: psycopg.Connection[Any], role: str, login: LiteralString) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    if not known:
        statement = sql.SQL("CREATE ROLE {} " + login).format(sql.Identifier(role))
        connection.execute(statement)


def _set_report_limits(connection: psycopg.Connection[Any], report: str) -> None:
    for setting in ("statement_timeout = '60s'", "default_transaction_read_only = on"):
        connection.execute(
            sql.SQL("ALTER ROLE {} SET " + cast(LiteralString, setting)).format(sql.Identifier(report))
        )


def _refuse_foreign_tables(connection: psycopg.Connection[Any]) -> None:
    foreign = [table for table in _OUR_TABLES if _has_table(connection, table)]
    if foreign:
        raise MigrationError(
            f"Database {connection.info.dbname} already has tables that are not Conductor's: "
            f"{', '.join(foreign)}. Nothing was changed. Give Conductor a database of its own "
            "(CREATE DATABASE conductor) and put its address into CONDUCTOR_DATABASE_URL."
        )


def _has_table(connection: psycopg.Connection[Any], table: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [f"public.{table}"]).fetchone()
    return bool(row and row[0])


def _owner_of(connection: psycopg.Connection[Any], table: str) -> str:
    row = connection.execute(
        "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass(%s)", [f"public.{table}"]
    ).fetchone()
    assert row is not None
    return str(row[0])


def _privilege_advice(connection: psycopg.Connection[Any], error: psycopg.Error) -> str:
    name, user = connection.info.dbname, connection.info.user
    roles = ", ".join(f"{name}_{kind}" for kind in ("owner", "service", "report"))
    return (
        f"Role {user} may not prepare database {name}: {str(error).strip()}. It needs to own the database and to have "
        f"CREATEROLE; or let an administrator create the roles {roles}, grant them to {user}, and "
        f"GRANT USAGE, CREATE ON SCHEMA public TO {name}_owner. Then run `conductor migrate` again."
    )
