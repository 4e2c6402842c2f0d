"""`conductor run` and `submit --wait`, as a user meets them: a process with a terminal or without one."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from select import select
from time import monotonic
from types import MappingProxyType
from typing import Any

import psutil
import pytest

import conductor
from tests.cli.test_commands import write_output
from tests.fix_api import TOKEN, Api

ROOT = Path(conductor.__file__).parent.parent
PATIENCE_SECONDS = 30.0


def command_of(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "conductor", *words]


def environment_of(api: Api, **changed: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "CONDUCTOR_URL": api.url, "CONDUCTOR_LANG": "en",
        "CONDUCTOR_API_TOKEN": TOKEN, "CONDUCTOR_HOME": str(api.settings.home), "TERM": "xterm",
        **changed,
    }  # fmt: skip


@contextmanager
def started(api: Api, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command without a terminal; ended with the block whatever happens in it."""
    process = subprocess.Popen(
        command_of(*words), env=environment_of(api), cwd="/", stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def submitted(api: Api) -> int:
    """The first job, as soon as it is there."""
    until = monotonic() + PATIENCE_SECONDS
    while monotonic() < until:
        # One of the server's long polls: an answer comes when the log grows.
        if found := api.get("/jobs")["jobs"]:
            return int(found[0]["id"])
    raise AssertionError("nothing was submitted")


@pytest.mark.parametrize("exit_code", [0, 7])
def test_run_gives_each_stream_and_the_scripts_exit_code(api: Api, exit_code: int) -> None:
    api.register()
    with started(api, "run", "--wrap", "something") as process:
        job_id = submitted(api)
        allocation = api.start(job_id)
        write_output(api, job_id, b"out \xff\n")
        write_output(api, job_id, b"err\n", "err")
        assert process.stdout is not None
        assert process.stdout.readline() == b"out \xff\n"  # as it comes, not at the end
        write_output(api, job_id, b"more\n")
        api.end(allocation, exit_code=exit_code)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (out, err, process.returncode) == (b"more\n", b"err\n", exit_code)


def test_run_ends_by_the_signal_that_ended_the_script(api: Api) -> None:
    api.register()
    with started(api, "run", "--wrap", "something") as process:
        allocation = api.start(submitted(api))
        api.command(
            "Release",
            allocation_id=allocation,
            incarnation=1,
            reason="finished",
            exit_code=None,
            exit_signal=9,
        )
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 137
    assert b"signal 9 (SIGKILL)" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_without_a_terminal_cancels_the_job(api: Api, number: signal.Signals) -> None:
    with started(api, "run", "--wrap", "something") as process:
        job_id = submitted(api)
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert b"cancelling job" in err
    assert api.get(f"/jobs/{job_id}")["state"] == "CANCELLED"


def test_run_that_is_refused_ends_with_its_own_failure(api: Api) -> None:
    with started(api, "run", "-t", "0", "--wrap", "something") as process:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (125, b"")
    assert b"time_limit must not be zero" in err


def test_submit_wait_ends_as_the_job_ended(api: Api) -> None:
    api.register()
    with started(api, "submit", "--wait", "--parsable", "--wrap", "something") as process:
        assert process.stdout is not None
        job_id = int(process.stdout.readline())
        api.end(api.start(job_id), exit_code=5)
        assert process.wait(PATIENCE_SECONDS) == 5


def test_where_nothing_runs_a_system_is_brought_up_for_the_jobs_duration(home: Path) -> None:
    settings = {"CONDUCTOR_HOME": str(home), "CONDUCTOR_API_PORT": "0", "CONDUCTOR_LANG": "en"}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings}
    command = command_of("run", "--wrap", "echo hello; echo oops >&2; exit 3")
    ended = subprocess.run(command, env=environment, cwd="/", capture_output=True, check=False, timeout=120)
    assert (ended.returncode, ended.stdout) == (3, b"hello\n")
    assert ended.stderr.splitlines()[-1] == b"oops"
    named = [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(home) in word for word in process.info["cmdline"] or ())
    ]
    _, left = psutil.wait_procs(named, timeout=PATIENCE_SECONDS)
    assert left == []


def test_where_a_url_was_given_no_system_is_brought_up(home: Path) -> None:
    settings = {"CONDUCTOR_HOME": str(home), "CONDUCTOR_URL": "http://127.0.0.1:9", "CONDUCTOR_LANG": "en"}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings}
    command = command_of("run", "--wrap", "true")
    ended = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=120)
    assert (ended.returncode, ended.stdout) == (125, b"")
    assert b"no server answers at http://127.0.0.1:9" in ended.stderr


