"""Whatever happened: a case file proves itself, and tells of every job and node what the tables and the log tell.

The seed is in the test's name; a failing one replays the same wishes.
"""

import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conductor.core.decider import State, fold
from conductor.core.identifiers import JobId, StreamName, job_stream
from projections.case_export import Selection, export_case
from projections.case_file import CaseFile, CaseFileError, read_case
from projections.case_proof import verify_case
from projections.known import KnownPosition
from projections.log_stream import LogEvent, read_log
from projections.tables import expected_tables
from tests.fix_engine import Engine
from tests.properties.test_random_histories import CPUS, GRES, NODES, Wisher

WISHES = 250


def exported(engine: Engine, path: Path, **selection: Any) -> CaseFile:
    with path.open("wb") as file:
        export_case(engine.url, Selection(**selection), write=file.write, release="1", now=datetime.now(UTC))
    return read_case(path)


def folded(events: list[LogEvent]) -> dict[StreamName, State]:
    states: dict[StreamName, State] = {}
    for event in events:
        fold(states, event.recorded())
    return states


@pytest.mark.parametrize("seed", range(3))
def test_case_files_of_any_history_tell_what_the_log_tells(engine: Engine, seed: int, tmp_path: Path) -> None:
    async def story(engine: Engine) -> None:
        for name in NODES:
            await engine.register(name, CPUS, gres=GRES)
        wisher = Wisher(seed)
        for _ in range(WISHES // 10):
            await asyncio.gather(*(engine.do(wisher.wish()) for _ in range(10)))

    engine.run(story)
    with psycopg.connect(engine.url) as connection:
        log = list(read_log(connection))
    chance, path = random.Random(seed), tmp_path / "case.jsonl"

    case = exported(engine, path, scripts=True)
    everything = [KnownPosition(position=one.position, hash=one.hash, origin="log") for one in log]
    report = verify_case(case, everything)
    assert (report.equal, report.whole, report.unseen) == (True, True, [])
    assert list(case.log_events()) == log

    for position in [0, len(log), *(chance.randint(1, len(log)) for _ in range(5))]:
        here = expected_tables(case.states(position).values())
        assert here == expected_tables(folded(log[:position]).values())

    for _ in range(5):
        first = chance.randint(1, len(log))
        last = chance.randint(first, len(log))
        piece = exported(engine, path, first=first, last=last)
        assert verify_case(piece, everything[first - 1 : last]).equal
        assert list(piece.log_events()) == log[first - 1 : last]

    _check_jobs(engine, path, chance, log)
    _check_damage(path, chance)


def _check_jobs(engine: Engine, path: Path, chance: random.Random, log: list[LogEvent]) -> None:
    """A job's file has every event of the job, and every node of its allocations at the time."""
    states = folded(log)
    jobs = [row[0] for row in engine.sql("SELECT id FROM jobs")]
    for _ in range(6):
        chosen = chance.sample(jobs, min(len(jobs), chance.randint(1, 3)))
        case = exported(engine, path, jobs=chosen)
        assert verify_case(case).equal
        streams = [job_stream(JobId(job_id)) for job_id in chosen]
        found = list(case.log_events())
        assert [one for one in found if one.stream in streams] == [
            one for one in log if one.stream in streams
        ]
        assert {stream: case.states()[stream] for stream in streams} == {
            stream: states[stream] for stream in streams
        }
        for reserved in (one for one in found if one.type == "ResourcesReserved"):
            node = f"node-{reserved.data['node_name']}"
            registered = [
                one
                for one in log
                if one.stream == node and one.type == "NodeRegistered" and one.position < reserved.position
            ]
            assert registered[-1] in found


def _check_damage(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    for _ in range(200):
        changed = bytearray(content)
        changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        with pytest.raises(CaseFileError):
            read_case(path)
