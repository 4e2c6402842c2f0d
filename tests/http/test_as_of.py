"""`?as_of=`: what an answer said then is what it says of then, column by column; and what cannot be asked for."""

import asyncio
import contextlib
import http.client
import json
import os
import select
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from api.services import past
from conductor.core.wait_reasons import OF_THE_CLUSTER
from tests.fix_api import TOKEN, Api, api_settings, running_api
from tests.fix_engine import Engine
from tests.properties.test_random_histories import CPUS, GRES, NODES, Wisher

LISTINGS = ("/jobs", "/nodes", "/jobs/stats", "/allocations")
LEASE = ("lease_renewed_at", "lease_expires_at", "lease_live")
OUTPUT = [
    f"{stream}{what}" for stream in ("stdout", "stderr") for what in ("", "_bytes", "_truncated", "_note")
]
OPINIONS = OF_THE_CLUSTER | {"NodeDown"}


def without_the_present(value: Any) -> Any:
    """An answer less what only the present knows, and with times as times."""
    if isinstance(value, list):
        return [without_the_present(one) for one in value]
    if not isinstance(value, dict):
        return datetime.fromisoformat(value) if isinstance(value, str) and value[10:11] == "T" else value
    left = (*LEASE, *OUTPUT, "as_of", "wait_seconds", "run_seconds", "oldest_pending_seconds")
    kept = {key: without_the_present(one) for key, one in value.items() if key not in left}
    return {**kept, "reason": None} if kept.get("reason") in OPINIONS else kept


QUERIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/jobs", {}),
    ("/jobs", {"state": "PENDING,RUNNING", "limit": 3}),
    ("/jobs", {"state": "final", "cursor": 9}),
    ("/jobs", {"node_name": "a", "user_name": "a"}),
    ("/jobs", {"user_name": "nobody"}),
    ("/jobs", {"name": "job_3"}),
    ("/nodes", {}),
    ("/jobs/stats", {}),
    ("/allocations", {}),
    ("/allocations", {"status": "released", "limit": 4}),
    ("/allocations", {"status": "allocated,released", "node_name": "b", "cursor": 20}),
)


@pytest.mark.parametrize("seed", range(2))
def test_what_every_answer_said_then_is_what_it_says_of_then(api: Api, seed: int) -> None:
    engine, wisher = Engine(api.database_url), Wisher(seed)

    async def wishes(engine: Engine) -> None:
        for _ in range(10):
            await asyncio.gather(*(engine.do(wisher.wish()) for _ in range(10)))

    async def nodes(engine: Engine) -> None:
        for name in NODES:
            await engine.register(name, CPUS, gres=GRES)

    said: list[tuple[int, list[Any], list[Any]]] = [heard(api)]
    engine.run(nodes)
    for _ in range(5):
        engine.run(wishes)
        said.append(heard(api))
    assert said[-1][0] > 60
    for position, answers, jobs in said:
        for (path, query), answer in zip(QUERIES, answers, strict=True):
            then = api.get(path, **query, as_of=position)
            assert then["as_of"]["position"] == position
            assert then.keys() == answer.keys() | {"as_of"}
            assert without_the_present(then) == without_the_present(answer), (path, query)
        for job in jobs:
            then = api.get(f"/jobs/{job['id']}", as_of=position)
            assert then.keys() == job.keys() | {"as_of"}
            assert without_the_present(then) == without_the_present(job)


def heard(api: Api) -> tuple[int, list[Any], list[Any]]:
    answers = [api.get(path, **query) for path, query in QUERIES]
    jobs = [api.get(f"/jobs/{job['id']}") for job in answers[0]["jobs"][:4]]
    return api.get("/jobs/stats")["position"], answers, jobs


def recorded_at(api: Api, position: int) -> datetime:
    instant: datetime = api.sql("SELECT recorded_at FROM events WHERE position = %s", position)[0][0]
    return instant


