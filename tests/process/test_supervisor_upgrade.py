"""Becoming a newer program in place: same process, same children, same socket; nobody's exit code is lost."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

import conductor
from tests.process.supervised import Executor, Supervised, gone, output_of, until, write_to

WAITS = "echo ready; read code <{}; exit $code\n"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def resumed(supervised: Supervised) -> bool:
    return "--resume=" in Path(f"/proc/{supervised.process.pid}/cmdline").read_text()


def upgraded(supervised: Supervised, executor: Executor, incarnation: int = 2) -> Executor:
    executor.upgrade()
    again = supervised.executor(incarnation)
    assert resumed(supervised)
    assert again.welcome["pid"] == supervised.process.pid
    return again


def test_everything_it_holds_comes_along(spool: Path, fifo: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    running = executor.started(1, WAITS.format(fifo))
    gated = executor.gated(2, "exit 3\n", environment={"NAME": "value"})
    executor.run(3, "exit 4\n")
    executor = upgraded(supervised, executor)
    assert [(held["allocation_id"], held["stage"]) for held in executor.held()] == [
        (1, "running"),
        (2, "gated"),
        (3, "exited"),
    ]
    assert [held["process"]["pid"] for held in executor.held()[:2]] == [running, gated]
    assert executor.event(3, "exited")["exit_code"] == 4
    executor.ask("open", 2)
    assert executor.event(2, "exited")["exit_code"] == 3
    write_to(fifo, "7\n")
    exited = executor.event(1, "exited")
    assert (exited["exit_code"], exited["detail"]) == (7, None)
    assert exited["cpu_seconds"] is not None
    assert supervised.end() == 0


def test_it_may_do_so_again_and_again_and_leaks_no_descriptor(spool: Path, fifo: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    executor.started(1, WAITS.format(fifo))
    executor.gated(2, "exit 3\n")
    descriptors = Path(f"/proc/{supervised.process.pid}/fd")
    executor = upgraded(supervised, executor)
    open_before = len(list(descriptors.iterdir()))
    for incarnation in (3, 4):
        executor = upgraded(supervised, executor, incarnation)
    assert len(list(descriptors.iterdir())) == open_before
    executor.ask("open", 2)
    assert executor.event(2, "exited")["exit_code"] == 3
    write_to(fifo, "7\n")
    assert executor.event(1, "exited")["exit_code"] == 7
    assert supervised.end() == 0


def test_exits_at_any_moment_of_it_are_seen(spool: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    for number in range(20):
        executor.started(number, f"sleep 0.{number:02}; exit {number}\n")
    executor = upgraded(supervised, executor)
    assert [executor.event(number, "exited")["exit_code"] for number in range(20)] == list(range(20))
    assert supervised.end() == 0


def test_gates_asked_for_meanwhile_are_made_afterwards(spool: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    for number in range(10):
        executor.gate(number, f"exit {number}\n")
    executor = upgraded(supervised, executor)
    for number in range(10):
        executor.gate(number, f"exit {number}\n")
        executor.event(number, "gated")
        executor.ask("open", number)
        assert executor.event(number, "exited")["exit_code"] == number
    assert supervised.end() == 0


def test_sighup_asks_for_it_too(spool: Path, fifo: Path) -> None:
    supervised = Supervised(spool)
    supervised.executor().started(1, WAITS.format(fifo))
    os.kill(supervised.process.pid, signal.SIGHUP)
    until(lambda: resumed(supervised), "the newer program")
    write_to(fifo, "7\n")
    assert supervised.executor().event(1, "exited")["exit_code"] == 7
    assert supervised.end() == 0


def test_limits_and_graces_go_on_counting(spool: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    ignores = "trap '' TERM; echo ready; while :; do sleep 60; done\n"
    executor.started(1, ignores)
    executor.started(2, "exec sleep 300\n", time_limit_seconds=1.0)
    executor.started(3, "exec sleep 300\n", stop_when_untrusted=True)
    executor.trust(1.5, 0.5)
    until(lambda: output_of(spool, 1) == b"ready\n", "the script")
    executor.ask("stop", 1, cause="cancelled", grace_seconds=1.0)
    executor = upgraded(supervised, executor)
    exited = executor.event(1, "exited")
    assert (exited["exit_signal"], exited["cause"]) == (signal.SIGKILL, "cancelled")
    assert executor.event(2, "exited")["cause"] == "timed_out"
    assert executor.event(3, "exited")["cause"] == "untrusted"
    assert supervised.end() == 0


def test_a_script_that_has_ended_keeps_its_code_while_its_rest_is_cleared_away(spool: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    script = (
        "(trap '' TERM; echo ready; exec sleep 300) & while ! grep -q ready /dev/stdout; do :; done; exit 9\n"
    )
    pid = executor.started(1, script, kill_grace_seconds=1.0)
    until(lambda: gone(pid), "the script to end")
    executor = upgraded(supervised, executor)
    assert executor.event(1, "exited")["exit_code"] == 9
    assert supervised.end() == 0


def test_an_adopted_job_stays_adopted(spool: Path, fifo: Path) -> None:
    first = Supervised(spool)
    first.executor().started(1, WAITS.format(fifo))
    first.kill()
    second = Supervised(spool)
    executor = upgraded(second, second.executor())
    write_to(fifo, "7\n")
    assert executor.event(1, "exited")["detail"] == "unknown"
    assert second.end() == 0


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A supervisor's program that may be changed."""
    program = tmp_path / "program" / "conductor"
    source = Path(conductor.__file__).parent
    shutil.copytree(source / "supervisor", program / "supervisor")
    shutil.copy(source / "__init__.py", program)
    return program / "supervisor"


