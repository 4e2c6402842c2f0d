"""The reports of docs/sql.md give the right numbers: each is asked as printed, as the report role, about a history of
which everything is known.

The day before yesterday on two nodes of 4 CPUs: alice (account physics) ran a long job and two short ones; bob one that
failed by its exit code, one that was killed by a signal, and one that he had requeued. Times are put into the rows by
the database's administrator, so nothing is proved of the log here.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql

from conductor.core.commands import Cancel, Requeue
from tests.fix_engine import Engine
from tests.test_docs import ROOT

REPORT = re.compile(r"^## (.+?)\n(?:(?!^## ).)*?^```sql\n(.*?);\n```$", re.MULTILINE | re.DOTALL)
REPORTS = dict(REPORT.findall((ROOT / "docs/sql.md").read_text("utf-8")))

# What each job became: minutes after that day's noon when it could run, began and ended; and the rest of its row.
HISTORY = """
    UPDATE jobs SET
        name = h.name, state = h.state, final = true, reason = h.reason, account = h.account,
        exit_code = h.exit_code, exit_signal = h.exit_signal,
        memory_mb = h.memory_mb, time_limit_seconds = h.limit_minutes * 60, time_limit = h.limit_minutes,
        submit_time = noon + h.eligible * interval '1 minute', eligible_time = noon + h.eligible * interval '1 minute',
        start_time = noon + h.began * interval '1 minute', end_time = noon + h.ended * interval '1 minute'
    FROM (SELECT date_trunc('day', now(), 'UTC') - interval '36 hours' AS noon) n, (VALUES
        (1, 'long',  'COMPLETED', NULL::text,        'physics', 0,    NULL::integer, 8000, 3000, 0,   10,   730),
        (2, 'short', 'COMPLETED', NULL,              'physics', 0,    NULL,          NULL, 600,  0,   20,   50),
        (3, 'short', 'COMPLETED', NULL,              'physics', 0,    NULL,          NULL, 600,  0,   30,   60),
        (4, 'fails', 'FAILED',    NULL,              NULL,      3,    NULL,          2000, 60,   70,  75,   80),
        (5, 'fails', 'FAILED',    NULL,              NULL,      NULL, 11,            1000, 60,   70,  75,   85)
    ) h (id, name, state, reason, account, exit_code, exit_signal, memory_mb, limit_minutes, eligible, began, ended)
    WHERE jobs.id = h.id
"""
ALLOCATIONS = """
    INSERT INTO resource_allocations (
        id, job_id, attempt, node_name, allocated_cpus, cpu_ids, status, process_id, reservation_time, expires_at,
        allocation_time, release_time, release_reason, cpu_seconds, memory_peak_mb, version, cpu_spans)
    SELECT 100 + a.job_id, a.job_id, 1, a.node, cardinality(a.cpu_ids), a.cpu_ids, 'released', 4711, j.start_time,
           j.start_time, j.start_time, j.end_time, 'finished', a.cpu_seconds, a.peak_mb, 4, '{}'
    FROM (VALUES
        (1, 'node-1', ARRAY[0, 1],       43200.0, 1600),
        (2, 'node-2', ARRAY[0],          1800.0,  NULL::integer),
        (3, 'node-2', ARRAY[1],          0.0,     NULL),
        (4, 'node-2', ARRAY[0, 1, 2, 3], 300.0,   100),
        (5, 'node-1', ARRAY[3],          600.0,   900)
    ) a (job_id, node, cpu_ids, cpu_seconds, peak_mb)
    JOIN jobs j ON j.id = a.job_id
