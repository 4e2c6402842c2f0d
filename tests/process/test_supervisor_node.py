"""What the machine adds: control groups, processes that cannot be killed, and a container's first process."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conductor.supervisor.cgroups import Cgroups, own_base
from conductor.supervisor.launch import supervisor_command
from tests.process.supervised import Executor, Supervised, gone, output_of, until

BASE = own_base()
HAS_CGROUPS = BASE is not None and os.access(f"{BASE}/cgroup.procs", os.W_OK)
FREEZER = Path("/sys/fs/cgroup/freezer")

GROUPED = ("--group-every-job",)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


# Control groups


def groups_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text()


@pytest.mark.skipif(not HAS_CGROUPS, reason="no version 2 control group to write in")
def test_a_job_has_a_group_of_its_own_from_its_gate_to_its_end(spool: Path) -> None:
    supervised = Supervised(spool, GROUPED)
    executor = supervised.executor()
    first, second = (executor.gated(number, "exec sleep 300\n") for number in (1, 2))
    groups = {pid: groups_of(pid).partition("0::")[2].strip() for pid in (first, second)}
    assert "/conductor-" in groups[first]
    assert "/1." in groups[first]
    assert len(set(groups.values())) == 2
    assert "conductor-" not in groups_of(supervised.process.pid)
    folder = Path(f"{BASE}{groups[first].removeprefix(own_group())}")
    assert folder.is_dir()
    executor.ask("discard", 1)
    executor.event(1, "discarded")
    assert not folder.exists()
    executor.ask("open", 2)
    assert groups_of(second).partition("0::")[2].strip() == groups[second]
    executor.ask("stop", 2, cause="cancelled", grace_seconds=0)
    executor.event(2, "exited")
    assert supervised.end() == 0
    assert not folder.parent.exists()


def own_group() -> str:
    return groups_of(os.getpid()).partition("0::")[2].split("\n")[0].rstrip("/")


@pytest.mark.skipif(not HAS_CGROUPS, reason="no version 2 control group to write in")
@pytest.mark.parametrize("adopted", [False, True], ids=["own", "adopted"])
def test_who_sheds_every_other_mark_is_still_in_the_group(spool: Path, adopted: bool) -> None:
    supervised = Supervised(spool, GROUPED)
    executor = supervised.executor()
    # A daemon with an empty environment, a session of its own, and no parent in the job.
    script = "(env -i setsid sh -c 'echo $$; exec sleep 300' &) ; read _ <&1 || sleep 300\n"
    executor.started(1, script)
    until(lambda: output_of(spool, 1).endswith(b"\n"), "the daemon")
    daemon = int(output_of(spool, 1))
    if adopted:
        supervised.kill()
        supervised = Supervised(spool, GROUPED)
        executor = supervised.executor()
    executor.ask("stop", 1, cause="cancelled", grace_seconds=0.1)
    executor.event(1, "exited")
    assert gone(daemon)
    assert supervised.end() == 0


@pytest.mark.skipif(not HAS_CGROUPS, reason="no version 2 control group to write in")
def test_nor_does_it_outlive_a_script_that_ends_by_itself(spool: Path) -> None:
    supervised = Supervised(spool, GROUPED)
    script = (
        "(env -i setsid sh -c 'echo $$; exec sleep 300' &) ; until test -s /dev/stdout; do :; done; exit 3\n"
    )
    exited = supervised.executor().run(1, script, kill_grace_seconds=0.1)
    assert exited["exit_code"] == 3
    assert gone(int(output_of(spool, 1)))
    assert supervised.end() == 0


@pytest.mark.skipif(not HAS_CGROUPS, reason="no version 2 control group to write in")
def test_what_another_spools_supervisor_left_is_removed_too(spool: Path) -> None:
    left = Path(f"{BASE}/conductor-of-a-spool-long-gone/1.mark")
    left.mkdir(parents=True)
    supervised = Supervised(spool, GROUPED)
    supervised.executor()
    assert not left.parent.exists()
    assert supervised.end() == 0


@pytest.mark.skipif(not HAS_CGROUPS, reason="no version 2 control group to write in")
def test_what_a_killed_supervisor_left_is_removed_by_the_next_one(spool: Path) -> None:
    first = Supervised(spool, GROUPED)
    pid = first.executor().gated(1, "exit 0\n")
    group = Path(f"{BASE}{groups_of(pid).partition('0::')[2].strip().removeprefix(own_group())}")
    assert group.is_dir()
    first.kill()
    until(lambda: gone(pid), "the gated child to end")
    second = Supervised(spool, GROUPED)
    assert second.end() == 0
    assert not group.parent.exists()


def test_with_the_memory_controller_the_kernel_is_told_the_limit(tmp_path: Path) -> None:
    """On a folder that looks like one: this shows what is written where, not what the kernel does with it."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("memory\n")
    folder = tmp_path / "conductor-x"
    (folder / "1.mark").mkdir(parents=True)
    for name in ("cgroup.procs", "cgroup.subtree_control"):
        (folder / name).touch()
    for name in ("cgroup.procs", "memory.max", "memory.oom.group", "memory.swap.max", "cgroup.kill"):
        (folder / "1.mark" / name).touch()
    cgroups = Cgroups(str(tmp_path), "x", every_job=False)
    assert cgroups.limits_memory
    assert (folder / "cgroup.subtree_control").read_text() == "+memory"
    assert cgroups.enter("1.mark", 42, 100)
    written = {path.name: path.read_text() for path in (folder / "1.mark").iterdir()}
    assert written["cgroup.procs"] == "42"
    assert written["memory.max"] == str(100 << 20)
    assert (written["memory.oom.group"], written["memory.swap.max"]) == ("1", "0")
    assert not cgroups.ran_out_of_memory("1.mark")
    (folder / "1.mark" / "memory.events").write_text("low 0\noom 1\noom_kill 2\n")
    assert cgroups.ran_out_of_memory("1.mark")
    assert cgroups.pids("1.mark") == [42]
    assert not cgroups.enter("2.mark", 42, None)


