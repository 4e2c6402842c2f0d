"""The clients on the real stream of events, and changes bound to a version."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from conductor.client import Refused
from tests.both_clients import KINDS, Pieces, tell, tell_offline
from tests.fix_api import TOKEN, Api

EVENT = {"stream": "job-1", "version": 1, "type": "JobHeld", "at": "2026-01-01T00:00:00Z", "data": {}}
both = pytest.mark.parametrize("kind", KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_events_come_as_they_are_recorded_and_a_version_guards_a_change(kind: str, api: Api) -> None:
    api.register()
    held, started = api.submit(), api.submit()

    async def story(client: Any) -> None:
        version = (await client.job(held)).version
        await client.hold(held, expected_version=version)
        with pytest.raises(Refused) as caught:
            await client.unhold(held, expected_version=version)
        assert caught.value.code == "version_conflict"
        head = (await client.events(limit=1)).head.position
        async with aclosing(client.follow_events(after=head, node_name="node-1")) as events:
            coming = asyncio.ensure_future(anext(events))
            await asyncio.to_thread(api.start, started)
            assert (await coming).type == "ResourcesReserved"
        with pytest.raises(Refused) as caught:
            await anext(client.follow_events(after=5000))
        assert caught.value.code == "history_forked"

    tell(kind, story, api.url, TOKEN)


@both
def test_the_whole_log_comes_as_lines_and_goes_on_where_the_connection_broke(kind: str) -> None:
    lines = [json.dumps({**EVENT, "position": n, "hash": f"{n:064x}"}) + "\n" for n in (5, 6, 7)]

    cut = Pieces((lines[0] + lines[1] + lines[2][:9]).encode(), httpx.RemoteProtocolError("cut"))
    answers = iter([httpx.Response(200, stream=cut), httpx.Response(200, text=lines[2])])
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return next(answers)

    async def story(client: Any) -> None:
        events = [
            event async for event in client.iterate_events(after=4, known_hash="4" * 64, stream="job-1")
        ]
        assert [event.position for event in events] == [5, 6, 7]

    tell_offline(kind, story, answer)
    assert [request.headers["Accept"] for request in seen] == ["application/x-ndjson"] * 2
    asked = [(request.url.params["after"], request.url.params["hash"]) for request in seen]
    assert asked == [("4", "4" * 64), ("6", f"{6:064x}")]


@both
def test_a_stream_that_ends_in_order_is_taken_up_again_with_what_is_known(kind: str) -> None:
    """As after a quarter of an hour. In between the stream said how far it has looked."""
    first = json.dumps({**EVENT, "position": 5, "hash": "5" * 64})
    second = json.dumps({**EVENT, "position": 9, "hash": "9" * 64})
    forked = json.dumps({"status": 409, "code": "history_forked", "detail": "History is another."})
    bodies = iter(
        [
            f"retry: 1\nid: 4\n\nid: 5\nevent: JobHeld\ndata: {first}\n\n: beat\nid: 8\n\n",
            f"id: 9\nevent: JobHeld\ndata: {second}\n\nevent: problem\ndata: {forked}\n\n",
        ]
    )
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, text=next(bodies))

    async def story(client: Any) -> None:
        events = client.follow_events(after=4)
        assert [(await anext(events)).position for _ in range(2)] == [5, 9]
        with pytest.raises(Refused) as caught:
            await anext(events)
        assert caught.value.code == "history_forked"

    tell_offline(kind, story, answer)
    assert [request.headers["Last-Event-ID"] for request in seen] == ["4", "8"]
    assert [request.url.params.get("hash") for request in seen] == [None, "5" * 64]
    assert seen[1].url.params["after"] == "5"


@both
def test_who_remembers_another_history_is_refused(kind: str, api: Api) -> None:
    for _ in range(3):
        api.submit()

    async def story(client: Any) -> None:
        known = [event async for event in client.iterate_events()]
        assert [event.position for event in known] == [1, 2, 3]
        rest = client.iterate_events(after=2, known_hash=known[1].hash)
        assert [event.position async for event in rest] == [3]
        assert (await client.events(after=2, known_hash=known[1].hash)).events[0].position == 3
        for begin in (client.iterate_events, client.follow_events):
            with pytest.raises(Refused) as caught:
                await anext(begin(after=2, known_hash="0" * 64))
            assert caught.value.code == "history_forked"

    tell(kind, story, api.url, TOKEN)
