"""The schema as people see it: the contract's columns, comments in both languages, rights of the roles."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from conductor.core.allocation import AllocationStatus
from conductor.core.job import JobState
from conductor.core.node import NodeState
from tests.fix_engine import Engine
from tests.fix_postgres import fresh_database

JOBS = """
    id name state reason final user_name account submitted_by script_sha256 environment_id work_dir ntasks_per_node
    cpus_per_task total_cpus_required allocated_cpus memory_mb time_limit time_limit_seconds priority held requeue
    begin_time dependency array_job_id array_task_id submit_time eligible_time start_time end_time
    cancel_requested_at exit_code exit_signal stdout_path stderr_path comment attempt version signal
    array_spec nodelist labels exclusive gres
"""
ALLOCATIONS = """
    id job_id attempt node_name allocated_cpus cpu_ids memory_mb status process_id boot_id pid_namespace
    process_start_ticks reservation_time expires_at allocation_time release_time release_reason exit_code exit_signal
    cpu_seconds memory_peak_mb version cpu_spans gres
"""
COLUMNS = {
    "jobs": JOBS,
    "resource_allocations": ALLOCATIONS,
    "past_allocations": ALLOCATIONS,
    "allocation_history": ALLOCATIONS,
    "nodes": """
        name state reason total_cpus cpu_ids memory_mb labels incarnation boot_id spool_id cpu_block registered_at
        version gres numa
    """,
    "events": "position stream version type schema_version at recorded_at data metadata hash",
    "scripts": "sha256 body",
    "cluster": "id made_at",
    "environments": "id values",
    "process_history": """
        node_name process_id job_id attempt boot_id user_name start_time end_time exit_code exit_signal
    """,
    "usage": "job_id attempt user_name account node_name cpus start_time end_time cpu_seconds_allocated",
}
STATES = {
    ("jobs", "state"): """
        PENDING RESERVED RUNNING COMPLETED FAILED CANCELLED TIMEOUT NODE_FAIL OUT_OF_MEMORY
    """,
    ("resource_allocations", "status"): "reserved allocated released",
    ("past_allocations", "status"): "reserved allocated released",
    ("nodes", "state"): "UP DRAINED LOST REMOVED",
}
PRINTED_SELECTS = (
    """
    SELECT j.id, j.name, j.state, ra.process_id, ra.allocation_time, ra.node_name
    FROM jobs j LEFT JOIN resource_allocations ra ON j.id = ra.job_id
    WHERE j.state = 'RUNNING' ORDER BY j.id DESC;
    """,
    """
    SELECT id, name, allocated_cpus, start_time, EXTRACT(EPOCH FROM (now() - start_time))
    FROM jobs WHERE state = 'RUNNING' ORDER BY start_time;
    """,
)
SCRIPT = "SELECT j.script FROM jobs j"

# Every object of ours in the schema, with its comment: tables and views, their columns, functions, sequences.
COMMENTS = """
    SELECT c.relname::text, obj_description(c.oid, 'pg_class')
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'S')
    UNION ALL
    SELECT c.relname || '.' || a.attname, col_description(c.oid, a.attnum)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p')
      AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT p.proname || '()', obj_description(p.oid, 'pg_proc')
    FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace
"""


@pytest.fixture(scope="module")
def schema(postgres_url: str, template_database: str) -> Iterator[psycopg.Connection[Any]]:
    """The schema with nothing in it, for tests that only look."""
    with (
        fresh_database(postgres_url, template_database) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        yield connection


def texts(connection: psycopg.Connection[Any], statement: str, *parameters: object) -> list[str]:
    return [row[0] for row in connection.execute(sql.SQL(statement), parameters)]


def become(connection: psycopg.Connection[Any], kind: str) -> None:
    owner = texts(connection, "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'events'")[0]
    role = owner.strip('"').removesuffix("_owner") + f"_{kind}"
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))


def test_everything_has_a_comment_in_both_languages(schema: psycopg.Connection[Any]) -> None:
    found = dict(schema.execute(COMMENTS).fetchall())
    assert {"jobs", "jobs.state", "usage.cpus", "commit_batch()", "job_ids"} <= found.keys()
    assert [name for name, comment in found.items() if not is_bilingual(comment)] == []


def is_bilingual(comment: str | None) -> bool:
    """English without a Chinese character, ` / `, then Chinese; each a sentence."""
    english, slash, chinese = (comment or "").partition(" / ")
    has_chinese = re.compile(r"[\u4e00-\u9fff]").search
    sentences = english.endswith(".") and chinese.endswith("。")
    return bool(slash) and sentences and not has_chinese(english) and bool(has_chinese(chinese))


@pytest.mark.parametrize("relation", COLUMNS)
def test_columns_are_those_of_the_contract_in_its_order(
    schema: psycopg.Connection[Any], relation: str
) -> None:
    statement = """
        SELECT attname::text FROM pg_attribute
        WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
    """
    assert texts(schema, statement, f"public.{relation}") == COLUMNS[relation].split()


@pytest.mark.parametrize(("relation", "column"), STATES)
def test_states_are_checked_by_the_database(
    schema: psycopg.Connection[Any], relation: str, column: str
) -> None:
    statement = """
        SELECT pg_get_constraintdef(c.oid)
        FROM pg_constraint c
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
        WHERE c.contype = 'c' AND c.conrelid = to_regclass(%s) AND a.attname = %s
    """
    [check] = texts(schema, statement, relation, column)
    assert re.findall(r"'(\w+)'", check) == STATES[relation, column].split()


def test_states_of_the_database_are_those_of_the_code() -> None:
    assert STATES["jobs", "state"].split() == list(JobState)
    assert STATES["resource_allocations", "status"].split() == list(AllocationStatus)
    assert STATES["nodes", "state"].split() == list(NodeState)


def test_ids_are_bigint_and_every_instant_has_a_time_zone(schema: psycopg.Connection[Any]) -> None:
    statement = """
        SELECT c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, NULL)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0
          AND (c.relname || '.' || a.attname IN (
                  'jobs.id', 'resource_allocations.id', 'resource_allocations.job_id', 'events.position',
                  'jobs.array_job_id', 'process_history.job_id', 'usage.job_id', 'nodes.incarnation')
               OR a.atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype, 'date'::regtype))
    """
    found = dict(text.split(" ", 1) for text in texts(schema, statement))
    ids = {name for name, kind in found.items() if not kind.startswith("timestamp")}
    assert len(ids) == 8
    assert {found[name] for name in ids} == {"bigint"}
    assert {kind for name, kind in found.items() if name not in ids} == {"timestamp with time zone"}


def test_nothing_of_ours_stands_outside_the_schema_public(schema: psycopg.Connection[Any]) -> None:
    statement = "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1"
    assert texts(schema, statement) == ["information_schema", "public"]


@pytest.mark.parametrize("kind", ["service", "report"])
def test_the_original_systems_printed_selects_run_as_they_stand(engine: Engine, kind: str) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        await engine.submit(name="waits")

    engine.run(story)
    with psycopg.connect(engine.url, autocommit=True) as connection:
        become(connection, kind)
        joined, plain = (connection.execute(sql.SQL(text)) for text in PRINTED_SELECTS)
        assert [column.name for column in joined.description or ()] == [
            "id", "name", "state", "process_id", "allocation_time", "node_name",
        ]  # fmt: skip
        assert plain.fetchall() == []


def test_a_jobs_script_answers_to_the_service_and_is_denied_to_reports(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        await engine.submit(script="echo secret\n")

    engine.run(story)
    with psycopg.connect(engine.url, autocommit=True) as connection:
        become(connection, "service")
        assert texts(connection, SCRIPT) == ["echo secret\n"]
        connection.execute("RESET ROLE")
        become(connection, "report")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(SCRIPT)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT body FROM scripts")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM environments")