def supervised_by(program: Path, spool: Path) -> Supervised:
    command = [sys.executable, "-I", "-S", str(program / "__main__.py"), "--spool", str(spool)]
    return Supervised(spool, command=command)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_a_program_that_does_not_start_is_refused_and_nothing_changes(
    program: Path, spool: Path, fifo: Path
) -> None:
    supervised = supervised_by(program, spool)
    executor = supervised.executor()
    executor.started(1, WAITS.format(fifo))
    good = (program / "server.py").read_text()
    (program / "server.py").write_text("nonsense(")
    executor.send_bytes(b'\0\0\0\x14[{"type":"upgrade"}]')
    refused = executor.message(lambda message: message["type"] == "refused")
    assert "newer program cannot take over" in refused["reason"]
    assert executor.run(2, "exit 2\n")["exit_code"] == 2
    (program / "server.py").write_text(good)
    change(program / "server.py", '"welcome"', '"welcome", "newer": True')
    executor = upgraded(supervised, executor)
    assert executor.welcome["newer"] is True
    write_to(fifo, "7\n")
    assert executor.event(1, "exited")["exit_code"] == 7
    assert supervised.end() == 0


def test_a_state_of_another_kind_is_refused(program: Path, spool: Path) -> None:
    supervised = supervised_by(program, spool)
    executor = supervised.executor()
    change(program / "program.py", "STATE_VERSION = 1", "STATE_VERSION = 2")
    executor.send_bytes(b'\0\0\0\x14[{"type":"upgrade"}]')
    refused = executor.message(lambda message: message["type"] == "refused")
    assert "exit code 4" in refused["reason"]
    assert executor.run(1, "exit 1\n")["exit_code"] == 1
    assert supervised.end() == 0


def test_an_exit_while_the_newer_program_is_tried_out_is_seen_by_it(program: Path, spool: Path) -> None:
    supervised = supervised_by(program, spool)
    executor = supervised.executor()
    pid = executor.started(1, "exec sleep 300\n")
    head = "def _can_resume(state_version: int, path: str) -> int:\n"
    ends_it = f"    os.kill({pid}, 9)\n    while ') Z' not in open('/proc/{pid}/stat').read(): pass\n"
    change(program / "__main__.py", head, head + ends_it)
    executor = upgraded(supervised, executor)
    assert executor.event(1, "exited")["exit_signal"] == signal.SIGKILL
    assert supervised.end() == 0


def test_no_signal_ends_it_while_it_changes(spool: Path, fifo: Path) -> None:
    supervised = Supervised(spool)
    supervised.executor().started(1, WAITS.format(fifo))

    def signalled_until_resumed() -> bool:
        os.kill(supervised.process.pid, signal.SIGTERM)
        return resumed(supervised)

    os.kill(supervised.process.pid, signal.SIGHUP)
    until(signalled_until_resumed, "the newer program")
    os.kill(supervised.process.pid, signal.SIGTERM)
    executor = supervised.executor()
    write_to(fifo, "7\n")
    assert executor.event(1, "exited")["exit_code"] == 7
    assert supervised.end() == 0


def test_a_killed_newer_program_still_closes_its_gates(spool: Path, tmp_path: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    pid = executor.gated(1, f"echo ran >{tmp_path}/ran\n")
    upgraded(supervised, executor).gated(2, "exit 0\n")
    supervised.kill()
    until(lambda: gone(pid), "the gated child to end")
    assert not (tmp_path / "ran").exists()
    second = Supervised(spool)
    assert second.end() == 0
