"""Ends parts of the system at chosen moments and looks at what is left: promises 3, 4 and 7."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from conductor.core.commands import Cancel
from conductor.core.identifiers import JobId
from conductor.supervisor.launch import supervisor_command
from tests.fix_system import FirstLine, Node, System, alive

pytestmark = pytest.mark.faults


@contextmanager
def closed_door(system: System) -> Iterator[None]:
    """While it lasts, no batch of anybody commits; the database's administrator holds the door."""
    with psycopg.connect(system.engine.url) as administrator:
        administrator.execute("LOCK TABLE log_door IN EXCLUSIVE MODE")
        yield


def wait_for_a_gated_process(system: System, node: Node) -> int:
    """A process of the job exists, and the log does not know it yet."""
    give_up_at = time.monotonic() + 20
    while not node.supervised():
        assert time.monotonic() < give_up_at, system.logs()
    return node.supervised()[0]


def wait_until_asked_at_the_door(system: System) -> None:
    """Some backend waits for the door: an `Allocate` is on its way."""
    system.until("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'log_door'::regclass")


def reserved_behind_a_closed_door(system: System, node: Node, script: str) -> int:
    """A job whose reservation is in the log; the executor is stopped until the test lets it go on."""
    node.executor.send_signal(signal.SIGSTOP)
    job_id = system.submit(script)
    system.until_state(job_id, "RESERVED")
    return job_id


def test_an_executor_killed_between_fork_and_commit_leaves_no_line_run_and_the_next_one_carries_on(
    system: System, tmp_path: Path
) -> None:
    node = system.node()
    evidence = tmp_path / "evidence"
    job_id = reserved_behind_a_closed_door(system, node, f"echo ran >> {evidence}\n")
    with closed_door(system):
        node.executor.send_signal(signal.SIGCONT)
        pid = wait_for_a_gated_process(system, node)
        wait_until_asked_at_the_door(system)
        node.executor.kill()
        node.executor.wait()
        end_waiting_backends(system)
        assert alive(pid)
        assert not evidence.exists()
    assert system.job(job_id, "state") == ("RESERVED",)
    assert not evidence.exists()
    node.start_executor()
    assert system.until_ended(job_id) == ["COMPLETED"]
    assert evidence.read_text() == "ran\n"
    assert system.pid(job_id) == pid


def end_waiting_backends(system: System) -> None:
    """Whoever waits at the door is ended, so that what it brought is rolled back."""
    system.engine.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'log_door'::regclass"
    )
    system.until("SELECT count(*) = 0 FROM pg_locks WHERE NOT granted AND relation = 'log_door'::regclass")


def test_a_cancel_that_wins_the_race_against_a_start_leaves_no_line_run(
    system: System, tmp_path: Path
) -> None:
    node = system.node()
    evidence = tmp_path / "evidence"
    job_id = JobId(reserved_behind_a_closed_door(system, node, f"echo ran >> {evidence}\n"))
    with closed_door(system):
        node.executor.send_signal(signal.SIGCONT)
        pid = wait_for_a_gated_process(system, node)
        wait_until_asked_at_the_door(system)
        node.executor.send_signal(signal.SIGSTOP)
        end_waiting_backends(system)
    system.engine.run(lambda engine: engine.accepted(Cancel(job_id=job_id)))
    node.executor.send_signal(signal.SIGCONT)
    assert system.until_ended(job_id) == ["CANCELLED"]
    after = system.submit()
    assert system.until_ended(after) == ["COMPLETED"]
    wait_until_gone(pid)
    assert not evidence.exists()
    assert system.job(job_id, "start_time") == (None,)


def wait_until_gone(pid: int) -> None:
    give_up_at = time.monotonic() + 20
    while alive(pid):
        assert time.monotonic() < give_up_at


def test_a_start_whose_reservation_expired_never_runs_and_the_job_goes_back_to_the_queue(
    system: System, tmp_path: Path
) -> None:
    system.start("scheduler", CONDUCTOR_RESERVATION_SECONDS="0.3")
    leader = system.processes[0]
    leader.terminate()
    leader.wait(10)
    node = system.node()
    evidence = tmp_path / "evidence"
    node.executor.send_signal(signal.SIGSTOP)
    job_id = system.submit(f"echo ran >> {evidence}\n")
    system.until("SELECT count(*) > 0 FROM past_allocations WHERE release_reason = 'expired'")
    assert not evidence.exists()
    node.executor.send_signal(signal.SIGCONT)
    assert system.until_ended(job_id) == ["COMPLETED"]
    assert evidence.read_text() == "ran\n"
    assert system.job(job_id, "attempt") == (1,)


