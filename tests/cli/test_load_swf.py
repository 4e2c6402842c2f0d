"""Traces in the Standard Workload Format: read, and fed to a server."""

import importlib.util
import json
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import httpx
import pytest

import conductor
from conductor.client import Client
from conductor.swf import SwfError, SwfJob, parse
from tests.fix_api import TOKEN, Api

ROOT = Path(conductor.__file__).parent.parent
TRACE = ROOT / "tests/data/nasa-ipsc-1993-first-600.swf"


@pytest.fixture(scope="module")
def load_swf() -> ModuleType:
    spec = importlib.util.spec_from_file_location("load_swf", ROOT / "scripts/load_swf.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["load_swf"] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def test_a_real_trace_is_read_whole() -> None:
    trace = parse(TRACE.read_text().splitlines())
    assert trace.header["MaxProcs"] == "128"
    assert trace.header["Acknowledge"] == "Bill Nitzberg"
    assert len(trace.jobs) == 600
    assert trace.jobs[5] == SwfJob(
        number=57, submit_seconds=25574, wait_seconds=None, run_seconds=10, allocated_processors=1,
        requested_processors=None, requested_seconds=None, requested_memory_kb=None, status=None, user_id=4,
        group_id=1,
    )  # fmt: skip
    assert [job.submit_seconds for job in trace.jobs] == sorted(job.submit_seconds for job in trace.jobs)


def line_of(**words: str) -> str:
    known = (
        "number",
        "submit",
        "wait",
        "run",
        "had",
        "cpu",
        "used",
        "wanted",
        "time",
        "memory",
        "status",
        "user",
    )
    return " ".join([words.get(name, "-1") for name in known] + ["-1"] * 6)


def test_what_was_asked_for_goes_before_what_was_had() -> None:
    (job,) = parse([line_of(number="1", submit="0", had="3", wanted="4")]).jobs
    assert (job.processors, job.run_seconds, job.user_id) == (4, None, None)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("1 2 3", "line 2: a job has 18 numbers, this line has 3"),
        (line_of(number="one", submit="0"), "line 2: .*one"),
        (line_of(number="1", submit="nan"), "line 2: .*a job has numbers only"),
        (line_of(number="1"), "line 2: a job needs its number and its time of submission"),
    ],
)
def test_a_line_that_is_no_job_is_named(line: str, why: str) -> None:
    with pytest.raises(SwfError, match=why):
        parse(["; Version: 2.2", line])


def test_jobs_wider_than_a_node_are_refused_and_counted_and_the_rest_goes_in(
    api: Api, load_swf: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    api.register("node-1", 64)
    options = load_swf._options(["--as-fast-as-possible", str(TRACE)])
    jobs = load_swf.read_trace(TRACE).jobs
    with Client(api.url, TOKEN) as client:
        assert load_swf.feed(client, jobs, options) == 0
    said = capsys.readouterr().out
    wide = sum(job.processors == 128 for job in jobs)
    assert f"submitted  {600 - wide}\n" in said
    assert f"refused    {wide}  (The job asks for 128 CPUs" in said
    assert api.sql("SELECT count(*), max(total_cpus_required), min(user_name) FROM jobs") == [
        (600 - wide, 64, "swf1")
    ]
    first = api.get("/jobs", name="swf-57")["jobs"][0]
    assert api.client.get(f"/api/v1/jobs/{first['id']}/script").text == "#!/bin/sh\nexec sleep 0.005\n"


def test_jobs_come_at_their_scaled_times_and_those_due_together_come_together(
    load_swf: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(load_swf.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(load_swf.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    lines = [line_of(number=str(n), submit=str(at)) for n, at in enumerate([5, 5, 25, 1005], 1)]
    looked: list[float] = []
    came = [
        ([job.number for job in batch], round(clock[0] - 100.0, 3))
        for batch in load_swf.due(parse(lines).jobs, 10.0, lambda: looked.append(clock[0]))
    ]
    assert came == [([1, 2], 0.0), ([3], 2.0), ([4], 100.0)]
    assert len(looked) > 40


def test_waiting_ends_when_all_have_ended_and_tells_what_did_not_complete(
    load_swf: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(load_swf.time, "sleep", lambda _: None)
    states = {
        1: ["PENDING", "RUNNING", "COMPLETED"],
        2: ["RUNNING", "FAILED"],
        3: ["CANCELLED"],
        99: ["RUNNING"],
    }
    server = Server(states)
    lines = [line_of(number=str(n), submit="0", run="10", had="1") for n in (1, 2, 3)]
    options = load_swf._options(["--wait", "x"])
    with Client("http://127.0.0.1:9", transport=httpx.MockTransport(server)) as client:
        assert load_swf.feed(client, parse(lines).jobs, options) == 1
    said = capsys.readouterr().out
    for shown in ("submitted  3", "COMPLETED  1", "FAILED     1", "CANCELLED  1"):
        assert f"{shown}\n" in said


class Server:
    """Its jobs move on by one state each time they are listed; job 99 is somebody else's and never ends."""

    def __init__(self, states: dict[int, list[str]]) -> None:
        self.states = states
        self.lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            jobs = json.loads(request.content)["jobs"]
            made = [{"job_id": number, "state": "PENDING"} for number in range(1, len(jobs) + 1)]
            return httpx.Response(201, json={"jobs": made})
        wanted = request.url.params.get("state", "")
        listed = [
            {"id": number, "state": states[0]}
            for number, states in self.states.items()
            if not wanted or states[0] in wanted.split(",")
        ]
        for states in self.states.values():
            del states[: len(states) > 1]
        return httpx.Response(200, json={"jobs": listed, "next": None})


def test_the_script_says_what_it_takes_and_what_is_wrong(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "scripts/load_swf.py"), *words]
        environment = {"CONDUCTOR_HOME": str(tmp_path), "CONDUCTOR_URL": "http://127.0.0.1:9"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert "--as-fast-as-possible" in run("--help").stdout
    missing = run(str(tmp_path / "none.swf"))
    assert (missing.returncode, "No such file" in missing.stderr) == (1, True)
    away = run(str(TRACE))
    assert (away.returncode, len(away.stderr.splitlines())) == (1, 1)
    assert "scripts/run" in away.stderr
