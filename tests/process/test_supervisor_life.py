"""What outlives what: jobs outlive executors and supervisors, a supervisor its executors, an exit all of them."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import chain
from pathlib import Path

import pytest

from conductor.supervisor import protocol
from conductor.supervisor.launch import supervisor_command
from tests.process.supervised import (
    Executor,
    Supervised,
    connect,
    gone,
    kill_process,
    output_of,
    until,
    write_to,
)

WAITS = "echo ready; read _ <{}\necho done\n"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def rewritten(spool: Path, key: str, value: object) -> None:
    """The journal as another boot or another PID namespace would have left it."""
    lines = [json.loads(line) for line in (spool / "journal").read_text().splitlines()]
    for record in chain(*lines):
        if "process" in record:
            record["process"][key] = value
    (spool / "journal").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_killed_supervisor_closes_its_gates_and_nothing_runs(spool: Path, tmp_path: Path) -> None:
    first = Supervised(spool)
    script = f"echo ran >{tmp_path}/ran\n"
    pids = [first.executor().gated(n, line + script) for n, line in enumerate(("", "#!/bin/bash -l\n"))]
    first.kill()
    until(lambda: all(gone(pid) for pid in pids), "the gated children to end")
    assert not (tmp_path / "ran").exists()
    second = Supervised(spool)
    executor = second.executor(incarnation=2)
    for allocation_id in (0, 1):
        assert "nothing of the script ran" in executor.event(allocation_id, "launch_failed")["reason"]
        executor.ask("open", allocation_id)
        executor.event(allocation_id, "launch_failed")
    assert not (tmp_path / "ran").exists()
    assert second.end() == 0


@pytest.mark.parametrize("options", [(), ("--without-pidfds",)], ids=["pidfds", "no pidfds"])
def test_a_running_job_outlives_its_supervisor_and_its_end_is_unknown(
    spool: Path, fifo: Path, options: tuple[str, ...]
) -> None:
    first = Supervised(spool, options)
    pid = first.executor().started(1, WAITS.format(fifo))
    until(lambda: output_of(spool, 1) == b"ready\n", "the script")
    first.kill()
    assert not gone(pid)
    second = Supervised(spool, options)
    executor = second.executor()
    assert [(held["stage"], held["process"]["pid"]) for held in executor.held()] == [("running", pid)]
    write_to(fifo, "\n")
    exited = executor.event(1, "exited")
    assert (exited["exit_code"], exited["exit_signal"], exited["detail"]) == (None, None, "unknown")
    assert (exited["cpu_seconds"], exited["memory_peak_mb"], exited["cause"]) == (None, None, None)
    assert output_of(spool, 1) == b"ready\ndone\n"
    assert second.end() == 0


@pytest.mark.parametrize("options", [(), ("--without-pidfds",)], ids=["pidfds", "no pidfds"])
def test_an_adopted_job_can_be_cancelled_with_all_it_started(spool: Path, options: tuple[str, ...]) -> None:
    script = "trap '' TERM; sleep 300 & echo $!; setsid sleep 300 & echo $!; echo ready; while :; do sleep 300; done\n"
    first = Supervised(spool, options)
    pid = first.executor().started(1, script)
    until(lambda: b"ready" in output_of(spool, 1), "the script")
    first.kill()
    second = Supervised(spool, options)
    executor = second.executor()
    executor.ask("stop", 1, cause="cancelled", grace_seconds=0.05)
    exited = executor.event(1, "exited")
    assert (exited["exit_code"], exited["cause"], exited["detail"]) == (None, "cancelled", "unknown")
    assert gone(pid)
    assert all(gone(int(left)) for left in output_of(spool, 1).split()[:-1])
    assert second.end() == 0


def test_a_deadline_outlives_the_supervisor(spool: Path) -> None:
    first = Supervised(spool)
    first.executor().started(1, "exec sleep 300\n", time_limit_seconds=0.3)
    first.kill()
    second = Supervised(spool)
    assert second.executor().event(1, "exited")["cause"] == "timed_out"
    assert second.end() == 0


def test_what_ended_while_there_was_no_supervisor_is_unknown_and_its_rest_is_cleared_away(
    spool: Path,
) -> None:
    script = "setsid sleep 300 & echo $!; echo ready; exec sleep 300\n"
    first = Supervised(spool)
    pid = first.executor().started(1, script, kill_grace_seconds=0.05)
    until(lambda: b"ready" in output_of(spool, 1), "the script")
    first.kill()
    kill_process(pid)
    second = Supervised(spool)
    exited = second.executor().event(1, "exited")
    assert (exited["detail"], exited["cause"]) == ("unknown", None)
    assert gone(int(output_of(spool, 1).split()[0]))
    assert second.end() == 0


@pytest.mark.parametrize(("key", "value"), [("boot_id", "another"), ("pid_namespace", 1), ("start_ticks", 1)])
def test_a_number_that_means_another_process_is_left_alone(spool: Path, key: str, value: object) -> None:
    first = Supervised(spool)
    pid = first.executor().started(1, "exec sleep 300\n")
    first.kill()
    (spool / "journal.new").write_text("left by a crash")
    rewritten(spool, key, value)
    stranger = subprocess.Popen(["sleep", "300"], start_new_session=True)
    rewritten(spool, "pid", stranger.pid)
    second = Supervised(spool)
    executor = second.executor()
    assert executor.event(1, "exited")["detail"] == "unknown"
    assert stranger.poll() is None
    assert second.end() == 0
    stranger.kill()
    stranger.wait()
    kill_process(pid)


def test_an_exit_is_told_until_it_is_forgotten(spool: Path) -> None:
    first = Supervised(spool)
    executor = first.executor()
    exited = executor.run(1, "exit 3\n")
    assert first.executor(incarnation=2).event(1, "exited") == exited
    first.kill()
    second = Supervised(spool)
    executor = second.executor(incarnation=2)
    assert executor.event(1, "exited") == exited
    executor.ask("forget", 1)
    executor.ask("open", 1)
    assert executor.event(1, "not_held")["request"] == "open"
    second.kill()
    third = Supervised(spool)
    assert third.executor(incarnation=2).held() == []
    assert third.end() == 0


def test_a_job_and_its_exit_outlive_the_executor(spool: Path, fifo: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    pid = executor.started(1, WAITS.format(fifo))
    executor.close()
    write_to(fifo, "\n")
    until(lambda: gone(pid), "the script's end")
    assert supervised.executor().event(1, "exited")["exit_code"] == 0
    assert supervised.end() == 0


def test_only_the_highest_incarnation_is_obeyed_also_by_the_next_supervisor(spool: Path) -> None:
    first = Supervised(spool)
    older = first.executor(incarnation=3)
    newer = first.executor(incarnation=4)
    older.message(lambda message: message == {"type": "superseded", "incarnation": 4})
    assert older.closed_by_peer()
    assert first.executor(incarnation=3).welcome == {"type": "superseded", "incarnation": 4}
    assert newer.run(1, "exit 0\n")["exit_code"] == 0
    first.kill()
    second = Supervised(spool)
    assert second.executor(incarnation=3).welcome["type"] == "superseded"
    assert second.end() == 0


def test_a_second_supervisor_is_refused_and_the_first_is_named(spool: Path) -> None:
    supervised = Supervised(spool)
    supervised.executor()
    second = subprocess.run(
        supervisor_command(spool), capture_output=True, text=True, timeout=20, check=False
    )
    assert second.returncode == 3
    assert str(supervised.process.pid) in second.stderr
    assert supervised.end() == 0


def test_sigterm_ends_only_a_supervisor_that_holds_nothing(spool: Path, fifo: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    pid = executor.started(1, WAITS.format(fifo))
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(supervised.process.pid, number)
    assert executor.run(2, "exit 0\n")["exit_code"] == 0
    assert not gone(pid)
    write_to(fifo, "\n")
    executor.event(1, "exited")
    assert supervised.end() == 0
    assert "live jobs; it stays" in supervised.log
    assert not (spool / "supervisor.sock").exists()


def test_a_long_spool_path_with_spaces_and_quotes_works(tmp_path: Path) -> None:
    spool = tmp_path / "it's a $HOME `folder`" / ("long " * 30).strip() / "spool"
    spool.parent.mkdir(parents=True)
    assert len(str(spool)) > 107
    supervised = Supervised(spool)
    executor = supervised.executor()
    for number, first_line in enumerate(("", "#!/bin/sh\n")):
        assert executor.run(number, f"{first_line}echo $0\n")["exit_code"] == 0
        assert output_of(spool, number).decode() == f"{spool}/scripts/job_{number}.sh\n"
    assert supervised.end() == 0


def test_a_folder_that_others_may_write_to_is_refused_and_not_changed(spool: Path) -> None:
    spool.mkdir()
    spool.chmod(0o777)
    refused = subprocess.run(
        supervisor_command(spool), capture_output=True, text=True, timeout=20, check=False
    )
    assert refused.returncode == 2
    assert f"chmod go-w {spool}" in refused.stderr
    assert spool.stat().st_mode & 0o777 == 0o777


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(spool: Path) -> None:
    spool.mkdir(0o700)
    os.chown(spool, 65534, 65534)
    refused = subprocess.run(
        supervisor_command(spool), capture_output=True, text=True, timeout=20, check=False
    )
    assert refused.returncode == 2
    assert "belongs to user 65534" in refused.stderr


def test_what_is_made_is_private(spool: Path) -> None:
    supervised = Supervised(spool, umask=0)
    supervised.executor().run(1, "exit 0\n")
    for path in [spool, *spool.rglob("*")]:
        assert path.stat().st_mode & 0o066 == 0, path
    assert supervised.end() == 0


def test_an_idle_supervisor_is_small(spool: Path) -> None:
    supervised = Supervised(spool)
    supervised.executor().run(1, "exit 0\n")
    status = Path(f"/proc/{supervised.process.pid}/status").read_text()
    resident_kib = int(status.partition("VmRSS:")[2].split()[0])
    assert resident_kib < 15 * 1024
    assert supervised.end() == 0


def test_nonsense_on_the_socket_harms_nobody(spool: Path) -> None:
    supervised = Supervised(spool)
    good = supervised.executor()
    for nonsense in (b"\xff" * 8, b"\0\0\0\4null", b"\0\0\0\2[]\0\0\0\3[1]"):
        stranger = connect(spool)
        stranger.sendall(nonsense)
        while stranger.recv(4096):
            pass
        stranger.close()
    for wrong in (
        {"type": "dance"},
        {"type": "open", "allocation_id": "1"},
        {"type": "gate", "allocation_id": 1},
    ):
        good.send_bytes(protocol.frame([wrong]))
        good.message(lambda message: message["type"] == "refused")
    early = connect(spool)
    early.sendall(protocol.frame([{"type": "open", "allocation_id": 1}]))
    (answer,) = protocol.FrameReader().feed(early.recv(4096))
    early.close()
    assert answer["type"] == "refused"
    assert good.run(1, "exit 0\n")["exit_code"] == 0
    assert supervised.end() == 0


def test_a_job_without_descriptors_fails_and_the_supervisor_lives(spool: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    soft, hard = resource.prlimit(supervised.process.pid, resource.RLIMIT_NOFILE)
    used = max(int(path.name) for path in Path(f"/proc/{supervised.process.pid}/fd").iterdir())
    resource.prlimit(supervised.process.pid, resource.RLIMIT_NOFILE, (used + 3, hard))
    executor.gate(1, "exit 0\n")
    assert "file descriptor" in executor.event(1, "launch_failed")["reason"]
    resource.prlimit(supervised.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert executor.run(2, "exit 0\n")["exit_code"] == 0
    assert supervised.end() == 0


def test_a_job_that_cannot_be_forked_fails_and_the_supervisor_lives(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the limit on processes does not hold for root")
    supervised = Supervised(tmp_path / "spool")
    executor = supervised.executor()
    _, hard = resource.prlimit(supervised.process.pid, resource.RLIMIT_NPROC)
    resource.prlimit(supervised.process.pid, resource.RLIMIT_NPROC, (1, hard))
    executor.gate(1, "exit 0\n")
    assert "no more processes" in executor.event(1, "launch_failed")["reason"]
    assert supervised.end() == 0


def test_no_gate_opens_before_the_journal_says_so(spool: Path, tmp_path: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    executor.gated(1, f"echo ran >{tmp_path}/ran\n")
    _, hard = resource.prlimit(supervised.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(
        supervised.process.pid, resource.RLIMIT_FSIZE, ((spool / "journal").stat().st_size, hard)
    )
    executor.ask("open", 1)
    executor.event(1, "launch_failed")
    resource.prlimit(supervised.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    assert not (tmp_path / "ran").exists()
    assert executor.run(2, "exit 0\n")["exit_code"] == 0
    assert supervised.end() == 0


def fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk_fails_jobs_and_the_supervisor_lives(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(disk)], check=True)
    try:
        supervised = Supervised(disk / "spool")
        executor = supervised.executor()
        executor.gated(1, "echo ran\n")
        filler = disk / "filler"
        fill(filler)
        executor.ask("open", 1)
        assert "disk is full" in executor.event(1, "launch_failed")["reason"]
        filler.unlink()
        assert executor.run(2, "exit 0\n")["exit_code"] == 0
        assert supervised.end() == 0
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_it_runs_as_a_module_too(spool: Path) -> None:
    command = [sys.executable, "-m", "conductor.supervisor"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "--spool PATH" in refused.stderr


def test_executors_of_a_newer_protocol_are_told(spool: Path) -> None:
    supervised = Supervised(spool)
    supervised.executor()
    newer = connect(spool)
    newer.sendall(
        protocol.frame([{"type": "hello", "protocol": protocol.PROTOCOL_VERSION + 1, "incarnation": 9}])
    )
    (answer,) = protocol.FrameReader().feed(newer.recv(4096))
    newer.close()
    assert answer == {
        "type": "refused",
        "reason": f"this supervisor speaks protocol {protocol.PROTOCOL_VERSION}",
    }
    assert supervised.executor().welcome["type"] == "welcome"
    assert supervised.end() == 0


def test_a_silent_executor_does_not_hold_up_the_next(spool: Path) -> None:
    supervised = Supervised(spool)
    supervised.executor()
    silent = Executor(spool, 1)
    for number in range(300):
        silent.gate(number, "")
        silent.ask("discard", number)
    assert supervised.executor(incarnation=2).run(5000, "exit 0\n")["exit_code"] == 0
    silent.close()
    assert supervised.end() == 0