# What cannot be killed


@pytest.fixture
def freezer() -> Iterator[Path]:
    """A version 1 freezer: what it holds does not die until it is let go."""
    group = FREEZER / f"conductor-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("no version 1 freezer to write in")
    yield group
    (group / "freezer.state").write_text("THAWED")
    until(lambda: not (group / "cgroup.procs").read_text(), "the freezer to be empty")
    group.rmdir()


@pytest.mark.slow
def test_what_cannot_be_killed_is_told_and_told_again_and_ends_only_when_it_is_gone(
    spool: Path, freezer: Path
) -> None:
    supervised = Supervised(spool, GROUPED)
    executor = supervised.executor()
    pid = executor.started(1, "exec sleep 300\n")
    (freezer / "cgroup.procs").write_text(str(pid))
    (freezer / "freezer.state").write_text("FROZEN")
    until(lambda: "FROZEN" in (freezer / "freezer.state").read_text(), "the freezer")
    executor.ask("stop", 1, cause="cancelled", grace_seconds=0)
    cleanup = executor.event(1, "cleanup")
    assert cleanup["pids"] == [pid]
    assert "SIGKILL" in cleanup["detail"]
    again = supervised.executor(incarnation=2)
    assert again.held()[0]["stage"] == "stopping"
    assert [message["type"] for message in again.waiting()] == ["cleanup"]
    (freezer / "freezer.state").write_text("THAWED")
    exited = again.event(1, "exited")
    assert exited["exit_signal"] in (signal.SIGTERM, signal.SIGKILL)  # both were waiting for it
    assert exited["cause"] == "cancelled"
    assert again.run(2, "exit 0\n")["exit_code"] == 0
    assert supervised.end() == 0


# A container's first process


def namespaces() -> bool:
    tried = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", "true"], capture_output=True, check=False
    )
    return tried.returncode == 0


@pytest.mark.skipif(not namespaces(), reason="makes a PID namespace")
def test_the_first_process_of_a_container_ends_its_jobs_with_it_and_leaves_their_outcomes(
    spool: Path, tmp_path: Path
) -> None:
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", *supervisor_command(spool)]
    container = Supervised(spool, command=command)
    executor = container.executor()
    assert executor.welcome["pid"] == 1
    executor.started(1, "trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done\n")
    executor.started(
        2, "setsid sh -c 'trap \"\" TERM; echo ready; exec sleep 300' & wait\n", kill_grace_seconds=1.0
    )
    executor.gated(3, f"echo ran >{tmp_path}/ran\n")
    until(lambda: output_of(spool, 1) == output_of(spool, 2) == b"ready\n", "the scripts")
    unshare = container.process.pid
    (first,) = Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()
    os.kill(int(first), signal.SIGTERM)
    assert executor.event(1, "exited")["exit_code"] == 5
    executor.gate(4, "exit 0\n")
    assert executor.event(4, "launch_failed")["cause"] == "node_stopped"
    assert container.process.wait(10) == 0
    container._end()
    returned = Supervised(spool, GROUPED)
    outcomes: Executor = returned.executor(incarnation=2)
    assert outcomes.event(1, "exited")["cause"] == "node_stopped"
    exited = outcomes.event(2, "exited")
    assert (exited["exit_signal"], exited["cause"]) == (signal.SIGTERM, "node_stopped")
    assert outcomes.event(3, "launch_failed")["cause"] == "node_stopped"
    assert not (tmp_path / "ran").exists()
    assert returned.end() == 0
