"""Whatever a superuser does to the log or to a table is one finding, named by its cause, with nothing beside it."""

import hashlib
import json
from collections.abc import Sequence
from typing import get_args

import pytest

from conductor.core.commands import Allocate, Release, Requeue
from conductor.core.events import ProcessIdentity, Provenance, ReleaseReason
from conductor.core.identifiers import NodeName
from conductor.core.sentences import Language
from projections.audit import Finding
from projections.audit_catalogue import sentence
from projections.audit_replay import from_json, replay, to_json
from projections.rebuild import RebuildError, rebuild
from tests.fix_engine import Engine

NODE = NodeName("node-1")
BY = Provenance(actor="admin", channel="cli")


# Positions: 1 2 the node, 3 job 1 waits; 4-7 job 2 and 8-11 job 3 run and end, 12 job 3 is requeued, 13 14 job 4.
async def a_day(engine: Engine) -> None:
    await engine.register()
    node = await engine.register()
    await engine.submit()
    for exit_code in (0, 1):
        job_id = await engine.submit()
        allocation_id = (await engine.reserve(job_id, exit_code)).allocation_id
        where = {"incarnation": node.incarnation, "job_id": job_id, "node_name": NODE}
        process = ProcessIdentity(pid=4711, boot_id="boot", start_ticks=5)
        await engine.accepted(Allocate(allocation_id=allocation_id, process=process, **where))  # type: ignore[arg-type]
        ended = {"reason": ReleaseReason.FINISHED, "exit_code": exit_code, "exit_signal": None}
        await engine.accepted(Release(allocation_id=allocation_id, **ended, **where))  # type: ignore[arg-type]
    await engine.accepted(Requeue(job_id=job_id))
    await engine.reserve(await engine.submit(cpus_per_task=2), 2, 3)


def damaged(engine: Engine, *statements: str) -> Sequence[Finding]:
    engine.run(a_day)
    for statement in ("ALTER TABLE events DISABLE TRIGGER events_append_only", *statements):
        engine.sql(statement)
    return replay(engine.url).findings


def names(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in findings]


def appended(stream: str, version: int, kind: str, data: str, recorded: str = "now()") -> str:
    """By the door's own inner function, so that positions and chain are in order."""
    return f"""
        SELECT append_events(now(), '[{{"stream": "{stream}", "version": {version}, "type": "{kind}",
            "schema_version": 1, "data": {data}, "metadata": {{"actor": "eve", "channel": "psql"}}}}]', {recorded})
    """


A_SECOND_PROMISE = """{"allocation_id": 900, "attempt": 1, "node_name": "node-1", "cpu_ids": [2], "cpu_block": 0,
                       "memory_mb": null, "expires_at": "2030-01-01T00:00:00Z", "term": null}"""
A_LITTLE_BEFORE = "(SELECT max(recorded_at) FROM events) - interval '0.9 s'"
NO_REASON = '{"reason": null}'
ELECTED = '{"term": 1, "holder": "h", "host": "h"}'
A_GHOST = "INSERT INTO jobs SELECT (jsonb_populate_record(j, '{\"id\": 99}')).* FROM jobs j WHERE id = 1"


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        # a table
        (["UPDATE jobs SET priority = 7, comment = 'x' WHERE id = 1"], ("row_differs", "jobs 1")),
        (["UPDATE jobs SET version = 9 WHERE id = 1"], ("row_differs", "jobs 1")),
        (["UPDATE nodes SET total_cpus = 5"], ("row_differs", "nodes node-1")),
        (["DELETE FROM resource_allocations WHERE job_id = 2"], ("row_missing", "resource_allocations 1")),
        (["DELETE FROM past_allocations"], ("row_missing", "past_allocations 2")),
        ([A_GHOST], ("row_unexpected", "jobs 99")),
        # an event gone: the first of its stream, one in the middle, the last, the only one, several, a node's
        (["DELETE FROM events WHERE position = 4"], ("position_missing", "position 4")),
        (["DELETE FROM events WHERE position = 5"], ("position_missing", "position 5")),
        (["DELETE FROM events WHERE position = 6"], ("position_missing", "position 6")),
        (["DELETE FROM events WHERE position = 7"], ("position_missing", "position 7")),
        (["DELETE FROM events WHERE position = 12"], ("position_missing", "position 12")),
        (["DELETE FROM events WHERE position = 3"], ("position_missing", "position 3")),
        (["DELETE FROM events WHERE position BETWEEN 5 AND 9"], ("position_missing", "position 5 to 9")),
        (["DELETE FROM events WHERE position = 1"], ("position_missing", "position 1")),
        (["DELETE FROM events WHERE position < 3"], ("position_missing", "position 1 to 2")),
        # an event altered
        (["UPDATE events SET data = data || '{\"priority\": 9}' WHERE position = 3"], ("hash_broken", "position 3")),
        (["UPDATE events SET data = data || '{\"cpu_ids\": [3]}' WHERE position = 5"], ("hash_broken", "position 5")),
        (["UPDATE events SET hash = sha256('x') WHERE position = 6"], ("hash_broken", "position 6 to 7")),
        (["UPDATE events SET stream = 'job-77' WHERE position = 5"], ("hash_broken", "position 5")),
        (["UPDATE events SET recorded_at = recorded_at - interval '1 day' WHERE position = 6"],
         ("hash_broken", "position 6")),
        (["UPDATE events SET recorded_at = recorded_at + interval '1 day' WHERE position = 6"],
         ("hash_broken", "position 6")),
        # an event that no command wrote
        ([appended("job-1", 2, "NodeDrained", NO_REASON), appended("job-1", 3, "JobUnheld", NO_REASON)],
         ("event_illegal", "position 15")),
        ([appended("job-1", 2, "JobTeleported", "{}")], ("event_illegal", "position 15")),
        ([appended("job-1", 2, "ResourcesReserved", A_SECOND_PROMISE)], ("conservation_broken", "position 15")),
        ([appended("job-1", 2, "JobReprioritized", '{"priority": 5}')], ("row_differs", "jobs 1")),
        ([appended("job-1", 2, "ResourcesReserved", A_SECOND_PROMISE.replace("[2]", "[1]"))],
         ("row_differs", "jobs 1")),
        # the clock; not by less than it is told apart
        ([appended("scheduler", 1, "LeaderElected", ELECTED, "now() - interval '1 hour'")],
         ("clock_backwards", "position 15")),
        ([appended("scheduler", 1, "LeaderElected", ELECTED, A_LITTLE_BEFORE)],
         None),
    ],
)  # fmt: skip
def test_one_fault_is_one_finding(
    tampered_engine: Engine, damage: list[str], expected: tuple[str, str] | None
) -> None:
    assert names(damaged(tampered_engine, *damage)) == ([expected] if expected else [])


