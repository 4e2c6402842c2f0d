"""What a node out of touch does by itself: as its lease ends, it ends what may be started elsewhere next."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.process.supervised import Supervised, gone, kill_process, output_of, until

FOREVER = "echo ready; exec sleep 300\n"
IGNORES_TERM = "trap '' TERM; echo ready; while :; do sleep 60; done\n"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def test_only_jobs_that_asked_for_it_and_gated_ones_end_with_the_lease(spool: Path, tmp_path: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    executor.trust(1.3, 1.0)
    asked = executor.started(1, FOREVER, stop_when_untrusted=True)
    other = executor.started(2, FOREVER)
    gated = executor.gated(3, f"echo ran >{tmp_path}/ran\n")
    executor.close()
    until(lambda: gone(asked) and gone(gated), "the lease to end")
    returned = supervised.executor(incarnation=2)
    assert [held["stage"] for held in returned.held()] == ["exited", "running", "launch_failed"]
    exited = returned.event(1, "exited")
    assert (exited["exit_signal"], exited["cause"]) == (signal.SIGTERM, "untrusted")
    failed = returned.event(3, "launch_failed")
    assert failed["cause"] == "untrusted"
    assert "nothing of the script ran" in failed["reason"]
    assert not gone(other)
    assert not (tmp_path / "ran").exists()
    assert supervised.end() == 0


def test_it_does_so_with_an_executor_connected_and_kills_by_the_end_of_the_lease(spool: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    executor.started(1, IGNORES_TERM, stop_when_untrusted=True, kill_grace_seconds=300.0)
    until(lambda: output_of(spool, 1) == b"ready\n", "the script")
    executor.trust(0.4, 0.3)
    exited = executor.event(1, "exited")
    assert (exited["exit_signal"], exited["cause"]) == (signal.SIGKILL, "untrusted")
    assert supervised.end() == 0


def test_a_renewal_moves_the_end_and_without_trust_there_is_none(spool: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    pid = executor.started(1, FOREVER, stop_when_untrusted=True)
    executor.trust(0.2, 0.1)
    executor.trust(300.0, 10.0)
    assert executor.run(2, "sleep 0.3\n")["cause"] is None
    assert not gone(pid)
    assert supervised.end() == 0


def test_the_lease_counts_from_when_the_executor_spoke(spool: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    executor.trust(20.0, 5.0, sent_at=time.monotonic() - 16)
    for number in (1, 2):  # also what comes when all has been ended already
        executor.gate(number, "exit 0\n")
        assert executor.event(number, "launch_failed")["cause"] == "untrusted"
    executor.trust(20.0, 5.0)
    assert executor.run(3, "exit 0\n")["exit_code"] == 0
    assert supervised.end() == 0


def test_a_clock_ahead_of_ours_lengthens_nothing(spool: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    executor.trust(0.2, 0.1, sent_at=time.monotonic() + 1000)
    executor.started(1, FOREVER, stop_when_untrusted=True)
    assert executor.event(1, "exited")["cause"] == "untrusted"
    assert supervised.end() == 0


def test_the_end_of_the_lease_outlives_the_supervisor(spool: Path) -> None:
    first = Supervised(spool)
    executor = first.executor()
    executor.trust(0.8, 0.2)
    asked = executor.started(1, FOREVER, stop_when_untrusted=True)
    other = executor.started(2, FOREVER)
    first.kill()
    second = Supervised(spool)
    until(lambda: gone(asked), "the lease to end")
    assert second.executor().event(1, "exited")["cause"] == "untrusted"
    assert not gone(other)
    assert second.end() == 0


def test_a_supervisor_that_stood_still_opens_no_gate_too_late(spool: Path, tmp_path: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    executor.trust(0.3, 0.1)
    trusted_until = time.monotonic() + 0.3
    pid = executor.gated(1, f"echo ran >{tmp_path}/ran\n")
    os.kill(supervised.process.pid, signal.SIGSTOP)
    executor.ask("open", 1)
    until(lambda: time.monotonic() > trusted_until, "the lease to end")
    os.kill(supervised.process.pid, signal.SIGCONT)
    assert executor.event(1, "launch_failed")["cause"] == "untrusted"
    assert gone(pid)
    assert not (tmp_path / "ran").exists()
    assert supervised.end() == 0


def test_another_boots_lease_means_nothing(spool: Path) -> None:
    first = Supervised(spool)
    first.executor().trust(0.0, 0.0)
    assert first.end() == 0
    journal = spool / "journal"
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert boot_id in journal.read_text()
    journal.write_text(journal.read_text().replace(boot_id, "another"))
    second = Supervised(spool)
    assert second.executor(incarnation=1_000_000).run(1, "exit 0\n")["exit_code"] == 0
    assert second.end() == 0


def test_what_was_already_being_stopped_keeps_its_cause(spool: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    pid = executor.started(1, IGNORES_TERM, stop_when_untrusted=True)
    until(lambda: output_of(spool, 1) == b"ready\n", "the script")
    executor.ask("stop", 1, cause="cancelled", grace_seconds=300.0)
    executor.trust(0.2, 0.1)
    exited = executor.event(1, "exited")
    assert (exited["exit_signal"], exited["cause"]) == (signal.SIGKILL, "cancelled")
    kill_process(pid)
    assert supervised.end() == 0
