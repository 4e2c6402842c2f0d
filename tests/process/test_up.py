"""`conductor up`: what it starts, what it keeps, what survives it, and what a person sees of it."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import psutil
import pytest

import conductor
from conductor.home import find_running
from conductor.up.child import Child

PROJECT = Path(conductor.__file__).parent.parent
PATIENCE_SECONDS = 30.0
ROLES = ("api", "scheduler", "executor")
Thing = TypeVar("Thing")


def wait_for(look: Callable[[], Thing | None], what: str) -> Thing:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if (found := look()) is not None:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come in {PATIENCE_SECONDS:.0f} s")


@pytest.fixture
def home(home: Path) -> Iterator[Path]:
    """A home whose supervisor and jobs end with the test, however it ends."""
    yield home
    lock = home / "spool/supervisor.lock"
    with suppress(psutil.NoSuchProcess, FileNotFoundError):
        supervisor = supervisor_of(home)
        if any(file.path == str(lock) for file in supervisor.open_files()):
            for process in (supervisor, *supervisor.children(recursive=True)):
                process.kill()


class Up:
    """A `conductor up` that a test watches from outside."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "CONDUCTOR_HOME": str(home),
            "CONDUCTOR_API_PORT": "0", "CONDUCTOR_KILL_GRACE_SECONDS": "2", "TOTAL_CPUS": "4", **settings,
        }  # fmt: skip
        self.said = ""
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "conductor", "up"], env=self.environment, cwd="/", text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0,
        )  # fmt: skip

    def wait_to_say(self, pattern: str) -> str:
        """The line that matches, as soon as it is said."""
        assert self.process.stdout is not None
        until = time.monotonic() + PATIENCE_SECONDS
        while (found := re.search(pattern, self.said)) is None:
            ready, _, _ = select.select([self.process.stdout], [], [], until - time.monotonic())
            read = os.read(self.process.stdout.fileno(), 65536).decode() if ready else ""
            assert read, f"{pattern!r} was not said, but:\n{self.said}"
            self.said += read
        return found[0]

    def wait_until_ended(self) -> int:
        assert self.process.stdout is not None
        self.said += self.process.stdout.read()
        return self.process.wait(PATIENCE_SECONDS)

    def roles(self) -> dict[str, psutil.Process]:
        """Its children, by the names in their command lines."""
        children = {child: child.cmdline() for child in psutil.Process(self.process.pid).children()}
        named = {line[-1]: child for child, line in children.items() if line[-3:-1] == ["-m", "conductor"]}
        servers = [child for child, line in children.items() if line and line[0].endswith("/postgres")]
        return named | dict(zip(["postgres"], servers, strict=False))

    def ask(self, method: str, path: str, body: object = None) -> Any:
        running = find_running(self.home)
        assert running is not None
        token = (self.home / "api_token").read_text().strip()
        request = urllib.request.Request(  # noqa: S310 (our own API)
            running.api_url + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return json.load(answer)

    def submit(self, script: str) -> int:
        job = self.ask("POST", "/api/v1/jobs/submit", {"script": f"#!/bin/bash\n{script}\n", "cpus": 1})
        return int(job["job_id"])

    def job(self, job_id: int, state: str) -> Any:
        return wait_for(lambda: self._job_if(job_id, state), f"job {job_id} {state}")

    def _job_if(self, job_id: int, state: str) -> Any:
        job = self.ask("GET", f"/api/v1/jobs/{job_id}")
        return job if job["state"] == state else None


@contextmanager
def up(home: Path, **settings: str) -> Iterator[Up]:
    """A system that is ready; whatever is left of it at the end of the test is ended."""
    started = Up(home, **settings)
    with started.process:
        try:
            started.wait_to_say("Ctrl-C")
            yield started
        finally:
            if started.process.poll() is None:
                started.process.terminate()
                started.wait_until_ended()


def supervisor_of(home: Path) -> psutil.Process:
    return psutil.Process(int((home / "spool/supervisor.lock").read_text().split()[0]))


def is_gone(process: psutil.Process) -> bool | None:
    return True if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE else None


def test_a_child_that_dies_is_started_again_later_each_time(tmp_path: Path) -> None:
    child = Child("scheduler", [sys.executable, "-c", "raise SystemExit(7)"], os.environ, tmp_path / "log")
    lines = [wait_for(child.look, "a line about its death") for _ in range(2)]
    assert [re.sub("; see .*", "", line) for line in lines] == [
        "scheduler ended (exit code 7); starting again in 0.5 s",
        "scheduler ended (exit code 7); starting again in 1 s",
    ]


def test_a_child_writes_to_its_log_and_ends_when_it_is_stopped(tmp_path: Path) -> None:
    child = Child("api", ["sh", "-c", "echo begun; exec sleep 600"], os.environ, tmp_path / "log")
    assert child.look() is None
    wait_for(lambda: "begun\n" in (tmp_path / "log").read_text() or None, "its output")
    process = psutil.Process(child.pid)
    assert os.getpgid(process.pid) == process.pid
    child.stop()
    assert child.pid is None
    assert is_gone(process)


def test_up_starts_every_role_as_a_process_of_its_own_and_says_where_it_answers(home: Path) -> None:
    with up(home) as system:
        assert set(system.roles()) == {*ROLES, "postgres"}
        running = find_running(home)
        assert running is not None
        assert f"ready at {running.api_url}\n" in system.said
        assert f"kept in {home}\n" in system.said
        assert "submit" in system.said
        wait_for(lambda: system.ask("GET", "/api/v1/jobs/stats")["total_cpus"] == 4 or None, "its node")
        system.process.send_signal(signal.SIGINT)
        assert system.wait_until_ended() == 0
    assert system.said.endswith("Stopped.\n")
    assert find_running(home) is None
    assert not _processes_that_name(home)


def test_with_a_url_up_runs_no_server_and_shows_its_password_to_nobody(home: Path, database_url: str) -> None:
    parts = urlsplit(database_url)
    user, _, rest = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    password = password or "geheim"
    url = urlunsplit(parts._replace(netloc=f"{name}:{password}@{rest}"))
    with up(home, CONDUCTOR_DATABASE_URL=url) as system:
        roles = system.roles()
        assert set(roles) == set(ROLES)
        job_id = system.submit("exit 0")
        system.job(job_id, "COMPLETED")
        processes = [psutil.Process(system.process.pid), supervisor_of(home), *roles.values()]
        assert not any(password in part for process in processes for part in process.cmdline())
    kept = [
        path for path in home.rglob("*") if path.is_file() and password in path.read_text(errors="replace")
    ]
    assert kept == []


def test_up_speaks_chinese(home: Path) -> None:
    with up(home, CONDUCTOR_LANG="zh") as system:
        assert "已就绪" in system.said


@pytest.mark.faults
def test_a_service_that_is_killed_is_started_again_and_said_so(home: Path) -> None:
    with up(home) as system:
        before = system.roles()
        for role in (*ROLES, "postgres"):
            before[role].kill()
        for role in ROLES:
            system.wait_to_say(f"{role} ended .SIGKILL.*starting again")
        system.wait_to_say("PostgreSQL ended")
        job_id = wait_for(lambda: _attempt(lambda: system.submit("exit 0")), "an answering API")
        system.job(job_id, "COMPLETED")
        after = system.roles()
        assert set(after) == set(before)
        assert {process.pid for process in after.values()}.isdisjoint(
            process.pid for process in before.values()
        )


@pytest.mark.faults
def test_a_running_job_outlives_up_and_the_next_up_has_its_end(home: Path) -> None:
    with up(home) as system:
        job_id = system.submit(f"until [ -e {home}/go ]; do sleep 0.05; done; exit 7")
        pid = system.job(job_id, "RUNNING")["resource_allocation"]["process_id"]
        supervisor = supervisor_of(home)
        system.process.terminate()
        assert system.wait_until_ended() == 0
    assert re.search("1 job keeps running; `.* up` resumes\n", system.said)
    assert psutil.Process(pid).is_running()
    (home / "go").touch()
    with up(home) as system:
        assert system.job(job_id, "FAILED")["exit_code"] == 7
        assert supervisor_of(home) == supervisor
        system.process.terminate()
        assert system.wait_until_ended() == 0
    assert is_gone(supervisor)


@pytest.mark.faults
def test_kill_9_of_up_leaves_nothing_but_the_supervisor_and_its_jobs(home: Path) -> None:
    with up(home) as system:
        job_id = system.submit("sleep 600")
        pid = system.job(job_id, "RUNNING")["resource_allocation"]["process_id"]
        services = list(system.roles().values())
        supervisor = supervisor_of(home)
        system.process.kill()
        for service in services:
            wait_for(lambda service=service: is_gone(service), f"the end of {service}")  # type: ignore[misc]
        assert psutil.Process(pid).is_running()
        assert supervisor.is_running()
    with up(home) as system:
        system.ask("POST", f"/api/v1/jobs/{job_id}/cancel")
        system.job(job_id, "CANCELLED")
        assert not psutil.pid_exists(pid)


@pytest.mark.faults
def test_a_second_ctrl_c_cancels_the_jobs_first(home: Path) -> None:
    with up(home) as system:
        pid = system.job(system.submit("sleep 600"), "RUNNING")["resource_allocation"]["process_id"]
        supervisor = supervisor_of(home)
        system.process.send_signal(signal.SIGINT)
        system.wait_to_say("1 job keeps running.*\n.*again cancels")
        system.process.send_signal(signal.SIGINT)
        assert system.wait_until_ended() == 0
    assert "Cancelling 1 job" in system.said
    assert not psutil.pid_exists(pid)
    assert is_gone(supervisor)


def test_a_second_up_on_the_same_home_is_refused_and_told_who_holds_it(home: Path) -> None:
    with up(home) as system:
        second = Up(home)
        with second.process:
            assert second.wait_until_ended() == 1
        assert re.search(f"{home} is in use by process {system.process.pid} ", second.said)
        assert system.process.poll() is None


def test_a_port_in_use_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from conductor.up import system

    monkeypatch.setattr(system, "PORT_PATIENCE_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(system.UpError, match=rf"port {port}: Address already in use.*CONDUCTOR_API_PORT"):
            system._checked_port("127.0.0.1", port)
    assert home.exists()


def _processes_that_name(home: Path) -> list[psutil.Process]:
    return [one for one in psutil.process_iter() if any(str(home) in part for part in _command_line(one))]


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _attempt(act: Callable[[], Thing]) -> Thing | None:
    try:
        return act()
    except OSError:
        return None
