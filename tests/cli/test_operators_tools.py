"""The operators' small tools, run as the programs that they are: from elsewhere, through a link, by any Python."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conductor.cli.cleanup import judge
from conductor.client.models import Job
from tests.fix_api import TOKEN, Api
from tests.test_docs import ROOT

Run = Callable[..., "subprocess.CompletedProcess[str]"]
COMMAND = {"type": "Repair", "allocation_id": 1, "finding": "process_missing"}


def stamp(clone: Path) -> str:
    """As `scripts/environment.sh` makes it."""
    script = 'printf "%s\\n" "$1"; cat "$1/requirements.lock" "$1/requirements-dev.lock"'
    said = subprocess.run(
        ["sh", "-c", f"{{ {script}; }} | cksum", "sh", clone], capture_output=True, check=True
    )
    return said.stdout.decode().strip()


@pytest.fixture
def tool(tmp_path: Path, api: Api) -> Run:
    """Runs `scripts/NAME.py` by a link from another folder, against the test's API."""
    project = tmp_path / "a clone"
    (project / "scripts").mkdir(parents=True)
    for name in ("tool", "environment.sh", "health_check.py", "verify_resource_status.py", "cleanup.py"):
        target = project / "scripts" / name
        target.write_bytes((ROOT / "scripts" / name).read_bytes())
        target.chmod(0o755)
    for name in ("requirements.lock", "requirements-dev.lock"):
        (project / name).symlink_to(ROOT / name)
    python = project / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (project / ".venv/.installed-run").write_text(stamp(project))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def run(name: str, *words: object, **variables: str) -> "subprocess.CompletedProcess[str]":
        link = elsewhere / f"{name}-link"
        if not link.exists():
            link.symlink_to(project / f"scripts/{name}.py")
        settings = {
            "CONDUCTOR_URL": api.url,
            "CONDUCTOR_API_TOKEN": TOKEN,
            "CONDUCTOR_HOME": str(api.settings.home),
            "CONDUCTOR_LANG": "en",
        }
        return subprocess.run(
            [link, *map(str, words)],
            cwd=elsewhere,
            env={"PATH": os.environ["PATH"], "HOME": str(elsewhere), **settings, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def leak(api: Api, hours: float) -> tuple[int, int]:
    """A job that began so long ago, and whose process its node says is gone; its number and its allocation's."""
    job_id = api.submit()
    allocation_id = api.start(job_id)
    began = datetime.now(UTC) - timedelta(hours=hours)
    api.sql("UPDATE jobs SET start_time = %s WHERE id = %s", began, job_id)
    return job_id, allocation_id


def told_gone(api: Api, *allocation_ids: int) -> None:
    api.sql("SELECT observe_node('node-1', 1, %s::bigint[], '[]', NULL, NULL)", list(allocation_ids))


def test_each_says_what_its_exit_code_means(tool: Run, api: Api) -> None:
    for name in ("health_check", "verify_resource_status", "cleanup"):
        assert "0 fine, 1 findings, 2 not reachable" in tool(name, "--help").stdout
        away = tool(name, "--json", CONDUCTOR_URL="http://127.0.0.1:1")
        assert (away.returncode, away.stdout) == (2, "")
        assert "no server answers" in away.stderr
        assert tool(name, CONDUCTOR_API_TOKEN="x" * 20).returncode == (1 if name == "health_check" else 2)


def test_health_is_what_the_api_says_of_its_parts(tool: Run, api: Api) -> None:
    said = tool("health_check")
    assert said.returncode == 1, "nobody leads"
    assert "wrong  scheduler: never led" in said.stdout
    assert json.loads(tool("health_check", "--json").stdout)["database"]["ok"]
    api.register()
    api.sql("SELECT take_leadership('me', 60), renew_lease('node-1', 1, 60, '{}')")
    assert tool("health_check").returncode == 0


def test_what_agrees_and_what_does_not(tool: Run, api: Api) -> None:
    api.register()
    allocation_id = api.start(api.submit())
    said = tool("verify_resource_status", "--replay")
    assert (said.returncode, said.stderr) == (0, "")
    assert "4 = 1 used" in said.stdout
    told_gone(api, allocation_id)
    assert tool("verify_resource_status").returncode == 1
    found = json.loads(tool("verify_resource_status", "--json").stdout)
    assert [one["code"] for one in found["findings"]] == ["process_missing"]


def test_cleaning_only_says_what_it_would_do_until_it_is_told_to(tool: Run, api: Api) -> None:
    api.register()
    old, its_allocation = leak(api, 49)
    young, other = leak(api, 1)
    told_gone(api, its_allocation, other)
    before = api.count_events()
    said = tool("cleanup")
    assert said.returncode == 1
    assert f"job {old}: PID 4711 is gone from node-1" in said.stdout
    assert f"job {young}: its process is gone, but it has not run for 48.0 h" in said.stdout
    assert api.count_events() == before
    api.sql("UPDATE jobs SET start_time = (SELECT at FROM events WHERE stream = 'job-' || jobs.id "
            "AND type = 'ResourcesAllocated')")  # fmt: skip
    done = tool("cleanup", "--apply", "--hours", "0")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "2 cleaned up.")
    assert api.get(f"/jobs/{old}")["state"] == "FAILED"
    assert tool("cleanup").stdout == "Nothing to clean up.\n"


def test_a_job_is_never_ended_for_its_age(tool: Run, api: Api) -> None:
    """Its node does not say that its process is gone; past its limit by far."""
    api.register()
    job_id = api.submit(time_limit=1)
    api.start(job_id)
    real = api.get(f"/jobs/{job_id}")["start_time"]
    api.sql("UPDATE jobs SET start_time = now() - interval '9 years' WHERE id = %s", job_id)
    said = tool("cleanup", "--apply", "--hours", "0")
    assert (said.returncode, said.stdout.splitlines()[-1]) == (0, "Nothing to clean up.")
    assert api.get(f"/jobs/{job_id}")["state"] == "RUNNING"
    api.sql("UPDATE jobs SET start_time = %s WHERE id = %s", real, job_id)


def test_a_process_that_is_seen_here_is_believed_more_than_a_report_that_it_is_gone() -> None:
    stat = Path("/proc/self/stat").read_text()
    allocation = {
        "node_name": "node-1",
        "process_id": os.getpid(),
        "boot_id": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "pid_namespace": str(Path("/proc/self/ns/pid").stat().st_ino),
        "process_start_ticks": int(stat[stat.rindex(")") + 2 :].split()[19]),
    }
    finding: dict[str, Any] = {"commands": [COMMAND]}

    def judged(**changes: Any) -> str:
        raw = {"resource_allocation": allocation | changes}
        return judge(Job(id=1, state="RUNNING", raw=raw), finding, 48).code

    assert judged() == "cleanup_lives_here"
    assert judged(process_start_ticks=1) == "cleanup_gone", "another process has its number now"
    assert judged(boot_id="another") == "cleanup_gone"


def test_an_expired_reservation_goes_back_to_the_queue(tool: Run, api: Api) -> None:
    api.register()
    job_id = api.submit()
    api.command("Reserve", job_id=job_id, node_name="node-1", expires_in_seconds=1)
    # The row alone says so; what is appended is decided from the log, and the row is made anew by it.
    api.sql("UPDATE resource_allocations SET expires_at = now() - interval '1 minute'")
    said = tool("cleanup")
    assert (said.returncode, said.stdout.splitlines()[-1]) == (1, "1 to clean up; do it with --apply.")
    assert tool("cleanup", "--apply").returncode == 0
    assert api.get(f"/jobs/{job_id}")["state"] == "PENDING"


@pytest.mark.parametrize("hours", ["-1", "many", "inf"])
def test_wrong_hours_are_refused(tool: Run, hours: str) -> None:
    assert tool("cleanup", f"--hours={hours}").returncode == 2