def test_an_altered_script_is_found_with_the_jobs_that_have_it(tampered_engine: Engine) -> None:
    [finding] = damaged(tampered_engine, "UPDATE scripts SET body = 'rm -rf /'")
    assert finding.code == "script_altered"
    assert finding.parameters["job_ids"] == [1, 2, 3, 4]
    now = hashlib.sha256(b"rm -rf /").hexdigest()
    assert finding.subject == f"scripts {finding.parameters['sha256']} now {now}"
    noted = {"code": finding.code, "subject": finding.subject, "reason": "a disk gave wrong bytes"}
    tampered_engine.sql(appended("audit", 1, ACKNOWLEDGED, json.dumps(noted)))
    assert names(replay(tampered_engine.url).findings) == names([finding])
    tampered_engine.sql("UPDATE scripts SET body = 'rm -rf ~'")
    [other] = replay(tampered_engine.url).findings
    assert other.subject.startswith(f"scripts {finding.parameters['sha256']} now ")
    assert other.subject != finding.subject


def test_two_faults_are_two_findings(tampered_engine: Engine) -> None:
    found = damaged(
        tampered_engine,
        "DELETE FROM events WHERE position = 5",
        "UPDATE jobs SET priority = 7 WHERE id = 1",
        "UPDATE jobs SET priority = 7 WHERE id = 4",
        'UPDATE events SET metadata = \'{"actor": "eve", "channel": "psql"}\' WHERE position = 9',
    )
    assert names(found) == [
        ("position_missing", "position 5"),
        ("hash_broken", "position 9"),
        ("row_differs", "jobs 1"),
        ("row_differs", "jobs 4"),
    ]


def test_a_row_that_differs_tells_each_column(tampered_engine: Engine) -> None:
    [finding] = damaged(tampered_engine, "UPDATE jobs SET priority = 7, comment = 'x' WHERE id = 1")
    assert finding.parameters["cells"] == [
        {"column": "comment", "log": "None", "table": "x"},
        {"column": "priority", "log": "0", "table": "7"},
    ]
    assert finding.streams == ("job-1",)


def test_a_log_in_order_has_no_findings_and_the_answer_survives_its_way(engine: Engine) -> None:
    engine.run(a_day)
    found = replay(engine.url)
    assert (found.findings, found.events, found.rows) == ([], 14, 4 + 3 + 1)
    assert from_json(to_json(found)) == found


def test_what_the_program_prints_reads_back(tampered_engine: Engine) -> None:
    damaged(tampered_engine, "UPDATE jobs SET priority = 7 WHERE id = 1")
    found = replay(tampered_engine.url)
    assert from_json(to_json(found)) == found


ACKNOWLEDGED = "FindingAcknowledged"


