"""A leashed process ends with its parent, is otherwise started like any other, and its log stays within bounds."""

import os
import pwd
import select
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conductor import leash
from conductor.leash import leashed
from conductor.logfile import bound, open_log, tail

PARENT = """
import signal, subprocess, sys
from conductor.leash import leashed
child = subprocess.Popen(leashed(["sleep", "600"], ends_by=signal.SIGTERM))
print(child.pid, flush=True)
signal.pause()
"""


@pytest.mark.faults
def test_a_leashed_process_ends_with_its_parent_even_by_kill_9() -> None:
    project = str(Path(leash.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": project}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        gone, _, _ = select.select([child], [], [], 10)
        os.close(child)
    assert gone


def test_it_keeps_its_pid_arguments_environment_and_exit_code() -> None:
    argv = ["sh", "-c", 'echo "$$ $0 $NAME"; exit 7', "an argument"]
    with subprocess.Popen(
        leashed(argv, ends_by=signal.SIGTERM),
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "NAME": "x"},
    ) as process:
        said, _ = process.communicate(timeout=10)
    assert said.decode() == f"{process.pid} an argument x\n"
    assert process.returncode == 7


def test_nothing_is_started_when_the_parent_is_gone_already(tmp_path: Path) -> None:
    argv = leashed(["touch", str(tmp_path / "started")], ends_by=signal.SIGTERM)
    argv[argv.index(str(os.getpid()))] = str(os.getpid() + 1)
    done = subprocess.run(argv, capture_output=True, check=False, timeout=10)
    assert b"the parent is gone already" in done.stderr
    assert not (tmp_path / "started").exists()


def test_only_the_main_thread_may_hold_a_leash() -> None:
    with ThreadPoolExecutor(1) as thread, pytest.raises(RuntimeError, match="main thread"):
        thread.submit(leashed, ["true"], ends_by=signal.SIGTERM).result()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_it_drops_to_another_user_for_good() -> None:
    nobody = pwd.getpwnam("nobody")
    user = (nobody.pw_uid, nobody.pw_gid)
    argv = leashed(["cat", "/proc/self/status"], ends_by=signal.SIGTERM, user=user)
    status = subprocess.run(argv, capture_output=True, check=True, text=True, timeout=10).stdout.splitlines()
    fields = {name: value.split() for name, _, value in (line.partition(":") for line in status)}
    assert set(fields["Uid"]) == {str(nobody.pw_uid)}
    assert set(fields["Gid"]) == {str(nobody.pw_gid)}
    assert fields["Groups"] == []
    assert int(fields["CapEff"][0], 16) == 0


def test_a_log_that_is_cut_goes_on_and_keeps_one_older_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with open_log(path) as log:
        log.write(b"old line\n" * 10)
        bound(path, most_bytes=50)
        log.write(b"new line\n")
    assert path.read_text() == "new line\n"
    assert (tmp_path / "log.1").read_text() == "old line\n" * 10
    assert tail(path) == "new line"
    assert path.stat().st_mode & 0o077 == 0
