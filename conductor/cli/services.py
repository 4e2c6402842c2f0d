"""The parts of the system, each as a command, and the doors to its database."""

import os
from typing import Annotated, Literal

import typer

# What libpq reads from the environment, by the name it has in a URL. So no password shows in a process list.
_LIBPQ = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "application_name": "PGAPPNAME",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
    "options": "PGOPTIONS",
}
# The limits of the report role hold for its own logins; a session that takes the role on gets them from here.
_REPORT_LIMITS = "-c statement_timeout=60s -c default_transaction_read_only=on"

# Everything below is imported where it is used: each service brings its own libraries (the database's, the web
# server's), and a client command that starts in a tenth of a second should not wait for any of them.


def up() -> int:
    """Run the whole system on this machine, until Ctrl-C; running jobs go on.

    Example: CONDUCTOR_API_PORT=8080 conductor up
    """
    from conductor.settings import load_settings
    from conductor.up import run_up

    return run_up(load_settings())


def api() -> int:
    """Serve the HTTP API.

    Example: CONDUCTOR_DATABASE_URL=postgresql://... conductor api
    """
    from api.server import serve
    from conductor.settings import database_url_of, load_settings

    settings = load_settings()
    return serve(settings, database_url_of(settings))


def scheduler() -> int:
    """Place jobs on nodes; of several, one leads and the others stand by.

    Example: CONDUCTOR_DATABASE_URL=postgresql://... conductor scheduler
    """
    from conductor.scheduler import main
    from conductor.settings import database_url_of, load_settings

    settings = load_settings()
    return main(settings, database_url_of(settings))


def executor() -> int:
    """Run this node's jobs.

    Example: NODE_NAME=node-1 TOTAL_CPUS=64 conductor executor
    """
    from conductor.executor import main
    from conductor.settings import database_url_of, load_settings

    settings = load_settings()
    return main(settings, database_url_of(settings))


def supervisor() -> None:
    """Be the parent of this node's jobs (the executor starts one by itself when none runs).

    Example: conductor supervisor
    """
    from conductor.settings import load_settings
    from conductor.supervisor.launch import supervisor_command

    settings = load_settings()
    argv = supervisor_command(
        settings.spool, [f"--crash-at={settings.crash_at}"] if settings.crash_at else []
    )
    # In its place, not beside it: a supervisor is the standard library and itself, nothing else.
    os.execv(argv[0], argv)


def migrate() -> None:
    """Bring the database to this release's schema.

    Example: CONDUCTOR_DATABASE_URL=postgresql://... conductor migrate
    """
    from conductor import migrate as migrations
    from conductor.cli.screen import Screen
    from conductor.settings import database_url_of, load_settings
    from projections.reshape import reshape

    screen = Screen.open()
    applied = migrations.migrate(database_url_of(load_settings()), reshape)
    for one in applied:
        screen.say("migrated", name=f"{one.number:04} {one.name}")
    if not applied:
        screen.say("up_to_date")


def db_url() -> None:
    """Print the database's URL (which may hold a password).

    Example: pg_dump "$(conductor db-url)" > backup.sql
    """
    from conductor.settings import database_url_of, load_settings

    print(database_url_of(load_settings()))


def psql(
    arguments: Annotated[list[str] | None, typer.Argument(metavar="PSQL_ARGUMENTS", hidden=True)] = None,
    role: Annotated[
        Literal["report", "service"] | None,
        typer.Option("--role", help="report: may only read, with a time limit."),
    ] = None,
) -> None:
    """Open psql on the database; it need not be installed. PSQL_ARGUMENTS go to it as they are.

    Example: conductor psql --role report -c "SELECT id, state FROM jobs"
    """
    from conductor.settings import child_environment, database_url_of, load_settings

    settings = load_settings()
    url = database_url_of(settings)
    variables = libpq_variables(url, None if role is None else _role_of(url, role), limited=role == "report")
    program = _psql_program()
    # By its path: it looks for its own libraries beside the name it is started under.
    os.execve(program, [program, *(arguments or [])], {**child_environment(settings), **variables})


def libpq_variables(database_url: str, role: str | None, *, limited: bool) -> dict[str, str]:
    """The URL, and the role to take on, as the environment that psql reads."""
    from psycopg.conninfo import conninfo_to_dict

    parts = {name: str(value) for name, value in conninfo_to_dict(database_url).items() if value is not None}
    variables = {_LIBPQ[name]: value for name, value in parts.items() if name in _LIBPQ}
    if role is not None:
        options = [variables.get("PGOPTIONS", ""), f"-c role={role}", _REPORT_LIMITS if limited else ""]
        variables["PGOPTIONS"] = " ".join(filter(None, options))
    return variables


def _role_of(database_url: str, role: str) -> str:
    """The role's full name: the three are named alike, after the database as it was called at first."""
    import psycopg

    from conductor.database import connect_error
    from conductor.migrate import MigrationError

    owner = (
        "SELECT relowner::regrole::text FROM pg_class WHERE oid = to_regclass('public.conductor_migrations')"
    )
    try:
        with psycopg.connect(database_url) as connection:
            found = connection.execute(owner).fetchone()
    except psycopg.OperationalError as error:
        raise MigrationError(connect_error(database_url, error)) from error
    if found is None:
        raise MigrationError("The database has no tables of Conductor's yet. Run `conductor migrate` first.")
    return str(found[0]).strip('"').removesuffix("_owner") + f"_{role}"


def _psql_program() -> str:
    """The machine's own psql (it has line editing), else the one that comes with the embedded server."""
    import shutil

    from conductor.embedded.programs import find_programs

    return shutil.which("psql") or str(find_programs().psql)