def test_from_what_was_acknowledged_nothing_follows_any_more_and_tables_are_mended(
    tampered_engine: Engine,
) -> None:
    """An event of job 1 was altered and is left so: its row differs like any other, and is made anew."""
    altered = "UPDATE events SET data = data || '{\"priority\": 9}' WHERE position = 3"
    elsewhere = "UPDATE jobs SET comment = 'x' WHERE id = 2"
    assert names(damaged(tampered_engine, altered, elsewhere)) == [
        ("hash_broken", "position 3"), ("row_differs", "jobs 2"),
    ]  # fmt: skip
    with pytest.raises(RebuildError, match="acknowledge"):
        rebuild(tampered_engine.url, provenance=BY)
    noted = '{"code": "hash_broken", "subject": "position 3", "reason": "a disk gave wrong bytes"}'
    tampered_engine.sql(appended("audit", 1, ACKNOWLEDGED, noted))
    assert names(replay(tampered_engine.url).findings) == [
        ("hash_broken", "position 3"), ("row_differs", "jobs 1"), ("row_differs", "jobs 2"),
    ]  # fmt: skip
    assert len(rebuild(tampered_engine.url, provenance=BY).damages) == 2
    assert names(replay(tampered_engine.url).findings) == [("hash_broken", "position 3")]


@pytest.mark.parametrize(
    ("hole", "left", "mended"),
    [
        # all of job 1: every stream that is there is whole, and the row of job 1 is explained by nothing
        (3, set(), {"jobs 1 unexpected", "jobs 4 differing"}),
        # the reservation of job 2: what its rows should be is not known any more
        (5, {"job-2"}, {"jobs 4 differing"}),
        # its submission
        (4, {"job-2"}, {"jobs 4 differing"}),
    ],
)
def test_beside_a_hole_that_was_acknowledged_whole_streams_are_mended_and_others_left(
    tampered_engine: Engine, hole: int, left: set[str], mended: set[str]
) -> None:
    rows_of_job_2 = """
        SELECT to_jsonb(j), to_jsonb(a) FROM jobs j JOIN resource_allocations a ON job_id = j.id WHERE j.id = 2
    """
    damaged(tampered_engine)
    tampered_engine.sql("DELETE FROM events WHERE position = %s", hole)
    tampered_engine.sql("UPDATE jobs SET comment = 'x' WHERE id = 4 OR (id = 2 AND %s)", bool(left))
    with pytest.raises(RebuildError, match=f"position_missing, position {hole}.*Nothing was changed"):
        rebuild(tampered_engine.url, provenance=BY)
    noted = json.dumps({"code": "position_missing", "subject": f"position {hole}", "reason": "by mistake"})
    tampered_engine.sql(appended("audit", 1, ACKNOWLEDGED, noted))
    before = tampered_engine.sql(rows_of_job_2)
    rebuilt = rebuild(tampered_engine.url, provenance=BY)
    assert rebuilt.left == left
    assert {f"{d.table} {d.key} {d.kind}" for d in rebuilt.damages} == mended
    assert tampered_engine.sql(rows_of_job_2) == before
    assert names(replay(tampered_engine.url).findings) == [("position_missing", f"position {hole}")]
    again = rebuild(tampered_engine.url, provenance=BY)
    assert (again.damages, again.left) == ([], left)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("DELETE FROM events WHERE position > 13", [("row_ahead", "jobs 4")]),
        ("DELETE FROM events WHERE position > 11", [("row_ahead", "jobs 3"), ("row_ahead", "jobs 4")]),
        # one submission, and what a hand does to one row, look alike
        ("DELETE FROM events WHERE position > 12", [("row_unexpected", "jobs 4")]),
        ("UPDATE jobs SET version = 9 WHERE id = 1", [("row_differs", "jobs 1")]),
    ],
)
def test_an_end_that_was_cut_off_is_told_by_the_rows_that_know_more(
    tampered_engine: Engine, damage: str, found: list[tuple[str, str]]
) -> None:
    findings = damaged(tampered_engine, damage)
    assert names(findings) == found
    for finding in findings:
        told = [sentence(finding.code, finding.parameters, language) for language in get_args(Language)]
        assert all(str(finding.parameters["key"]) in one for one in told)
    rebuild(tampered_engine.url, provenance=BY)
    assert names(replay(tampered_engine.url).findings) == []


def test_what_stands_in_the_way_of_a_row_and_cannot_be_mended_leaves_both(tampered_engine: Engine) -> None:
    """A row of job 2, whose reservation is not in the log any more, has the CPUs that the log promised to job 4."""
    damaged(
        tampered_engine,
        "DELETE FROM events WHERE position = 5",
        "CREATE TABLE kept AS SELECT cpu_spans FROM resource_allocations WHERE job_id = 4",
        "DELETE FROM resource_allocations WHERE job_id = 4",
        "UPDATE resource_allocations SET status = 'allocated', cpu_spans = kept.cpu_spans FROM kept WHERE job_id = 2",
        "UPDATE jobs SET comment = 'x' WHERE id = 1",
    )
    noted = json.dumps({"code": "position_missing", "subject": "position 5", "reason": "by mistake"})
    tampered_engine.sql(appended("audit", 1, ACKNOWLEDGED, noted))
    rebuilt = rebuild(tampered_engine.url, provenance=BY)
    assert rebuilt.left == {"job-2", "job-4"}
    assert {f"{d.table} {d.key}" for d in rebuilt.damages} == {"jobs 1"}
