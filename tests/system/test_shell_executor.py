"""The executor of `examples/executor.sh`, which knows nothing but HTTP: fifty jobs, and the ways that one can end."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fix_api import TOKEN, Api
from tests.fix_system import FirstLine, System
from tests.leftovers import end_those_with

ROOT = Path(__file__).resolve().parents[2]
# The first line asks the API what it knows of this very process.
FIRST_LINE = """#!/bin/bash
curl -s -H "Authorization: Bearer $TOKEN" "$URL/api/v1/jobs/$SLURM_JOB_ID" >known.json
python3 -c '
import json, sys
job = json.load(open("known.json"))
print(job["state"], job["resource_allocation"]["process_id"] == int(sys.argv[1]))' $$
"""
ENVIRONMENT = """
echo "$GREETING|$SLURM_JOB_NAME|$SLURM_CPUS_ON_NODE|$CONDUCTOR_NODE|$SLURM_SUBMIT_DIR|$PWD|${CONDUCTOR_TOKEN-none}"
echo "to the other stream" >&2
exit 3
"""
LEAVES_SOMETHING = "sleep 600 & echo $!\n"

pytestmark = pytest.mark.slow


class Far:
    """The shell executor as a process, and the API as people use it."""

    def __init__(self, system: System, api: Api) -> None:
        self.system, self.api = system, api
        self.spool = system.home / "far"
        wanted = {"name": "far-executor", "role": "executor", "node_name": "far"}  # as docs/security.md says
        self.token = str(api.post("/tokens", wanted).json()["token"])
        self.process = self.start()

    def start(self, **more: str) -> Any:
        environment = {
            "CONDUCTOR_URL": self.api.url,
            "CONDUCTOR_TOKEN": self.token,
            "NODE_NAME": "far",
            "TOTAL_CPUS": "4",
            "SPOOL": str(self.spool),
            "HOME": str(self.system.home),
            **more,
        }
        self.process = self.system.spawn([str(ROOT / "examples" / "executor.sh")], environment)
        return self.process

    def job(self, job_id: int) -> Any:
        return self.api.get(f"/jobs/{job_id}")


@pytest.fixture
def far(system: System, api: Api) -> Iterator[Far]:
    far = Far(system, api)
    system.until("SELECT EXISTS (SELECT FROM node_leases WHERE node_name = 'far')")
    yield far
    end_those_with("SPOOL", str(far.spool))


def test_fifty_jobs_by_http_alone(far: Far) -> None:
    api, system = far.api, far.system
    plain = [api.submit(f"echo hello {number}\n") for number in range(42)]
    asks = api.submit(FIRST_LINE, environment={"TOKEN": TOKEN, "URL": api.url})
    fails = api.submit(ENVIRONMENT, name="it's", cpus=2, environment={"GREETING": "it's\n$HOME"})
    killed = api.submit("kill -9 $$\n")
    limited = api.submit("trap '' TERM\nsleep 600 & wait; sleep 600\n", time_limit="0:01")
    cancelled = api.submit("echo begins\nsleep 600\n")
    long = api.submit("#!/usr/bin/env python3\nprint('x' * 3_000_000)\n", stdout_path="out-%j.txt")
    leaves = api.submit(LEAVES_SOMETHING)
    nowhere = api.submit("true\n", work_dir="/nowhere/at/all")
    every = [*plain, asks, fails, killed, limited, cancelled, long, leaves, nowhere]
    assert len(every) == 50
    system.until_state(cancelled, "RUNNING", seconds=240)
    api.post(f"/jobs/{cancelled}/cancel")
    system.until_ended(*every, seconds=240)

    states = Counter(row["state"] for row in api.get("/jobs")["jobs"])
    assert states == {"COMPLETED": 45, "FAILED": 3, "TIMEOUT": 1, "CANCELLED": 1}
    assert [far.job(job_id)["stdout"] for job_id in plain] == [f"hello {number}\n" for number in range(42)]
    assert far.job(asks)["stdout"] == "RUNNING True\n"
    failed = far.job(fails)
    folder = far.spool / "work" / f"job_{fails}"
    assert failed["stdout"] == f"it's\n$HOME|it's|2|far|{folder}|{folder}|none\n"
    assert (failed["stderr"], failed["exit_code"]) == ("to the other stream\n", 3)
    assert (far.job(killed)["exit_code"], far.job(killed)["exit_signal"]) == (None, 9)
    assert far.job(limited)["exit_signal"] == 9  # it would not hear SIGTERM
    assert far.job(long)["stdout_bytes"] == 3_000_001
    assert not Path(f"/proc/{far.job(leaves)['stdout'].strip()}").exists()
    assert far.job(nowhere)["reason"].startswith("JobLaunchFailure: ")
    assert {far.job(job_id)["resource_allocation"]["unsupervised"] for job_id in plain} == {True}
    assert api.get("/nodes/far")["unsupervised"] is True
    own = api.sql(
        "SELECT DISTINCT metadata ->> 'actor' FROM events WHERE type IN ('NodeRegistered', 'ResourcesAllocated')"
    )
    assert own == [("far-executor",)]

    far.process.send_signal(signal.SIGTERM)
    assert far.process.wait(20) == 0
    assert list((far.spool / "jobs").iterdir()) == []


def test_what_runs_when_it_is_killed_is_watched_by_the_next_one(far: Far) -> None:
    api, system = far.api, far.system
    one, other = FirstLine(system.home), FirstLine(system.home)
    goes_on = api.submit(f"{one}echo before\nwhile [ ! -e go ]; do sleep 0.1; done\necho after\n")
    limited = api.submit(f"{other}sleep 600\n", time_limit="0:10")
    one.wait()
    other.wait()
    far.process.kill()
    far.process.wait()
    far.start()
    system.until("SELECT incarnation = 2 FROM nodes WHERE name = 'far'")
    assert far.job(goes_on)["state"] == "RUNNING"
    (far.spool / "work" / f"job_{goes_on}" / "go").touch()
    system.until_ended(goes_on, limited)
    ended = far.job(goes_on)
    assert (ended["stdout"], ended["reason"], ended["exit_code"]) == ("before\nafter\n", "ExitUnknown", None)
    assert far.job(limited)["state"] == "TIMEOUT"


def test_a_process_whose_allocation_is_refused_never_runs_a_line(far: Far) -> None:
    """The executor binds its waiting process to CPUs right before it asks; here that cancels the job."""
    api, system = far.api, far.system
    mark = system.home / "ran"
    job_id = api.submit(f"touch {mark}\n", hold=True)
    header = f'-H "Authorization: Bearer {TOKEN}"'
    stub = system.home / "stubs" / "taskset"
    stub.parent.mkdir()
    stub.write_text(f"#!/bin/sh\ncurl -s {header} -X POST {api.url}/api/v1/jobs/{job_id}/cancel\n")
    stub.chmod(0o700)
    far.process.kill()
    far.process.wait()
    far.start(PATH=f"{stub.parent}:{os.environ['PATH']}")
    api.post(f"/jobs/{job_id}/unhold")
    after = api.submit("true\n")
    assert system.until_ended(job_id, after) == ["CANCELLED", "COMPLETED"]
    assert {one["type"] for one in api.get(f"/jobs/{job_id}/events")["events"]} >= {"ResourcesReserved"}
    assert "ResourcesAllocated" not in {one["type"] for one in api.get(f"/jobs/{job_id}/events")["events"]}
    assert not mark.exists()
