"""`GET /api/v1/events/stream`: the log as server-sent events, for as long as the client listens.

Promises: every event that matches, once each and in order, from the position that the client names; who comes back with
the last `id` misses nothing. A reader who is slow is waited for, and costs no memory. A log that is no longer the one
that was followed is said to be so.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from api.answers.compressing import UNBUFFERED
from api.answers.problems import FieldError, Problem, invalid, problem_document
from api.answers.reading import fetch, fetch_one, header_of
from api.answers.texts import Language
from api.endpoints.events import Hash, Types, check_history, filters, raise_forked
from api.endpoints.jobs import QUERY
from api.endpoints.reach import node_asked
from api.engine import Engine, engine_of
from api.guard.security import caller_of
from api.requests.fields import ID_LIMIT, Count, Line, NodeNameText
from api.requests.validation import validated_query
from api.services.log_tail import PIECE_EVENTS, LogTail, Told, told
from conductor.database import DatabaseUnavailable, jittered

BEAT_SECONDS = 15.0  # proxies cut what is silent for 30 or 60 seconds
LIFE_SECONDS = 900.0  # then it ends, and whoever comes back shows a token that is still good
RETRY_MS = 2000


class StreamQuery(BaseModel):
    """Without `after` and without Last-Event-ID: from now on. `hash`: of the event at `after`."""

    model_config = QUERY

    after: Count | None = None
    hash: Hash | None = None
    stream: Line | None = None
    type: Types | None = None
    node: NodeNameText | None = None


class _Followed(StreamingResponse):
    """Leaves the followers however it ends, also when it never begins."""

    def __init__(self, content: AsyncIterator[bytes], leave: Callable[[], None]) -> None:
        super().__init__(content, media_type="text/event-stream", headers=UNBUFFERED)
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


async def follow_events(request: Request) -> Response:
    query = validated_query(StreamQuery, request)
    engine = engine_of(request)
    last = _last_event_id(request)
    query = query.model_copy(update={"node": node_asked(request, query.node)})
    await check_history(engine, query.after or 0, query.hash)
    head = await fetch_one(engine.pool, "head")
    end = head["position"] if head else 0
    begin = last if last is not None else query.after if query.after is not None else end
    if begin > end:  # nothing that this log told; it has lost its end, or the position is another system's
        await raise_forked(engine, begin)
    if request.method == "HEAD":  # whose body would never end, and nobody would see it
        return Response(media_type="text/event-stream", headers=UNBUFFERED)
    caller = caller_of(request)
    engine.tail.join(caller.identity)
    stream = _stream(engine, query, begin, caller.language)
    return _Followed(stream, partial(engine.tail.leave, caller.identity))


def _last_event_id(request: Request) -> int | None:
    """What browsers and libraries send when they come back; it goes before `after`, which stays as it was."""
    given = header_of(request, "last-event-id")
    if not given:
        return None
    if not (given.isascii() and given.isdecimal() and int(given[:20]) <= ID_LIMIT):
        raise invalid(FieldError(field="Last-Event-ID", code="not_an_integer"))
    return int(given[:20])


async def _stream(
    engine: Engine, query: StreamQuery, position: int, language: Language
) -> AsyncIterator[bytes]:
    tail, forks = engine.tail, engine.tail.forks
    # An id without data is no event, but the client keeps it: so it has a place to come back to from the start on.
    yield f"retry: {RETRY_MS}\nid: {position}\n\n".encode()
    beat_at, end_at = _now() + BEAT_SECONDS, _now() + LIFE_SECONDS
    while not tail.closed and _now() < end_at:
        if tail.forks != forks:
            yield _fork(position, tail, language)
            return
        found, reached = await _next(engine, query, position)
        moved, position = reached > position, reached
        if found:
            yield b"".join(found)
            beat_at = _now() + BEAT_SECONDS
        elif (left := beat_at - _now()) <= 0:
            yield f": beat\nid: {position}\n\n".encode()
            beat_at = _now() + BEAT_SECONDS
        elif not moved:
            await tail.grown_past(position, min(left, end_at - _now()))


async def _next(engine: Engine, query: StreamQuery, position: int) -> tuple[list[bytes], int]:
    """The next few events that match, and up to where it has been looked."""
    kept = engine.tail.after(position)
    if kept is not None:
        reached = kept[-1].position if kept else position
        return [one.text for one in kept if _matches(one, query)], reached
    with suppress(DatabaseUnavailable):
        return await _from_the_log(engine, query, position)
    await asyncio.sleep(jittered(0.5))
    return [], position


async def _from_the_log(engine: Engine, query: StreamQuery, position: int) -> tuple[list[bytes], int]:
    """For who comes from far back, or is slower than the log grows. The head first: up to it all is found."""
    head = await fetch_one(engine.pool, "head")
    until = head["position"] if head else 0
    values: dict[str, Any] = filters(stream=query.stream, types=query.type, node=query.node)
    values |= {"after": position, "until": until, "limit": PIECE_EVENTS}
    rows = await fetch(engine.pool, "events", values)
    whole = len(rows) < PIECE_EVENTS
    reached = max(until, position) if whole else rows[-1]["position"]
    return [told(row).text for row in rows], reached


def _matches(one: Told, query: StreamQuery) -> bool:
    return (
        (query.stream is None or one.stream == query.stream)
        and (query.type is None or one.type in query.type)
        and (query.node is None or one.node_name == query.node)
    )


def _fork(position: int, tail: LogTail, language: Language) -> bytes:
    """The last thing that is said: what came so far is not what the log says now."""
    problem = Problem(409, "history_forked", position=position, head=tail.position)
    return b"event: problem\ndata: " + orjson.dumps(problem_document(problem, language)) + b"\n\n"


def _now() -> float:
    return asyncio.get_running_loop().time()
