"""A case file says the same as the log it came from, and says what it lacks."""

import asyncio
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conductor.core.commands import Cancel, ChangePolicy, DeclareNodeLost, DrainNode, ElectLeader, ResumeNode
from conductor.core.events import JobSubmitted, Provenance
from conductor.core.identifiers import (
    JobId,
    NodeName,
    Term,
    Version,
    event_reference,
    job_stream,
)
from conductor.core.job import Job
from projections.case_export import CannotExport, Selection, export_case
from projections.case_file import read_case
from projections.case_proof import verify_case
from projections.known import KnownPosition
from projections.tables import expected_tables
from tests.fix_engine import Engine
from tests.given_case import NOW, a_case, codes, exported
from tests.postgres.test_replay import a_busy_day


def stored(engine: Engine, table: str) -> list[tuple[Any, ...]]:
    return engine.sql(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608


def test_a_file_of_everything_folds_to_every_table(engine: Engine, tmp_path: Path) -> None:
    engine.run(a_busy_day)
    case = a_case(engine, tmp_path)
    report = verify_case(case)
    assert report.equal
    assert report.whole
    [(head, head_hash)] = engine.sql("SELECT position, hash FROM events ORDER BY position DESC LIMIT 1")
    assert (case.header.first, case.header.last, case.events) == (1, head, head)
    assert (case.header.head_position, case.header.head_hash) == (head, head_hash)
    assert (case.header.release, case.header.exported_at) == ("1.2.3", NOW.isoformat())
    assert case.header.cluster_id == str(engine.sql("SELECT id FROM cluster")[0][0])
    tables = expected_tables(case.states().values())
    counts = {table: len(stored(engine, table)) for table in tables}
    assert {table: len(rows) for table, rows in tables.items()} == counts
    states = dict(engine.sql("SELECT id, state FROM jobs"))
    assert {key: row["state"] for key, row in tables["jobs"].items()} == states


def test_scripts_and_environments_are_left_out_unless_asked_for(engine: Engine, tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        await engine.submit(script="echo secret\n", environment={"KEY": "hush"})
        await engine.submit(script="echo other\n", environment={"KEY": "loud"})

    engine.run(story)
    path = tmp_path / "case.jsonl"
    plain = exported(engine, path)
    assert (plain.scripts, plain.environments) == (0, 0)
    assert b"secret" not in path.read_bytes()
    assert b"hush" not in path.read_bytes()
    case = a_case(engine, tmp_path, jobs=[1], scripts=True, environments=True)
    job = case.states()[job_stream(JobId(1))]
    assert isinstance(job, Job)
    assert job.submitted.environment_id is not None
    assert case.body(job.submitted.script_sha256) == "echo secret\n"
    assert case.environment(job.submitted.environment_id) == {"KEY": "hush"}
    assert b"other" not in path.read_bytes()
    assert b"loud" not in path.read_bytes()
    assert verify_case(case).equal


def test_a_jobs_file_has_its_whole_story_and_its_nodes_part_in_it(engine: Engine, tmp_path: Path) -> None:
    async def story(engine: Engine) -> JobId:
        node = NodeName("node-1")
        await engine.register()
        await engine.accepted(DrainNode(node_name=node))
        await engine.accepted(ResumeNode(node_name=node))
        await engine.register()
        await engine.register("elsewhere")
        await engine.submit()
        job_id = await engine.submit()
        await engine.reserve(job_id, 0)
        await engine.accepted(DeclareNodeLost(node_name=node))
        await engine.submit()
        return job_id

    job_id = engine.run(story)
    case = a_case(engine, tmp_path, jobs=[job_id])
    found = [(one.stream, one.version, one.type) for one in case.log_events()]
    assert found == [
        ("node-node-1", 4, "NodeRegistered"),
        (f"job-{job_id}", 1, "JobSubmitted"),
        (f"job-{job_id}", 2, "ResourcesReserved"),
        ("node-node-1", 5, "NodeLost"),
    ]
    report = verify_case(case)
    assert report.equal
    assert not report.whole
    assert report.partial == {"node-node-1": 4}
    assert len(report.runs) == 2
    job = case.states()[job_stream(job_id)]
    assert isinstance(job, Job)
    assert [(job.state,)] == engine.sql("SELECT state FROM jobs WHERE id = %s", job_id)


def test_a_jobs_file_has_who_placed_it_and_what_caused_it(engine: Engine, tmp_path: Path) -> None:
    async def story(engine: Engine) -> tuple[JobId, JobId]:
        await engine.register()
        for holder in ("first", "second"):
            await engine.accepted(ElectLeader(holder=holder, host="here"))
        cause, job_id = await engine.submit(), await engine.submit()
        for order in ("backfill", "strict_fifo"):
            await engine.accepted(ChangePolicy(changes={"order": order}))
        await engine.reserve(job_id, 0, term=Term(2))
        await engine.accepted(ChangePolicy(changes={"order": "first_fit"}))
        because = Provenance(actor="a", channel="b", causation=event_reference(job_stream(cause), Version(1)))
        await engine.handler.handle(Cancel(job_id=job_id), because)
        return cause, job_id

    cause, job_id = engine.run(story)
    case = a_case(engine, tmp_path, jobs=[job_id])
    found = [(one.stream, one.version) for one in case.log_events()]
    submitted, *later = [(f"job-{job_id}", version) for version in (1, 2, 3)]
    policy = [("policy", 1), ("policy", 2)]
    assert found == [("node-node-1", 1), ("scheduler", 2), (f"job-{cause}", 1), submitted, *policy, *later]
    assert verify_case(case).equal


def test_a_jobs_nodes_are_told_only_while_they_held_it(engine: Engine, tmp_path: Path) -> None:
    engine.run(a_busy_day)
    engine.run(lambda engine: engine.register())
    case = a_case(engine, tmp_path, jobs=[2])
    types = [one.type for one in case.log_events()]
    assert types == [
        "NodeRegistered", "JobSubmitted", "ResourcesReserved", "ResourcesAllocated", "ResourcesReleased",
    ]  # fmt: skip


def test_a_range_says_what_it_lacks(engine: Engine, tmp_path: Path) -> None:
    engine.run(a_busy_day)
    case = a_case(engine, tmp_path, first=5, last=9)
    report = verify_case(case)
    assert report.equal
    assert report.runs == [(5, 9)]
    assert not report.whole
    assert report.partial


def test_what_is_not_in_the_log_cannot_be_exported(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "case.jsonl"
    with pytest.raises(CannotExport, match="empty"):
        exported(engine, path)
    engine.run(a_busy_day)
    for selection, words in (
        ({"jobs": [1, 98, 99]}, "no job 98, 99"),
        ({"first": 1, "last": 10**6}, "the log ends at position"),
        ({"first": 9, "last": 8}, "no events 9 to 8"),
    ):
        with pytest.raises(CannotExport, match=words):
            exported(engine, path, **selection)
        assert path.read_bytes() == b""


def test_a_checkpoint_holds_for_the_events_in_the_file(engine: Engine, tmp_path: Path) -> None:
    engine.run(a_busy_day)
    case = a_case(engine, tmp_path, first=2, last=6)
    [(good,)] = engine.sql("SELECT hash FROM events WHERE position = 4")
    right = KnownPosition(position=4, hash=good, origin="right")
    wrong = KnownPosition(position=5, hash=good, origin="wrong")
    beyond = KnownPosition(position=7, hash=good, origin="beyond")
    report = verify_case(case, [right, wrong, beyond])
    assert codes(report) == ["history_rewritten"]
    assert "wrong remembers" in report.differences[0].sentence()
    assert report.unseen == [beyond]


def test_the_file_as_of_a_time_is_the_file_as_of_its_position(engine: Engine, tmp_path: Path) -> None:
    engine.run(a_busy_day)
    case = a_case(engine, tmp_path)
    for position, recorded_at in engine.sql("SELECT position, recorded_at FROM events ORDER BY position"):
        assert case.position_at(recorded_at) == position
    assert case.position_at(datetime(2000, 1, 1, tzinfo=UTC)) == 0
    first = [one for one in case.log_events(until=3)]  # noqa: C416
    assert [one.position for one in first] == [1, 2, 3]
    assert isinstance(first[-1].recorded().event, JobSubmitted)


def test_neither_writing_nor_reading_keeps_the_events(engine: Engine, tmp_path: Path) -> None:
    """Written event by event; read with less memory than a fifth of the file."""

    async def story(engine: Engine) -> None:
        await asyncio.gather(*(engine.submit() for _ in range(2000)))

    engine.run(story)
    pieces: list[int] = []
    export_case(engine.url, Selection(), write=lambda piece: pieces.append(len(piece)), release="1", now=NOW)
    assert len(pieces) == 2000 + 2
    assert max(pieces) < 3000
    path = tmp_path / "case.jsonl"
    exported(engine, path)
    tracemalloc.start()
    try:
        read_case(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < path.stat().st_size / 5