"""


@pytest.fixture
def answers(tampered_engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """What each report says, by its heading."""
    engine = tampered_engine

    async def story(engine: Engine) -> None:
        await engine.register("node-1")
        await engine.register("node-2")
        for cpus in (2, 1, 1):
            await engine.submit(cpus_per_task=cpus)
        for cpus in (4, 1, 1):
            await engine.submit(cpus_per_task=cpus, user_name="bob")
        requeued = await engine.submit(user_name="bob")
        await engine.do(Cancel(job_id=requeued))
        await engine.do(Requeue(job_id=requeued))
        await engine.do(Cancel(job_id=requeued))

    engine.run(story)
    engine.sql(HISTORY)
    engine.sql(ALLOCATIONS)
    engine.sql("UPDATE jobs SET eligible_time = NULL, start_time = NULL WHERE id > 5")
    owner = engine.sql("SELECT relowner::regrole::text FROM pg_class WHERE relname = 'events'")[0][0]
    role = owner.strip('"').removesuffix("_owner") + "_report"
    with psycopg.connect(engine.url, autocommit=True) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        return {heading: connection.execute(sql.SQL(text)).fetchall() for heading, text in REPORTS.items()}


def test_every_report_gives_the_numbers_of_a_known_history(answers: dict[str, list[tuple[Any, ...]]]) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    for heading, expected in expected_answers(midnight).items():
        rows = answers[heading]
        assert [row[: len(want)] for row, want in zip(rows, expected, strict=True)] == expected, heading


def expected_answers(midnight: datetime) -> dict[str, list[tuple[Any, ...]]]:
    """Counted by hand. `midnight` is that day's first moment."""
    noon, after = midnight + timedelta(hours=12), midnight + timedelta(days=1)
    return {
        "How long jobs waited, by day and width": [
            (midnight, 1, 3, 1200.0, timedelta(minutes=30)),
            (midnight, 2, 1, 600.0, timedelta(minutes=10)),
            (midnight, 4, 1, 300.0, timedelta(minutes=5)),
        ],
        "How long jobs waited, by user and account": [
            ("alice", "physics", 3, 1200.0, 1680.0, 1788.0),
            ("bob", None, 2, 300.0, 300.0, 300.0),
        ],
        "How long the queue was, hour by hour": [(noon, 3, 4)],
        "CPU hours by user in the last 30 days": [
            ("alice", Decimal("25.00"), Decimal("12.50")),
            ("bob", Decimal("0.50"), Decimal("0.25")),
        ],
        "How much of what was held was computed": [
            ("alice", 3, Decimal("50.0"), Decimal("12.50")),
            ("bob", 2, Decimal("50.0"), Decimal("0.25")),
        ],
        "Memory asked for and used": [
            ("alice", "long", 1, 8000, 1600, Decimal("20.0")),
            ("bob", "fails", 2, 2000, 900, Decimal("45.0")),
        ],
        "Time asked for and used": [("alice", "short", 2, 600, Decimal("30.0"))],
        "What failed, by user": [
            ("bob", "FAILED", "exit code 3", 1, noon + timedelta(minutes=80), [4]),
            ("bob", "FAILED", "signal 11", 1, noon + timedelta(minutes=85), [5]),
        ],
        "What was requeued, and by whom": [("bob", 1, 0, 1, 2)],
        "What ran as PID 4711 on node-1, and when": [
            (1, 1, "alice", noon + timedelta(minutes=10), after + timedelta(minutes=10)),
            (5, 1, "bob", noon + timedelta(minutes=75), noon + timedelta(minutes=85)),
        ],
    }


def test_hours_and_days_are_counted_where_they_lie(answers: dict[str, list[tuple[Any, ...]]]) -> None:
    """A job that ran over midnight belongs to both days, and to the hour in which it ended."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    after = midnight + timedelta(days=1)
    hours = {row[0]: row[1:] for row in answers["How many jobs ended in each hour"]}
    assert hours[midnight + timedelta(hours=12)] == (1, 1, Decimal("0.50"))
    assert hours[midnight + timedelta(hours=13)] == (3, 1, Decimal("1.00"))
    assert hours[after] == (1, 1, Decimal("24.00"))
    busy = {row[:2]: row[2:] for row in answers["How busy each node was, day by day"]}
    assert len(busy) == 7 * 2
    assert busy[midnight.date(), "node-1"] == (4, Decimal("23.83"), Decimal("24.8"))
    assert busy[midnight.date(), "node-2"] == (4, Decimal("1.33"), Decimal("1.4"))
    assert busy[after.date(), "node-1"] == (4, Decimal("0.33"), Decimal("0.3"))
    assert sum(held for _, held, _ in busy.values()) == Decimal("25.49")