def test_a_running_job_outlives_its_executor_and_its_exit_and_output_are_recorded(system: System) -> None:
    node = system.node()
    first = FirstLine(system.home)
    job_id = system.submit(
        f"{first}echo before; while [ ! -e go ]; do sleep 0.05; done; echo after; exit 4\n"
    )
    first.wait()
    pid = system.pid(job_id)
    node.executor.kill()
    node.executor.wait()
    (node.spool / "work" / f"job_{job_id}" / "go").touch()
    wait_until_gone(pid)
    assert system.job(job_id, "state") == ("RUNNING",)
    node.start_executor()
    assert system.until_ended(job_id) == ["FAILED"]
    assert system.job(job_id, "exit_code") == (4,)
    assert node.output(job_id) == "before\nafter\n"


def test_an_executor_killed_between_an_exit_and_its_commit_loses_no_exit_code(system: System) -> None:
    node = system.node()
    first = FirstLine(system.home)
    job_id = system.submit(f"{first}while [ ! -e go ]; do sleep 0.05; done; exit 4\n")
    first.wait()
    with closed_door(system):
        (node.spool / "work" / f"job_{job_id}" / "go").touch()
        wait_until_asked_at_the_door(system)
        node.executor.kill()
        node.executor.wait()
        end_waiting_backends(system)
    assert system.job(job_id, "state") == ("RUNNING",)
    node.start_executor()
    assert system.until_ended(job_id) == ["FAILED"]
    assert system.job(job_id, "exit_code") == (4,)


def test_a_job_that_nobody_holds_any_more_ends_as_unknown_and_gives_its_cpus_back(system: System) -> None:
    """As after a lost disk: the log says it runs here, and the node's supervisor never heard of it."""
    node = system.node(cpus=1)
    job_id = system.submit("sleep 300\n")
    system.until_state(job_id, "RUNNING")
    for process in (node.executor, node.supervisor):
        process.kill()
        process.wait()
    os.killpg(system.pid(job_id), signal.SIGKILL)
    (node.spool / "journal").unlink()
    node.supervisor = system.spawn(supervisor_command(node.spool), {})
    node.start_executor()
    assert system.until_ended(job_id) == ["FAILED"]
    assert str(system.job(job_id, "reason")[0]).startswith("ExitUnknown")
    assert system.until_ended(system.submit()) == ["COMPLETED"]


def test_an_executor_told_to_stop_leaves_its_jobs_and_goes_within_five_seconds(system: System) -> None:
    node = system.node()
    first = FirstLine(system.home)
    job_id = system.submit(f"{first}sleep 300\n")
    first.wait()
    node.executor.send_signal(signal.SIGTERM)
    assert node.executor.wait(5) == 0
    assert alive(system.pid(job_id))


def test_a_standby_takes_over_within_three_seconds_of_the_leaders_death(system: System) -> None:
    system.node()
    assert system.until_ended(system.submit()) == ["COMPLETED"]
    system.start("scheduler")
    leader = system.processes[0]
    leader.kill()
    died_at = time.monotonic()
    leader.wait()
    job_id = system.submit()
    assert system.until_ended(job_id) == ["COMPLETED"]
    assert time.monotonic() - died_at < 3 + 2  # a standby's own start of two seconds is not the promise
    terms = system.engine.sql(
        "SELECT data ->> 'term' FROM events WHERE type = 'LeaderElected' ORDER BY position"
    )
    assert terms == [("1",), ("2",)]


def test_work_goes_on_after_every_backend_was_ended(system: System) -> None:
    system.node()
    assert system.until_ended(system.submit()) == ["COMPLETED"]
    system.engine.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND query NOT LIKE 'LISTEN \"conductor_log\"%%'"
    )
    assert system.until_ended(system.submit()) == ["COMPLETED"]
