"""Who may do what in the database, as exact lists: a grant too many is as wrong as one too few."""

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from conductor.database import connect, open_pool
from conductor.log import reachable
from tests.fix_engine import Engine
from tests.fix_postgres import fresh_database

# What anybody may call does nothing but compute, or raise.
HARMLESS = {"event_text", "refuse_change", "refuse_other_cluster"}
OF_THE_SERVICE = {
    *("commit_batch", "script", "give_up_leadership", "take_leadership", "renew_lease", "stop_accepting"),
    *("answer_output", "ask_for_output", "take_outputs", "wanted_outputs", "observe_node"),
    *("position_at", "publish_metrics", "tell_clock", "unsupervised"),
}
OUTPUTS = {"output_answers", "output_requests", "output_servers"}  # what jobs printed is not for reports
UNREADABLE = {
    "service": {"log_door"},
    "report": {"log_door", "scripts", "environments", "conductor_migrations", *OUTPUTS},
}

MAY_CALL = """
    SELECT proname::text FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND has_function_privilege(%s, oid, 'EXECUTE')
"""
MAY_WRITE = """
    SELECT relname::text, wish FROM pg_class,
         unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) wish
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
      AND has_table_privilege(%s, oid, wish)
"""
MAY_NOT_READ = """
    SELECT relname::text FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
      AND NOT has_table_privilege(%s, oid, 'SELECT')
"""
MAY_RESET = """
    SELECT seqrelid::regclass::text FROM pg_sequence WHERE has_sequence_privilege(%s, seqrelid, 'UPDATE')
"""
OPEN_SEARCH_PATHS = """
    SELECT proname::text FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND prosecdef
      AND NOT coalesce(proconfig, '{}') @> ARRAY['search_path=public, pg_temp']
"""


@pytest.fixture(scope="module")
def schema(postgres_url: str, template_database: str) -> Iterator[psycopg.Connection[Any]]:
    """The schema with nothing in it, for tests that only look."""
    with (
        fresh_database(postgres_url, template_database) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        yield connection


def role(schema: psycopg.Connection[Any], kind: str) -> str:
    [owner] = found(schema, "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'events'")
    return str(owner).removesuffix("_owner") + f"_{kind}"


def found(schema: psycopg.Connection[Any], query: Any, *parameters: object) -> list[Any]:
    return [row[0] if len(row) == 1 else row for row in schema.execute(query, parameters or None)]


def test_the_service_may_call_the_door_and_the_leases_and_nothing_behind_them(
    schema: psycopg.Connection[Any],
) -> None:
    assert set(found(schema, MAY_CALL, role(schema, "service"))) == OF_THE_SERVICE | HARMLESS


def test_a_report_may_call_nothing_that_writes(schema: psycopg.Connection[Any]) -> None:
    assert set(found(schema, MAY_CALL, role(schema, "report"))) == HARMLESS | {"position_at", "unsupervised"}


@pytest.mark.parametrize("kind", ["service", "report"])
def test_service_and_report_only_read_and_draw_numbers(schema: psycopg.Connection[Any], kind: str) -> None:
    name = role(schema, kind)
    assert found(schema, MAY_WRITE, name) == []
    assert found(schema, MAY_RESET, name) == []
    assert set(found(schema, MAY_NOT_READ, name)) == UNREADABLE[kind]


def test_what_runs_with_the_owners_rights_looks_in_our_schema_only(schema: psycopg.Connection[Any]) -> None:
    assert found(schema, OPEN_SEARCH_PATHS) == []


def test_the_owner_cannot_log_in_and_a_report_is_read_only_and_ends(schema: psycopg.Connection[Any]) -> None:
    login = "SELECT rolcanlogin FROM pg_roles WHERE rolname = %s"
    settings = "SELECT rolconfig FROM pg_roles WHERE rolname = %s"
    assert found(schema, login, role(schema, "owner")) == [False]
    [limits] = found(schema, settings, role(schema, "report"))
    assert set(limits) == {"statement_timeout=60s", "default_transaction_read_only=on"}


def test_every_connection_of_the_program_has_the_services_rights_only(engine: Engine) -> None:
    async def users() -> list[str]:
        async with open_pool(engine.url, size=1) as pool, reachable(pool) as pooled:
            listening = await connect(engine.url)
            async with listening:
                rows = [
                    await (await c.execute("SELECT current_user")).fetchone() for c in (pooled, listening)
                ]
        return [str(row[0]) for row in rows if row]

    with psycopg.connect(engine.url) as administrator:
        service = role(administrator, "service")
    assert asyncio.run(users()) == [service, service]
