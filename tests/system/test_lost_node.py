"""A node goes silent: what asked for `requeue` is stopped there before it starts elsewhere; the rest runs on."""

import signal

import pytest

from conductor.core.commands import Cancel, DeclareNodeLost
from conductor.core.identifiers import JobId, NodeName
from tests.fix_system import FirstLine, System, alive

pytestmark = pytest.mark.faults

SHORT = {"CONDUCTOR_LEASE_SECONDS": "2", "CONDUCTOR_KILL_GRACE_SECONDS": "0.4"}


def test_a_silent_node_loses_only_what_asked_for_it_and_keeps_the_rest_until_it_returns(
    system: System,
) -> None:
    system.processes[0].terminate()
    system.start("scheduler", **SHORT)
    silent = system.node("a-silent", 2, **SHORT)
    stay, move = FirstLine(system.home), FirstLine(system.home)
    stays = JobId(system.submit(f"{stay}sleep 300\n"))
    moves = JobId(
        system.submit(
            f"trap '' TERM; echo $CONDUCTOR_NODE; [ $SLURM_RESTART_COUNT -gt 0 ] || {move}sleep 300\n",
            requeue=True,
        )
    )
    stay.wait()
    move.wait()
    first = system.pid(moves)
    system.node("b-other", 2, **SHORT)
    silent.executor.send_signal(signal.SIGSTOP)
    system.until("SELECT state = 'RUNNING' AND attempt = 2 FROM jobs WHERE id = %s", moves, seconds=20)
    assert not alive(first)
    assert alive(system.pid(stays))
    assert system.engine.sql("SELECT state FROM nodes WHERE name = 'a-silent'") == [("LOST",)]
    assert system.job(stays, "state") == ("RUNNING",)
    [(node_name,)] = system.engine.sql("SELECT node_name FROM resource_allocations WHERE job_id = %s", moves)
    assert node_name == "b-other"
    silent.executor.send_signal(signal.SIGCONT)
    system.until("SELECT state = 'UP' FROM nodes WHERE name = 'a-silent'")
    system.until("SELECT count(*) = 1 FROM events WHERE type = 'LateReport'")
    system.engine.run(lambda engine: engine.accepted(Cancel(job_id=stays)))
    system.engine.run(lambda engine: engine.accepted(Cancel(job_id=moves)))
    assert system.until_ended(stays, moves) == ["CANCELLED", "CANCELLED"]


def test_a_node_that_is_away_for_less_than_its_lease_loses_nothing(system: System) -> None:
    node = system.node("node-1", 2)
    moves = JobId(system.submit("sleep 300\n", requeue=True))
    system.until_state(moves, "RUNNING")
    node.executor.kill()
    node.executor.wait()
    node.start_executor()
    system.until("SELECT incarnation = 2 FROM nodes")
    system.engine.run(lambda engine: engine.accepted(Cancel(job_id=moves)))
    assert system.until_ended(moves) == ["CANCELLED"]
    assert system.job(moves, "attempt") == (1,)


def test_what_still_runs_in_an_attempt_that_was_closed_meanwhile_is_ended(system: System) -> None:
    """A person vouched that nothing runs on the node any more, and was wrong."""
    system.processes[0].terminate()
    system.start("scheduler", **SHORT)
    node = system.node("node-1", 2, **SHORT)
    first = FirstLine(system.home)
    job_id = JobId(system.submit(f"{first}sleep 300\n"))
    first.wait()
    pid = system.pid(job_id)
    node.executor.send_signal(signal.SIGSTOP)
    system.until("SELECT state = 'LOST' FROM nodes")
    vouch = DeclareNodeLost(node_name=NodeName("node-1"), reason="burnt down", jobs_lost=True)
    system.engine.run(lambda engine: engine.accepted(vouch))
    assert system.until_ended(job_id) == ["NODE_FAIL"]
    assert alive(pid)
    node.executor.send_signal(signal.SIGCONT)
    system.until("SELECT count(*) = 1 FROM events WHERE type = 'LateReport'")
    assert not alive(pid)
    assert system.job(job_id, "state", "reason") == ("NODE_FAIL", "NodeFail: burnt down")