class Terminal:
    """A command on a terminal of its own, and what that terminal shows."""

    def __init__(
        self,
        api: Api,
        *words: str,
        columns: int = 80,
        lines: int = 24,
        changed: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.shown = ""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            command_of(*words), env=environment_of(api, **changed), cwd="/", stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True, preexec_fn=_take_terminal,  # noqa: PLW1509 (one system call, no lock)
        )  # fmt: skip
        os.close(slave)

    def wait_for(self, pattern: str) -> None:
        until = monotonic() + PATIENCE_SECONDS
        while not re.search(pattern, self.shown):
            ready, _, _ = select([self._master], [], [], max(0.0, until - monotonic()))
            assert ready, f"{pattern!r} was not shown, but: {self.shown!r}"
            self.shown += self._read()

    def _read(self) -> str:
        try:
            return os.read(self._master, 65536).decode()
        except OSError as error:  # how a terminal says that nobody uses it any more
            raise AssertionError(f"the command has ended, having shown {self.shown!r}") from error

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


def _take_terminal() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a suite in the background was started without
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def test_on_a_terminal_an_interrupt_asks_once_and_a_status_line_shows(api: Api, terminals: list[Any]) -> None:
    api.register()
    terminal = Terminal(api, "run", "-t", "5", "--wrap", "something")
    terminals.append(terminal)
    job_id = submitted(api)
    terminal.wait_for(rf"job {job_id} waiting 0:\d\d")
    allocation = api.start(job_id)
    write_output(api, job_id, b"\x1b[31mred\n")
    terminal.wait_for(r"\^\[\[31mred\r\n")
    terminal.wait_for(rf"job {job_id} running \(node-1\): 0:0\d of 5:00")
    terminal.type("\x03")
    terminal.wait_for(rf"Cancel job {job_id}\? \[Y/n\] ")
    terminal.type("n\n")
    terminal.wait_for(rf"job {job_id} goes on; `conductor logs -f {job_id}`")
    assert terminal.process.wait(PATIENCE_SECONDS) == 130
    assert api.get(f"/jobs/{job_id}")["cancel_requested_at"] is None
    api.end(allocation)


@pytest.mark.parametrize("answer", ["\n", "y\n", "\x03"])
def test_on_a_terminal_enter_yes_and_a_second_interrupt_cancel(
    api: Api, terminals: list[Any], answer: str
) -> None:
    terminal = Terminal(api, "run", "--wrap", "something")
    terminals.append(terminal)
    job_id = submitted(api)
    terminal.wait_for("waiting")
    terminal.type("\x03")
    terminal.wait_for("Cancel job")
    terminal.type(answer)
    terminal.wait_for("CANCELLED")
    assert terminal.process.wait(PATIENCE_SECONDS) == 130
    assert api.get(f"/jobs/{job_id}")["state"] == "CANCELLED"


@pytest.mark.parametrize(("columns", "widest"), [(60, 60), (0, 80)])
def test_a_table_on_a_terminal_fits_it_and_has_colours(
    api: Api, terminals: list[Any], columns: int, widest: int
) -> None:
    api.submit(name="a-name-of-many-letters-" * 9)
    terminal = Terminal(api, "jobs", columns=columns)
    terminals.append(terminal)
    terminal.wait_for(r"PENDING[^\n]*\n")
    assert "\x1b[33mPENDING\x1b[0m" in terminal.shown
    lines = re.sub(r"\x1b\[\d+m", "", terminal.shown).splitlines()
    assert widest - 20 < max(map(len, lines)) <= widest


@pytest.mark.parametrize(
    ("changed", "coloured"),
    [({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"FORCE_COLOR": "1"}, True), ({}, True)],
)
def test_colours_are_as_the_environment_says(
    api: Api, terminals: list[Any], changed: dict[str, str], coloured: bool
) -> None:
    api.submit()
    terminal = Terminal(api, "jobs", changed=changed)
    terminals.append(terminal)
    terminal.wait_for(r"PENDING[^\n]*\n")
    assert ("\x1b[" in terminal.shown) is coloured


def test_a_dumb_terminal_gets_no_status_line(api: Api, terminals: list[Any]) -> None:
    api.register()
    terminal = Terminal(api, "run", "--wrap", "something", changed={"TERM": "dumb"})
    terminals.append(terminal)
    job_id = submitted(api)
    allocation = api.start(job_id)
    write_output(api, job_id, b"said\n")
    terminal.wait_for("said")
    api.end(allocation)
    assert terminal.process.wait(PATIENCE_SECONDS) == 0
    assert terminal.shown == "said\r\n"


def test_forced_colours_reach_a_pipe(api: Api) -> None:
    api.submit()
    ended = subprocess.run(
        command_of("jobs"), env=environment_of(api, FORCE_COLOR="1"), capture_output=True, check=True
    )
    assert b"\x1b[33mPENDING" in ended.stdout