def test_durations_are_counted_to_the_moment(api: Api) -> None:
    api.register()
    job_id = api.submit()
    waiting = api.submit()
    api.start(job_id)
    submitted, started = recorded_at(api, 2), recorded_at(api, 5)
    job = api.get(f"/jobs/{waiting}", as_of=5)
    assert job["run_seconds"] is None
    assert 0 < job["wait_seconds"] <= (started - submitted).total_seconds()
    ahead = (started + timedelta(microseconds=250)).isoformat()
    again = api.get(f"/jobs/{waiting}", as_of=ahead)
    assert again["as_of"] == {"position": 5, "time": ahead}
    assert again["wait_seconds"] == pytest.approx(job["wait_seconds"] + 0.00025, abs=1e-9)
    assert api.get(f"/jobs/{job_id}", as_of=ahead)["run_seconds"] > 0.0002
    stats = api.get("/jobs/stats", as_of=ahead)
    assert stats["oldest_pending_seconds"] == pytest.approx(again["wait_seconds"], abs=1e-9)
    assert (stats["position"], stats["as_of"]) == (5, {"position": 5, "time": ahead})


def test_what_only_the_present_knows_is_null(api: Api) -> None:
    incarnation = api.register()
    api.client.put("/api/v1/nodes/node-1/lease", json={"incarnation": incarnation, "allocations": []})
    job_id = api.submit()
    api.start(job_id)
    head = api.count_events()
    [node] = api.get("/nodes", as_of=head)["nodes"]
    assert [node[key] for key in LEASE] == [None, None, None]
    job = api.get(f"/jobs/{job_id}", as_of=head)
    assert {job[key] for key in OUTPUT} == {None, False}
    api.sql("DELETE FROM node_leases")
    assert api.get(f"/jobs/{job_id}")["reason"] == "NodeDown"
    assert api.get(f"/jobs/{job_id}", as_of=head)["reason"] is None


def test_before_the_log_there_is_nothing_and_what_is_to_come_is_the_present(api: Api) -> None:
    api.register()
    api.submit()
    for before in (0, "1999-01-01T00:00:00Z"):
        assert api.get("/jobs", as_of=before)["jobs"] == []
        assert api.get("/nodes", as_of=before)["nodes"] == []
        stats = api.get("/jobs/stats", as_of=before)
        assert (stats["total_cpus"], stats["oldest_pending_seconds"], stats["position"]) == (0, None, 0)
        gone = api.client.get("/api/v1/jobs/1", params={"as_of": before})
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
        assert "position 0" in gone.json()["detail"]
    ahead = api.get("/jobs/stats", as_of="2999-01-01T00:00:00Z")
    assert (ahead["total_jobs"], ahead["position"]) == (1, 2)
    assert datetime.fromisoformat(ahead["as_of"]["time"]) <= datetime.now(UTC) + timedelta(seconds=5)


@pytest.mark.parametrize("path", [*LISTINGS, "/jobs/1"])
@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("as_of=999", "as_of", "beyond_head"),
        ("as_of=-1", "as_of", "bad_time"),
        ("as_of=yesterday", "as_of", "bad_time"),
        ("as_of=", "as_of", "bad_time"),
        ("as_of=99999999999999999999", "as_of", "too_big"),
        ("as_of=2026-01-01T00:00:00", "as_of", "naive_time"),
        ("as_of=1&at_least=1", "as_of", "contradiction"),
    ],
)
def test_a_moment_that_cannot_be_meant_is_refused_by_name(
    shared_api: Api, path: str, query: str, field: str, code: str
) -> None:
    answer = shared_api.client.get(f"/api/v1{path}?{query}")
    assert answer.status_code == 422, answer.text
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
    if code == "beyond_head":
        assert f"at most {shared_api.count_events()}" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("query", ["/jobs/1?as_of=1&wait=final", "/allocations?as_of=1&wait=3"])
def test_the_past_cannot_be_waited_for(shared_api: Api, query: str) -> None:
    [error] = shared_api.client.get(f"/api/v1{query}").json()["errors"]
    assert (error["field"], error["code"]) == ("as_of", "contradiction")
    assert "wait" in error["message"]


