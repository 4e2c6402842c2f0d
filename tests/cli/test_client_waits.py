"""Waits and streams of both clients while connections break and servers go: nothing twice, nothing left out."""

import json
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from conductor.client import Refused, Unreachable
from conductor.client.patience import Patience
from tests.both_clients import KINDS, Pieces, in_turn, tell_offline

both = pytest.mark.parametrize("kind", KINDS)
JOB = {"id": 1, "state": "COMPLETED"}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("waiting", "following"):
        for place in ("conductor.client", "conductor.client.aio"):
            monkeypatch.setattr(f"{place}.{module}.AWAY_PAUSE_SECONDS", 0.0)


@both
def test_a_wait_outlives_an_absence_and_no_longer_one_than_its_patience(kind: str) -> None:
    gone, away = httpx.ConnectError("refused"), httpx.Response(503, headers={"Retry-After": "0.001"}, json={})
    cut_off = httpx.Response(500, content=b"Internal Server Error")
    answer, seen = in_turn(gone, away, away, away, away, cut_off, gone, httpx.Response(200, json=JOB))

    async def story(client: Any) -> None:
        assert (await client.wait(1)).state == "COMPLETED"

    tell_offline(kind, story, answer)
    assert len(seen) == 8

    async def impatient(client: Any) -> None:
        with pytest.raises(Unreachable):
            await client.wait(1, patience_seconds=0)
        with pytest.raises(Unreachable):
            await client.wait(1, timeout_seconds=0, patience_seconds=2)

    answer, seen = in_turn(gone)
    tell_offline(kind, impatient, answer)
    assert len(seen) == 2, "once each"

    async def mistaken(client: Any) -> None:
        with pytest.raises(Refused, match="a mistake"):
            await client.wait(1)

    tell_offline(kind, mistaken, in_turn(httpx.Response(500, json={"detail": "a mistake"}))[0])


def test_patience_begins_anew_with_every_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1000.0, 1059.0, 1100.0, 1160.0])
    monkeypatch.setattr("conductor.client.patience.time", SimpleNamespace(monotonic=lambda: next(times)))
    patience, gone = Patience(60), Unreachable("http://127.0.0.1:9", "nothing listens there")
    patience.check(gone)
    patience.check(gone)
    patience.answered()
    patience.check(gone)
    with pytest.raises(Unreachable):
        patience.check(gone)


@both
def test_a_stream_of_output_goes_on_where_it_broke(kind: str) -> None:
    text = bytes(range(256)) * 4
    broken = httpx.ReadError("reset")
    offsets: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/output"):
            return httpx.Response(
                200, json={"id": 1, "state": "COMPLETED" if len(offsets) > 3 else "RUNNING"}
            )
        offset = int(request.url.params["offset"])
        if "follow" not in request.url.params:
            return httpx.Response(200, content=text[offset:])
        offsets.append(offset)
        end: tuple[httpx.TransportError, ...] = (broken,) if len(offsets) % 2 else ()
        return httpx.Response(
            200, stream=Pieces(text[offset : offset + 100], text[offset + 100 : offset + 200], *end)
        )

    async def story(client: Any) -> None:
        assert b"".join([piece async for piece in client.stream_output(1)]) == text

    tell_offline(kind, story, answer)
    assert offsets == [0, 200, 400, 600], "the rest, which the end of the job owed, came by itself"


def sent(*positions: int) -> bytes:
    told = {"stream": "job-1", "version": 1, "type": "JobHeld", "at": "2026-01-01T00:00:00Z"}
    return b"".join(
        f"id: {at}\nevent: JobHeld\ndata: {json.dumps({'position': at, **told})}\n\n".encode()
        for at in positions
    )


@both
def test_a_stream_of_events_goes_on_after_the_last_that_came(kind: str) -> None:
    body = b"retry: 2000\nid: 3\n\n" + sent(4, 5)
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    problem = b'event: problem\ndata: {"status": 409, "code": "history_forked", "detail": "forked"}\n\n'
    bodies = [
        Pieces(*pieces, httpx.ReadError("reset")),
        Pieces(b": beat\r\nid: 9\r\n\r\n"),  # no event, but looked through up to here
        Pieces(sent(12), problem),
    ]
    answer, seen = in_turn(*(httpx.Response(200, stream=body) for body in bodies))

    async def story(client: Any) -> None:
        events = client.follow_events(after=3, node_name="n1", event_type="JobHeld")
        assert [(await anext(events)).position for _ in range(3)] == [4, 5, 12]
        with pytest.raises(Refused, match="forked") as caught:
            await anext(events)
        assert caught.value.code == "history_forked"

    tell_offline(kind, story, answer)
    assert [request.headers["Last-Event-ID"] for request in seen] == ["3", "5", "9"]
    assert seen[0].url.query == b"type=JobHeld&node=n1"
    assert all(body.closed for body in bodies)


@both
def test_a_server_without_the_stream_is_read_by_pages(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("conductor.client", "conductor.client.aio"):
        monkeypatch.setattr(f"{place}.following.PAGING_PAUSE_SECONDS", 0.0)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/stream"):
            return httpx.Response(404, json={})
        after = int(request.url.params["after"])
        event = {
            "position": after + 2,
            "stream": "s",
            "version": 1,
            "type": "T",
            "at": "2026-01-01T00:00:00Z",
        }
        return httpx.Response(200, json={"events": [event], "next": after + 2, "head": {"position": 10}})

    async def story(client: Any) -> None:
        came = []
        async with aclosing(client.follow_events()) as events:
            async for event in events:
                came.append(event.position)
                if len(came) == 3:
                    break
        assert came == [12, 14, 16], "from the end of the log on"

    tell_offline(kind, story, answer)


@both
def test_a_body_is_fetched_no_faster_than_it_is_taken(kind: str) -> None:
    body = Pieces(*[b"x" * 1000] * 1000)
    answer, _ = in_turn(httpx.Response(200, stream=body))

    async def story(client: Any) -> None:
        async with aclosing(client.stream_output(1)) as pieces:
            await anext(pieces)
            await anext(pieces)
        assert body.taken <= 3
        assert body.closed

    tell_offline(kind, story, answer)


@both
def test_many_are_waited_for_with_few_requests(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("conductor.client", "conductor.client.aio"):
        monkeypatch.setattr(f"{place}.waiting.PACE_SECONDS", 0.0)
    ended: set[int] = set()
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path == "/api/v1/jobs":
            first, limit = int(request.url.params["cursor"]) - 1, int(request.url.params["limit"])
            rows = [
                {"id": number, "state": "FAILED" if number in ended else "RUNNING"}
                for number in range(first, max(0, first - limit), -1)
                if number != 70
            ]
            return httpx.Response(200, json={"jobs": rows, "next": None})
        number = int(request.url.path.rpartition("/")[2])
        if number == 70:
            return httpx.Response(404, json={"detail": "no job 70"})
        ended.update(range(number, number + 400))
        return httpx.Response(200, json={"id": number, "state": "FAILED"})

    async def story(client: Any) -> None:
        came = [job.id async for job in client.wait_each(range(101, 1101))]
        assert sorted(came) == list(range(101, 1101))
        assert len(asked) < 12
        with pytest.raises(Refused, match="no job 70"):
            [job async for job in client.wait_each([70, 60])]

    tell_offline(kind, story, answer)
