"""How attempts end: by themselves, by a cancel, by their limit; and that nothing of them is left when they have."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.process.supervised import Executor, Supervised, gone, output_of, until, write_to

OLD_KERNEL = ("--without-pidfds", "--without-child-list", "--without-cgroups")
IGNORES_TERM = "trap '' TERM; echo ready; while :; do sleep 60; done\n"


@pytest.fixture(
    scope="module",
    params=[("--group-every-job",), ("--without-cgroups",), OLD_KERNEL],
    ids=["kernel", "no cgroups", "old kernel"],
)
def supervised(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Supervised]:
    supervised = Supervised(tmp_path_factory.mktemp("ending") / "spool", request.param)
    yield supervised
    assert supervised.end() == 0


@pytest.fixture(scope="module")
def executor(supervised: Supervised) -> Executor:
    return supervised.executor()


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def allocation_id(numbers: Iterator[int]) -> int:
    return next(numbers)


def until_printed(supervised: Supervised, job_id: int, text: bytes = b"ready\n") -> None:
    until(lambda: text in output_of(supervised.spool, job_id), f"job {job_id} to print {text!r}")


def pids_printed(supervised: Supervised, job_id: int) -> list[int]:
    return [int(word) for word in output_of(supervised.spool, job_id).split() if word.isdigit()]


@pytest.mark.parametrize("code", [0, 1, 3, 125, 255])
def test_an_exit_code_is_the_scripts(executor: Executor, allocation_id: int, code: int) -> None:
    exited = executor.run(allocation_id, f"exit {code}\n")
    assert (exited["exit_code"], exited["exit_signal"]) == (code, None)
    assert (exited["cause"], exited["detail"]) == (None, None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGHUP])
def test_a_signal_is_told_as_a_signal(executor: Executor, allocation_id: int, number: int) -> None:
    exited = executor.run(allocation_id, f"kill -{int(number)} $$\n")
    assert (exited["exit_code"], exited["exit_signal"], exited["cause"]) == (None, number, None)


def test_no_signal_is_ignored_or_blocked_in_a_job(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path / "spool", ignoring="USR1 QUIT HUP")
    supervised.executor().run(1, "grep -E 'Sig(Ign|Blk)' /proc/self/status\n")
    assert [int(word, 16) for word in output_of(supervised.spool, 1).split()[1::2]] == [0, 0]
    assert supervised.end() == 0


def test_usage_counts_the_script_and_what_it_waited_for(executor: Executor, allocation_id: int) -> None:
    script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done\npython3 -c 'x = bytearray(60_000_000)'\n"
    exited = executor.run(allocation_id, script)
    assert 0.01 < exited["cpu_seconds"] < 10
    assert 57 <= exited["memory_peak_mb"] < 200


def test_usage_counts_orphans_too(executor: Executor, supervised: Supervised, allocation_id: int) -> None:
    burn = "import time\\nwhile time.process_time() < 0.1: pass"
    script = (
        f"( (python3 -c $'{burn}'; echo ready) & )\nuntil grep -q ready /proc/$$/fd/1; do sleep 0.01; done\n"
    )
    assert executor.run(allocation_id, script)["cpu_seconds"] >= 0.1


def test_a_cancel_ends_a_job_with_sigterm(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    executor.started(allocation_id, "echo ready; exec sleep 60\n")
    until_printed(supervised, allocation_id)
    executor.ask("stop", allocation_id, cause="cancelled")
    exited = executor.event(allocation_id, "exited")
    assert (exited["exit_signal"], exited["cause"]) == (signal.SIGTERM, "cancelled")


def test_a_cancelled_job_may_clean_up_and_keeps_its_exit_code(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    executor.started(allocation_id, "trap 'echo cleaned; exit 9' TERM; echo ready; sleep 60 & wait\n")
    until_printed(supervised, allocation_id)
    executor.ask("stop", allocation_id, cause="cancelled", grace_seconds=5)
    exited = executor.event(allocation_id, "exited")
    assert (exited["exit_code"], exited["cause"]) == (9, "cancelled")
    assert b"cleaned" in output_of(supervised.spool, allocation_id)


def test_a_job_that_ignores_sigterm_is_killed_after_the_grace(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    executor.started(allocation_id, IGNORES_TERM, kill_grace_seconds=0.05)
    until_printed(supervised, allocation_id)
    executor.ask("stop", allocation_id, cause="cancelled")
    exited = executor.event(allocation_id, "exited")
    assert (exited["exit_signal"], exited["cause"]) == (signal.SIGKILL, "cancelled")


def test_a_second_stop_may_shorten_the_grace(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    executor.started(allocation_id, IGNORES_TERM, kill_grace_seconds=3600)
    until_printed(supervised, allocation_id)
    executor.ask("stop", allocation_id, cause="cancelled")
    executor.ask("stop", allocation_id, cause="cancelled", grace_seconds=0)
    assert executor.event(allocation_id, "exited")["exit_signal"] == signal.SIGKILL


def test_a_stopped_process_hears_the_cancel(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done\n"
    pid = executor.started(allocation_id, script, kill_grace_seconds=3600)
    until_printed(supervised, allocation_id)
    os.kill(pid, signal.SIGSTOP)
    executor.ask("stop", allocation_id, cause="cancelled")
    assert executor.event(allocation_id, "exited")["exit_code"] == 9


def test_a_job_that_ended_before_its_cancel_ended_by_itself(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    """Also when the supervisor hears of the cancel before it hears of the end."""
    pid = executor.started(allocation_id, "read _ </dev/null; exit 4\n")
    os.kill(supervised.process.pid, signal.SIGSTOP)
    until(lambda: gone(pid), "the script's end")
    executor.ask("stop", allocation_id, cause="cancelled")
    os.kill(supervised.process.pid, signal.SIGCONT)
    exited = executor.event(allocation_id, "exited")
    assert (exited["exit_code"], exited["cause"]) == (4, None)


def test_a_script_that_ended_is_not_cancelled_while_its_rest_is_cleared_away(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    script = f"({IGNORES_TERM}) &\nuntil grep -q ready /proc/$$/fd/1; do :; done; exit 5\n"
    pid = executor.started(allocation_id, script, kill_grace_seconds=3600)
    until(lambda: gone(pid), "the script's end")
    executor.ask("stop", allocation_id, cause="cancelled", grace_seconds=0)
    exited = executor.event(allocation_id, "exited")
    assert (exited["exit_code"], exited["cause"]) == (5, None)


def test_a_time_limit_ends_a_job_and_says_so(executor: Executor, allocation_id: int) -> None:
    executor.started(allocation_id, IGNORES_TERM, time_limit_seconds=0.1, kill_grace_seconds=0.05)
    exited = executor.event(allocation_id, "exited")
    assert (exited["exit_signal"], exited["cause"]) == (signal.SIGKILL, "timed_out")


def test_a_time_limit_begins_when_the_gate_opens(executor: Executor, allocation_id: int) -> None:
    pid = executor.gated(allocation_id, "exit 0\n", time_limit_seconds=0.05)
    # Another job's whole limit passes first: had this one's begun at its gate, it would be over as well.
    executor.run(100_000 + allocation_id, "exec sleep 60\n", time_limit_seconds=0.1)
    assert not gone(pid)
    executor.ask("open", allocation_id)
    assert executor.event(allocation_id, "exited")["exit_code"] == 0


UNTIL_PRINTED = "until grep -q . /proc/$$/fd/1; do :; done"
LEAVING = {
    "in the background": "sleep 300 & echo $!; exit 3\n",
    "ignoring SIGTERM": "(trap '' TERM; sleep 300) & echo $!; exit 3\n",
    "in a group of its own": "set -m; sleep 300 & echo $!; exit 3\n",
    "in a session of its own": "setsid sleep 300 & echo $!; exit 3\n",
    "a double-forked daemon": f"(setsid sh -c 'echo $$; exec sleep 300' & ) ; {UNTIL_PRINTED}; exit 3\n",
    "a daemon that executes itself": "echo 'exec sh \"$0\"' >again; setsid sh again & echo $!; exit 3\n",
    "a grandchild below a daemon": f"setsid sh -c 'setsid sleep 300 & echo $!; wait' &\n{UNTIL_PRINTED}; exit 3\n",
}


@pytest.mark.parametrize("script", LEAVING.values(), ids=LEAVING)
def test_resources_come_back_only_when_nothing_is_left(
    executor: Executor, supervised: Supervised, allocation_id: int, script: str
) -> None:
    executor.started(allocation_id, script, kill_grace_seconds=0.05)
    exited = executor.event(allocation_id, "exited")
    assert (exited["exit_code"], exited["cause"]) == (3, None)
    left = pids_printed(supervised, allocation_id)
    assert left
    assert all(gone(pid) for pid in left)


def test_a_cancel_reaches_what_left_the_group(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    script = "setsid sh -c 'trap \"\" TERM; echo $$; while :; do sleep 300; done' & wait\n"
    executor.started(allocation_id, script, kill_grace_seconds=0.05)
    until(lambda: pids_printed(supervised, allocation_id) != [], "the daemon")
    executor.ask("stop", allocation_id, cause="cancelled")
    executor.event(allocation_id, "exited")
    assert all(gone(pid) for pid in pids_printed(supervised, allocation_id))


def test_ending_one_job_leaves_the_others_daemons_alone(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    fifo = supervised.spool.parent / f"fifo{allocation_id}"
    os.mkfifo(fifo)
    script = f"(setsid sh -c 'echo $$; exec sleep 300' &); {UNTIL_PRINTED}; echo ready; read _ <{fifo}\n"
    executor.started(allocation_id, script, kill_grace_seconds=0.05)
    until_printed(supervised, allocation_id)
    (pid,) = pids_printed(supervised, allocation_id)
    for number in range(3):
        executor.run(
            200_000 + 10 * allocation_id + number, LEAVING["a double-forked daemon"], kill_grace_seconds=0.05
        )
    assert not gone(pid)
    write_to(fifo, "\n")
    assert executor.event(allocation_id, "exited")["exit_code"] == 0
    assert gone(pid)


def test_many_jobs_leave_no_descriptor_no_zombie_and_no_process(
    executor: Executor, supervised: Supervised
) -> None:
    descriptors = Path(f"/proc/{supervised.process.pid}/fd")
    before = len(list(descriptors.iterdir()))
    for number in range(300_000, 300_050):
        executor.gate(
            number, "sleep 300 & exit 0\n" if number % 10 == 0 else "exit 0\n", kill_grace_seconds=0.05
        )
    for number in range(300_000, 300_050):
        executor.event(number, "gated")
        executor.ask("open", number)
    for number in range(300_000, 300_050):
        executor.event(number, "exited")
        executor.ask("forget", number)
    assert len(list(descriptors.iterdir())) == before
    task = Path(f"/proc/{supervised.process.pid}/task/{supervised.process.pid}/children")
    assert task.read_text().split() == []


def test_a_fork_bomb_is_brought_down(executor: Executor, supervised: Supervised, allocation_id: int) -> None:
    script = "bomb() { (trap '' TERM; sleep 0.02; bomb) & (sleep 0.02; :) & }; bomb; echo ready; exit 0\n"
    executor.started(allocation_id, script, kill_grace_seconds=0.05)
    assert executor.event(allocation_id, "exited")["exit_code"] == 0
