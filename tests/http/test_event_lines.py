"""The log as lines of JSON: all of it up to where it ended, in bounded memory, or not to its end at all."""

import json
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from api.endpoints import events
from tests.fix_api import Api

LINES = {"Accept": "application/x-ndjson"}


def lines(
    api: Api, query: str = "", accept: str = "application/x-ndjson"
) -> tuple[httpx.Response, list[Any]]:
    answer = api.client.get(f"/api/v1/events{query}", headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    return answer, [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture
def busy(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setattr(events, "_PAGE_EVENTS", 7)
    for _ in range(20):
        api.submit()
    api.post("/jobs/3/hold")
    return api


def test_lines_are_the_events_of_the_document(busy: Api) -> None:
    document = busy.get("/events")
    answer, found = lines(busy)
    assert found == document["events"]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert int(answer.headers["conductor-head-position"]) == document["head"]["position"] == 21
    assert answer.headers["conductor-head-hash"] == document["head"]["hash"]


@pytest.mark.parametrize(
    "query",
    ["after=5", "limit=8", "after=14&limit=7", "stream=job-3", "type=JobHeld", "node=nowhere", "after=99"],
)
def test_the_filters_are_the_same(busy: Api, query: str) -> None:
    assert lines(busy, f"?{query}")[1] == busy.get("/events", **dict(parse_qsl(query)))["events"]


def test_what_comes_after_the_head_is_left_for_the_next_time(busy: Api) -> None:
    with busy.client.stream("GET", "/api/v1/events", headers=LINES) as answer:
        busy.submit()
        found = [json.loads(line) for line in answer.iter_lines()]
    assert [one["position"] for one in found] == list(range(1, 22))


def test_no_bound_is_set_to_lines_and_a_document_has_one(shared_api: Api) -> None:
    assert len(lines(shared_api, "?limit=10001")[1]) == 2
    answer = shared_api.client.get("/api/v1/events?limit=10001")
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["field"], error["code"]) == (422, "limit", "too_big")


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/*", "text/html", "application/x-ndjson;q=0"]
)
def test_only_who_asks_for_lines_gets_them(shared_api: Api, accept: str) -> None:
    answer = shared_api.client.get("/api/v1/events", headers={"Accept": accept})
    assert answer.json()["head"]["position"] == 2


def test_what_cannot_be_read_to_its_end_is_cut_off(busy: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    real = events._certainly

    async def fails(engine: Any, values: Any) -> Any:
        if values["after"]:
            raise events.LogBroken("away")
        return await real(engine, values)

    monkeypatch.setattr(events, "_certainly", fails)
    with pytest.raises(httpx.RemoteProtocolError):
        lines(busy)


def test_a_batch_of_lines_is_refused_by_the_line_at_fault(shared_api: Api) -> None:
    for body, status, field in (
        (b'{"script": "true\\n"}\n{"script": 1}\n', 422, "jobs[1].script"),
        (b'{"script": "true\\n"}\nnonsense\n', 400, "jobs[1]"),
        (b'\n{"script": "true\\n", "cpu": 1}', 422, "jobs[0].cpu"),
        (b"\n\n", 422, "jobs"),
    ):
        answer = shared_api.client.post(
            "/api/v1/jobs/submit/batch", content=body, headers={"Content-Type": "application/x-ndjson"}
        )
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field), body
    assert shared_api.count_events() == 2
