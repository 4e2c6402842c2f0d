"""The audit beside real processes: a busy system has no findings, and what was taken back is ended by its node."""

import asyncio
import random

import pytest

from conductor.core.commands import Cancel, Repair
from conductor.core.identifiers import JobId, job_of_stream
from conductor.handler import Accepted
from projections.audit import Finding, Margins, judge, together
from projections.audit_reading import look
from projections.audit_replay import replay
from tests.fix_engine import Engine
from tests.fix_system import System, alive

MARGINS = Margins(lease_seconds=30, kill_grace_seconds=0.5)
SCRIPTS = ("true\n", "sleep 0.1\n", "sleep 0.4\n", "exit 3\n", "trap '' TERM; sleep 2\n")


async def audited(engine: Engine) -> list[Finding]:
    replayed = await asyncio.to_thread(replay, engine.url)
    return together(judge(await look(engine.pool), MARGINS), replayed.findings)


@pytest.mark.slow
def test_a_busy_system_has_no_findings_while_its_parts_are_killed(system: System) -> None:
    node = system.node()
    chance = random.Random(7)

    async def story(engine: Engine) -> None:
        for wave in range(12):
            jobs = [await engine.submit(script=chance.choice(SCRIPTS)) for _ in range(6)]
            await engine.do(Cancel(job_id=chance.choice(jobs)))
            if wave in (4, 8):
                node.executor.kill()
                node.start_executor()
            assert await audited(engine) == []

    system.engine.run(story)
    last = system.submit()
    system.until_ended(*range(1, last + 1))
    assert system.engine.run(audited) == []


def test_what_was_taken_back_while_it_ran_is_ended_by_its_node(system: System) -> None:
    node = system.node()
    job_id = system.submit("sleep 600\n")
    system.until_state(job_id, "RUNNING")
    pid = system.pid(job_id)
    repaired = Repair(finding="process_missing", job_id=JobId(job_id), reason="a mistake")
    outcome = system.engine.run(lambda engine: engine.do(repaired))
    assert isinstance(outcome, Accepted)
    assert job_of_stream(outcome.events[0].stream) == job_id
    node.executor.kill()
    node.start_executor()  # it compares at once what its supervisor holds with the log
    system.until("SELECT EXISTS (SELECT FROM events WHERE type = 'LateReport')")
    assert not alive(pid)
    assert system.job(job_id, "state", "reason") == ("FAILED", "Repaired: process_missing: a mistake")
    assert system.engine.run(audited) == []
