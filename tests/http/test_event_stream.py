"""The log as it is followed: every event once and in order, from wherever the client was; and what else it is told."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import httpx
import pytest

from api.answers import reading
from api.endpoints import event_stream
from api.services import log_tail
from api.services.log_tail import LogTail
from api.services.watch import Bell
from conductor.telemetry.process import gauge
from tests.fix_api import TOKEN, Api, api_settings, running_api
from tests.given_tokens import of_role
from tests.http.test_server import served


class Told(NamedTuple):
    id: int | None
    type: str
    data: Any


class Follower:
    """What a browser's EventSource would see."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.lines = answer.iter_lines()
        self.last_id: int | None = None

    def blocks(self) -> Iterator[dict[str, str]]:
        block: dict[str, str] = {}
        for line in self.lines:
            if line:
                name, _, value = line.partition(":")
                block[name] = value.removeprefix(" ")
            else:
                yield block
                block = {}

    def events(self) -> Iterator[Told]:
        for block in self.blocks():
            self.last_id = int(block["id"]) if "id" in block else self.last_id
            if "data" in block:
                yield Told(self.last_id, block["event"], json.loads(block["data"]))

    def next(self, count: int = 1) -> list[Told]:
        events = self.events()
        return [next(events) for _ in range(count)]


@contextmanager
def following(api: Api, query: str = "", **headers: str) -> Iterator[Follower]:
    with api.client.stream("GET", f"/api/v1/events/stream{query}", headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        yield Follower(answer)


@pytest.fixture(params=[False, True], ids=["listening", "polling"])
def any_api(request: pytest.FixtureRequest, home: Path, database_url: str) -> Iterator[Api]:
    with running_api(api_settings(home, poll_only=request.param), database_url) as api:
        yield api


def test_every_event_comes_once_in_order_as_it_is_listed(any_api: Api) -> None:
    api = any_api
    for _ in range(3):
        api.submit()
    with following(api, "?after=1") as follower:
        before = follower.next(2)
        api.submit()
        api.post("/jobs/1/hold")
        told = before + follower.next(2)
    listed = api.get("/events", after=1)["events"]
    assert [one.data for one in told] == listed
    assert [one.id for one in told] == [event["position"] for event in listed] == [2, 3, 4, 5]
    assert [one.type for one in told] == ["JobSubmitted"] * 3 + ["JobHeld"]


def test_it_begins_now_unless_told_otherwise_and_gives_a_place_to_come_back_to(api: Api) -> None:
    api.submit()
    with following(api) as follower:
        assert follower.answer.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in follower.answer.headers
        assert next(follower.blocks()) == {"retry": "2000", "id": "1"}
        api.submit()
        assert follower.next()[0].id == 2


def test_who_comes_back_goes_on_from_the_last_id_whatever_the_address_says(api: Api) -> None:
    for _ in range(4):
        api.submit()
    with following(api, "?after=0", **{"Last-Event-ID": "3"}) as follower:
        assert follower.next()[0].id == 4


def test_filters_leave_out_the_rest(api: Api) -> None:
    api.register("n1")
    api.register("n2", spool_id="other")
    here, there = api.submit(), api.submit()
    allocation = api.start(here, "n1")
    api.start(there, "n2")
    api.post(f"/jobs/{here}/cancel")
    api.command(
        "Release", allocation_id=allocation, incarnation=1, reason="cancelled", exit_code=None, exit_signal=15
    )
    api.post(f"/jobs/{here}/requeue")
    late = {
        "allocation_id": allocation,
        "incarnation": 1,
        "exit_code": 1,
        "exit_signal": None,
        "reason": "finished",
    }
    api.post("/commands", {"type": "Release", **late})
    last = api.submit()
    of_node = [
        *(
            "NodeRegistered",
            "ResourcesReserved",
            "ResourcesAllocated",
            "CancelRequested",
            "ResourcesReleased",
        ),
        "LateReport",
    ]
    for query, types in (
        ("node=n1", of_node),
        (f"stream=job-{there}", ["JobSubmitted", "ResourcesReserved", "ResourcesAllocated"]),
        ("type=CancelRequested,JobRequeued", ["CancelRequested", "JobRequeued"]),
        ("node=n1&type=CancelRequested", ["CancelRequested"]),
    ):
        listed = [event["type"] for event in api.get("/events", **dict(parse_qsl(query)))["events"]]
        assert listed == types, query
        with following(api, f"?after=0&{query}") as follower:
            assert [one.type for one in follower.next(len(listed))] == listed
    with following(api, "?node=n1") as follower:  # and as they happen
        api.start(last, "n1")
        assert [one.type for one in follower.next(2)] == ["ResourcesReserved", "ResourcesAllocated"]


def test_silence_is_broken_now_and_then_with_how_far_the_log_has_come(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "BEAT_SECONDS", 0.2)
    with following(api, "?type=NodeLost") as follower:
        api.submit()
        blocks = follower.blocks()
        assert next(blocks)["id"] == "0"
        beats = iter(block for block in blocks if block.get("id") == "1")
        assert next(beats) == {"": "beat", "id": "1"}


@pytest.mark.parametrize(
    ("query", "headers", "field"),
    [
        ("?after=-1", {}, "after"),
        ("?type=Nothing", {}, "type"),
        ("?node=a b", {}, "node"),
        ("?hash=abc", {}, "hash"),
        ("?limit=1", {}, "limit"),
        ("", {"Last-Event-ID": "x"}, "Last-Event-ID"),
        ("", {"Last-Event-ID": "9" * 30}, "Last-Event-ID"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    shared_api: Api, query: str, headers: dict[str, str], field: str
) -> None:
    answer = shared_api.client.get(f"/api/v1/events/stream{query}", headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_history_that_has_become_another_is_told(api: Api) -> None:
    api.submit()
    api.submit()
    events = api.get("/events")["events"]
    good, other = events[0]["hash"], "0" * 64
    assert api.get("/events", after=1, hash=good)["events"][0]["position"] == 2
    for path in ("/events?after=1&hash=", "/events/stream?after=1&hash=", "/events?after=9&hash="):
        answer = api.client.get(f"/api/v1{path}{other}")
        assert (answer.status_code, answer.json()["code"]) == (409, "history_forked")
        assert answer.json()["head"] == {"position": 2, "hash": events[1]["hash"]}
    beyond = api.client.get("/api/v1/events/stream", headers={"Last-Event-ID": "3"})
    assert (beyond.status_code, beyond.json()["code"]) == (409, "history_forked")
    with following(api, f"?after=1&hash={good}") as follower:
        assert follower.next()[0].id == 2


def test_history_that_becomes_another_under_a_follower_is_told_too(home: Path, database_url: str) -> None:
    with running_api(api_settings(home), database_url) as api:
        api.submit()
        with following(api) as follower:
            api.submit()
            assert follower.next()[0].id == 2
            # As if the database had been restored to another past.
            api.sql(
                "SET session_replication_role = replica; ALTER TABLE events DISABLE TRIGGER ALL;"
                "UPDATE events SET hash = sha256(hash) WHERE position = 2"
            )
            [last] = follower.next()
            assert (last.type, last.data["code"], last.id) == ("problem", "history_forked", 2)
            assert list(follower.blocks()) == []


def test_a_stream_has_its_time_so_that_a_token_is_shown_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "LIFE_SECONDS", 0.2)
    api.submit()
    with following(api, "?after=0") as follower:
        assert [one.id for one in follower.events()] == [1]  # in order, not cut off
    assert api.submit() == 2
    with following(api, "?after=0", **{"Last-Event-ID": str(follower.last_id)}) as follower:
        assert [one.id for one in follower.events()] == [2]


def test_a_head_is_answered_and_follows_nothing(shared_api: Api) -> None:
    answer = shared_api.client.head("/api/v1/events/stream")
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (
        200,
        "text/event-stream",
    )
    lines = shared_api.client.head("/api/v1/events", headers={"Accept": "application/x-ndjson"})
    assert (lines.status_code, lines.headers["conductor-head-position"]) == (200, "2")


def test_how_far_followers_are_is_a_metric(api: Api) -> None:
    with following(api) as follower:
        next(follower.blocks())
        api.submit()
        told = follower.next()[0].id
        followed = dict(gauge("conductor_follower_position").values())
        assert followed[("sse",)] == told


def test_there_are_only_so_many_followers_and_who_leaves_makes_room(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_tail, "FOLLOWERS_AT_MOST", 1)
    with following(api) as follower:
        next(follower.blocks())
        refused = api.client.get("/api/v1/events/stream")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_followers")
        assert int(refused.headers["retry-after"]) > 0
    deadline = time.monotonic() + 20
    while True:
        with api.client.stream("GET", "/api/v1/events/stream") as answer:
            if answer.status_code == 200:
                break
        assert time.monotonic() < deadline
        time.sleep(0.02)  # the server hears of a closed connection when it hears of it


def test_one_token_does_not_keep_out_the_others(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_tail, "FOLLOWERS_OF_ONE", 1)
    with (
        of_role(api, "viewer", "greedy") as greedy,
        of_role(api, "viewer", "other") as other,
        greedy.stream("GET", "/events/stream") as first,
    ):
        assert first.status_code == 200
        refused = greedy.get("/events/stream")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_followers")
        assert "greedy" in refused.json()["detail"]
        with other.stream("GET", "/events/stream") as others, following(api), following(api):
            assert others.status_code == 200


def test_many_followers_of_an_idle_log_cost_no_query_each(
    home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_api(api_settings(home, poll_seconds=0.05), database_url) as api:
        api.submit()
        asked = 0

        async def counted(*arguments: Any) -> Any:
            nonlocal asked
            asked += 1
            return await reading.fetch(*arguments)

        monkeypatch.setattr(event_stream, "fetch", counted)
        clients = [following(api) for _ in range(20)]
        followers = [client.__enter__() for client in clients]
        for follower in followers:
            next(follower.blocks())
        api.submit()
        assert [follower.next()[0].id for follower in followers] == [2] * 20
        settled = asked
        for position in range(3, 13):
            api.submit()
            assert {follower.next()[0].id for follower in followers} == {position}
        assert asked == settled  # what is new came from the one tail
        for client in clients:
            client.__exit__(None, None, None)


def test_a_slow_reader_is_waited_for_and_misses_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads nothing while more is written than is kept in memory, or than sockets hold."""
    monkeypatch.setattr(log_tail, "_KEPT_EVENTS", 300)
    body = {"jobs": [{"script": "true\n", "comment": "x" * 2000} for _ in range(1000)]}
    with following(api) as follower:
        next(follower.blocks())
        for _ in range(3):
            assert api.post("/jobs/submit/batch", body, timeout=60).status_code == 201
        assert [one.id for one in follower.next(3000)] == list(range(1, 3001))


def test_the_memory_of_the_tail_is_bounded_and_ends_with_the_last_follower() -> None:
    tail = LogTail(None, Bell(), poll_seconds=1.0)  # type: ignore[arg-type]
    tail._before = 0
    row = {"position": 0, "stream": "job-1", "type": "JobHeld", "node_name": None, "data": "x" * 10_000}
    for position in range(1, 5001):
        tail._keep([log_tail.told({**row, "position": position})])
    assert tail.position == 5000
    assert len(tail._recent) <= 900
    assert tail.after(100) is None
    assert [one.position for one in tail.after(4998) or []] == [4999, 5000]
    tail._forget()
    assert tail.after(5000) is None


def test_followers_are_let_go_when_the_server_ends(home: Path, database_url: str) -> None:
    with served(home, database_url) as (process, url):
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with (
            httpx.Client(base_url=url, headers=headers, trust_env=False) as client,
            client.stream("GET", "/api/v1/events/stream") as answer,
        ):
            lines = answer.iter_lines()
            assert next(lines).startswith("retry")
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=15) == 0
            assert time.monotonic() - begun < 2.5  # before uvicorn loses its patience
            assert list(lines)[-1:] in ([], [""])  # to its end, not cut off