def test_a_plus_that_a_query_made_a_blank_is_still_an_offset(shared_api: Api) -> None:
    answer = shared_api.client.get("/api/v1/jobs/stats?as_of=2999-01-01T00:00:00+08:00")
    assert answer.status_code == 200, answer.text


@pytest.fixture
def folded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The position of every fold that a worker was asked for."""
    positions: list[int] = []
    ask = past._Worker.ask

    async def counted(self: past._Worker, request: Any) -> Any:
        positions.append(request["position"])
        return await ask(self, request)

    monkeypatch.setattr(past._Worker, "ask", counted)
    return positions


def test_who_asks_for_the_same_moment_at_once_is_answered_by_one_fold(api: Api, folded: list[int]) -> None:
    api.register()
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(api.get, path, as_of=1) for path in ("/nodes", "/jobs/stats") * 3]
        answers = [one.result() for one in asked]
    assert [answer["as_of"]["position"] for answer in answers] == [1] * 6
    assert folded == [1]


def test_since_and_until_are_counted_as_today(api: Api) -> None:
    for _ in range(3):
        api.submit()
    second = api.get("/jobs/2")["submit_time"]
    for query, expected in (({"since": second}, [3, 2]), ({"until": second}, [1])):
        for more in ({}, {"as_of": 3}):
            assert [job["id"] for job in api.get("/jobs", **query, **more)["jobs"]] == expected


def test_pages_of_one_moment_are_folded_once(api: Api, folded: list[int]) -> None:
    for _ in range(7):
        api.submit()
    api.submit(user_name="bob")
    found, cursor = [], None
    while True:
        page = api.get("/jobs", as_of=7, limit=2, **({"cursor": cursor} if cursor else {}))
        found += [job["id"] for job in page["jobs"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == [7, 6, 5, 4, 3, 2, 1]
    api.get("/jobs/stats", as_of=7)
    api.get("/nodes", as_of=7)
    assert folded == [7]
    api.get("/jobs", as_of=8, user_name="bob")
    assert folded == [7, 8]


def test_a_listing_longer_than_what_is_kept_goes_on_where_that_ends(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "ROWS_AT_LEAST", 3)
    for _ in range(8):
        api.submit()
    found, cursor = [], None
    for _ in range(4):
        page = api.get("/jobs", as_of=8, limit=2, **({"cursor": cursor} if cursor else {}))
        found += [job["id"] for job in page["jobs"]]
        cursor = page["next"]
    assert found == [8, 7, 6, 5, 4, 3, 2, 1]
    assert [job["id"] for job in api.get("/jobs", as_of=8, limit=2)["jobs"]] == [8, 7]


def test_what_is_kept_is_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[past.Past] = []
    init = past.Past.__init__
    monkeypatch.setattr(past, "KEPT_BYTES", 4000)
    for _ in range(5):
        api.submit()

    def noted(self: past.Past, *arguments: Any) -> None:
        init(self, *arguments)
        kept.append(self)

    monkeypatch.setattr(past.Past, "__init__", noted)
    with running_api(api_settings(api.settings.home), api.database_url) as other:
        for position in range(1, 6):
            assert len(other.get("/jobs", as_of=position)["jobs"]) == position
        assert len(kept[0]._kept) <= 3
        assert kept[0]._kept_bytes == sum(size for _, size, _ in kept[0]._kept.values())


def test_a_damaged_log_is_said_to_be_one_and_nothing_is_guessed(home: Path, database_url: str) -> None:
    with running_api(api_settings(home), database_url) as api:
        api.register()
        api.start(api.submit())
        api.sql("ALTER TABLE events DISABLE TRIGGER events_append_only")
        api.sql("DELETE FROM events WHERE stream = 'job-1' AND version = 2")
        for path in ("/nodes", "/jobs", "/jobs/1"):
            answer = api.client.get(f"/api/v1{path}", params={"as_of": 4})
            assert (answer.status_code, answer.json()["code"]) == (500, "log_unreadable")
            assert "conductor replay verify" in answer.json()["detail"]
        assert api.get("/jobs/1", as_of=2)["state"] == "PENDING"


# A worker that never answers, and notes that it was started and by whom.
SILENT = """
import os, pathlib, sys
pathlib.Path(os.environ["HOME"], f"worker-{os.getpid()}").touch()
sys.stdin.buffer.readline(); sys.stdin.buffer.read()
"""


@pytest.fixture
def silent_workers(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which every worker that is started leaves its number."""
    program = home / "silent.py"
    program.write_text(SILENT)
    start = asyncio.create_subprocess_exec

    async def started(executable: str, *_arguments: str, **more: Any) -> Any:
        more["env"]["HOME"] = str(home)
        return await start(executable, "-I", str(program), **more)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", started)
    return home


