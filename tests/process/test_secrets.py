"""Secrets with marks in them go through a whole system, and are found nowhere but where they must be."""

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from conductor.home import find_running
from tests.process.test_up import Up, home, supervisor_of, up, wait_for

__all__ = ["home"]  # a fixture

HOME_TOKEN = "home-token-MARKED-SECRET-1"
WRONG_TOKEN = "wrong-token-MARKED-SECRET-2"
IN_ENVIRONMENT = "value-MARKED-SECRET-3"
SCRIPT = """env > seen
cat /proc/$$/environ /proc/$PPID/environ /proc/$PPID/cmdline 2>/dev/null | tr '\\0' '\\n' >> seen
echo end >> seen
sleep 600"""


@pytest.fixture
def system(home: Path) -> Iterator[Up]:
    with up(home, CONDUCTOR_API_TOKEN=HOME_TOKEN) as system:
        (home / "api_token").write_text(HOME_TOKEN)  # for the test's own requests; the setting wins
        yield system


def send(system: Up, token: str, body: bytes) -> int:
    running = find_running(system.home)
    assert running is not None
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(  # noqa: S310 (our own API)
        f"{running.api_url}/api/v1/jobs/submit", data=body, headers=headers, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            status, said = answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        status, said = refused.code, refused.read()
    assert b"MARKED-SECRET" not in said
    return int(status)


def use_every_secret(system: Up) -> tuple[str, int]:
    """Well and badly; gives the secret of a new token, and a job that runs."""
    made = system.ask("POST", "/api/v1/tokens", {"name": "alice", "role": "submitter"})["token"]
    job = {"script": f"#!/bin/bash\n{SCRIPT}\n", "environment": {"PASSWORD": IN_ENVIRONMENT}}
    job_id = int(system.ask("POST", "/api/v1/jobs/submit", job)["job_id"])
    system.job(job_id, "RUNNING")
    assert send(system, WRONG_TOKEN, b"{}") == 401
    assert send(system, made, b'{"PASSWORD": "value-MARKED-SECRET-3"') == 400
    assert (
        send(system, made, b'{"script": "true\\n", "environment": {"A=B": "value-MARKED-SECRET-3"}}') == 422
    )
    assert send(system, made, b'{"script": "true\\n", "value-MARKED": "value-MARKED-SECRET-3"}') == 422
    system.ask("POST", "/api/v1/tokens/alice/revoke", {"reason": "done"})
    assert send(system, made, b"{}") == 401
    return made, job_id


def files_of(home: Path) -> Iterator[tuple[Path, bytes]]:
    """Everything that the system has written, but the database's own files."""
    for folder, _, names in os.walk(home):
        for name in names:
            path = Path(folder) / name
            if path.is_file() and "postgres/data" not in str(path):
                yield path, path.read_bytes()


def everything(home: Path) -> dict[str, bytes]:
    """By where it is: files, and the arguments of every process of the system."""
    found = {str(path.relative_to(home)): text for path, text in files_of(home)}
    for process in psutil.process_iter():
        with process.oneshot():
            try:
                found[f"arguments of {process.pid}"] = "\0".join(process.cmdline()).encode()
            except psutil.Error:
                continue
    return found


def test_secrets_are_in_no_log_no_argument_no_file_and_no_event(system: Up, home: Path) -> None:
    made, job_id = use_every_secret(system)
    events = str(system.ask("GET", "/api/v1/events"))
    listed = str(system.ask("GET", "/api/v1/tokens")) + str(system.ask("GET", "/api/v1/jobs"))
    for secret in (HOME_TOKEN, WRONG_TOKEN, IN_ENVIRONMENT, made):
        assert secret not in events
        assert secret not in listed
        places = {where for where, text in everything(home).items() if secret.encode() in text}
        allowed = {"api_token"} if secret == HOME_TOKEN else set()
        if secret == IN_ENVIRONMENT:  # what the job itself has written of its own
            allowed = {f"spool/work/job_{job_id}/seen"}
        assert places <= allowed, places


def test_a_job_sees_its_own_environment_and_nothing_of_the_services(system: Up, home: Path) -> None:
    _, job_id = use_every_secret(system)
    seen = home / "spool/work" / f"job_{job_id}" / "seen"
    asked = f"PASSWORD={IN_ENVIRONMENT}"
    text = wait_for(lambda: whole_text(seen, "end\n"), "what the job saw")
    assert asked in text
    assert HOME_TOKEN not in text
    names = {line.partition("=")[0] for line in text.splitlines() if line.startswith("CONDUCTOR_")}
    assert names <= {
        "CONDUCTOR_JOB_ID",
        "CONDUCTOR_ATTEMPT",
        "CONDUCTOR_NODE",
        "CONDUCTOR_CPU_IDS",
        "CONDUCTOR_JOB_MARK",
    }
    assert "postgresql://" not in text
    supervisor = supervisor_of(home)
    assert HOME_TOKEN not in str(supervisor.environ())


def whole_text(path: Path, end: str) -> str | None:
    """What is in a file, once that is."""
    text = path.read_text(errors="replace") if path.exists() else ""
    return text if text.count(end) else None


def test_what_others_may_read_of_the_home_has_no_secret(system: Up, home: Path) -> None:
    use_every_secret(system)
    assert home.stat().st_mode & 0o077 == (0o011 if os.geteuid() == 0 else 0)
    for name in ("running.json", "api_token", "up.lock"):
        path = home / name
        if path.exists():
            assert name == "api_token" or b"SECRET" not in path.read_bytes()
    for log in (home / "logs").iterdir():
        assert b"SECRET" not in log.read_bytes(), log.name