def workers(folder: Path, count: int) -> list[int]:
    """Those that were started, once there are so many."""
    deadline = time.monotonic() + 20
    while len(found := list(folder.glob("worker-*"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)  # another process's doing, seen only by looking
    return [int(path.name.partition("-")[2]) for path in found]


def until_gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, f"{pid} lives on"
        time.sleep(0.01)  # the same


def test_a_fold_whose_client_goes_away_is_ended(api: Api, silent_workers: Path) -> None:
    api.submit()
    with pytest.raises(httpx.ReadTimeout):
        api.client.get("/api/v1/jobs?as_of=1", timeout=1.0)
    [pid] = workers(silent_workers, 1)
    until_gone(pid)
    assert api.get("/jobs/1", as_of=1)["state"] == "PENDING"


def test_too_many_at_once_are_told_to_come_again_while_others_are_answered(
    api: Api, silent_workers: Path
) -> None:
    api.submit()
    at_most = past.FOLDING_AT_ONCE + past.WAITING_AT_MOST
    refused = threading.Semaphore(0)
    until_left, leave = os.pipe()

    def ask(number: int) -> int | None:
        address = urlsplit(str(api.url))
        client = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        with contextlib.closing(client):
            client.request(
                "GET", f"/api/v1/nodes?as_of={number % 2}", headers={"Authorization": f"Bearer {TOKEN}"}
            )
            if client.sock not in select.select([client.sock, until_left], [], [])[0]:
                return None
            answer = client.getresponse()
            assert json.loads(answer.read())["code"] == "past_busy"
            assert int(answer.headers["Retry-After"]) > 0
            refused.release()
            return answer.status

    with ThreadPoolExecutor(at_most + 2) as pool:
        answers = [pool.submit(ask, number) for number in range(at_most + 2)]
        try:
            assert all(refused.acquire(timeout=30) for _ in range(2))
            assert len(workers(silent_workers, past.FOLDING_AT_ONCE)) == past.FOLDING_AT_ONCE
            assert api.get("/jobs/stats")["total_jobs"] == 1
            assert api.get("/jobs/1", as_of=1)["state"] == "PENDING"
        finally:
            os.close(leave)
        codes = [answer.result() for answer in answers]
    os.close(until_left)
    assert codes.count(429) == 2
    assert codes.count(None) == at_most


def test_workers_end_with_the_api(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.submit()
    started: list[int] = []
    start = asyncio.create_subprocess_exec

    async def noted(*arguments: Any, **more: Any) -> Any:
        process = await start(*arguments, **more)
        started.append(process.pid)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    with running_api(api_settings(api.settings.home), api.database_url) as other:
        other.get("/nodes", as_of=1)
        other.get("/nodes", as_of=0)
        [pid] = started
        assert Path(f"/proc/{pid}").exists()
    until_gone(pid)


def test_a_worker_ends_with_its_standard_input_even_without_a_request() -> None:
    program = [sys.executable, "-m", "api.services.past_worker"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        worker.stdin.close()
        assert worker.wait(20) == 0
