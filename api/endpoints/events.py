"""The log, read: events after a position, of one job or about one node, with the end of the log beside them.

Promises: as lines of JSON a whole log is sent in bounded memory, up to where it ended when it was asked for; a client
that knows the hash at its position is told when history has become another. Refuses to know who follows.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any, NoReturn

import orjson
from pydantic import BaseModel, BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.answers.preferences import quality
from api.answers.problems import FieldError, Problem, invalid
from api.answers.reading import Row, answer, fetch, fetch_one
from api.endpoints.jobs import QUERY
from api.endpoints.reach import node_asked
from api.endpoints.selecting import no_such_job, one_job
from api.engine import Engine, engine_of
from api.guard.security import JSON_TYPES, NDJSON_TYPES
from api.requests.fields import ID_LIMIT, Count, Line, NodeNameText
from api.requests.validation import complaint, validated_query
from conductor.codec import EVENT_TYPES
from conductor.core.identifiers import job_stream
from conductor.database import DatabaseUnavailable, jittered

_PAGE_EVENTS = 1000
_MOST_EVENTS = 10_000  # in one JSON document; lines of JSON have no such bound
_TRIES = 5


class LogBroken(Exception):
    """Lines that were begun cannot be finished; the connection is cut, so that nobody takes a part for the whole."""


def _types(given: Any) -> list[str]:
    """Names of events, with commas between."""
    names = [name.strip() for name in str(given).split(",")]
    if not EVENT_TYPES.keys() >= set(names):
        raise complaint("not_one_of", expected=", ".join(EVENT_TYPES))
    return names


def _hash(given: Any) -> str:
    text = str(given).lower()
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise complaint("bad_hash")
    return text


_Named = Annotated[str, Field(json_schema_extra={"enum": list(EVENT_TYPES)})]
Types = Annotated[
    list[str], BeforeValidator(_types, json_schema_input_type=Annotated[list[_Named], Field(min_length=1)])
]
Hash = Annotated[
    str, BeforeValidator(_hash, json_schema_input_type=Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")])
]


class JobEventsQuery(BaseModel):
    model_config = QUERY

    after: Count = 0
    type: Types | None = None
    limit: Annotated[int, Field(ge=1, le=_MOST_EVENTS)] = 1000
    at_least: Count | None = None


class EventsQuery(BaseModel):
    """`hash`: of the event at `after`, as the client remembers it."""

    model_config = QUERY

    after: Count = 0
    hash: Hash | None = None
    stream: Line | None = None
    type: Types | None = None
    node: NodeNameText | None = None
    limit: Annotated[int, Field(ge=1, le=ID_LIMIT)] | None = None
    at_least: Count | None = None


async def list_events(request: Request) -> Response:
    query = validated_query(EventsQuery, request)
    engine = engine_of(request)
    as_lines = _wants_lines(request)
    if not as_lines and query.limit is not None and query.limit > _MOST_EVENTS:
        raise invalid(FieldError(field="limit", code="too_big", values={"most": _MOST_EVENTS}))
    await engine.caught_up(query.at_least)
    await check_history(engine, query.after, query.hash)
    wanted = filters(stream=query.stream, types=query.type, node=node_asked(request, query.node))
    if as_lines:
        return await _lines(engine, query, wanted, head_only=request.method == "HEAD")
    return answer(await _page(engine, query.after, query.limit or 1000, wanted))


async def list_job_events(request: Request) -> Response:
    query = validated_query(JobEventsQuery, request)
    engine = engine_of(request)
    job_id = await one_job(engine, request)
    await engine.caught_up(query.at_least)
    wanted = filters(stream=job_stream(job_id), types=query.type)
    page = await _page(engine, query.after, query.limit, wanted)
    if not page["events"] and await fetch_one(engine.pool, "job_after_command", {"job_id": job_id}) is None:
        raise no_such_job(job_id)
    return answer(page)


def filters(
    *, stream: str | None = None, types: list[str] | None = None, node: str | None = None
) -> dict[str, Any]:
    """What the query `events` is asked for, besides the positions."""
    return {"stream": stream, "types": types, "node_name": node, "with_node": node is not None}


async def check_history(engine: Engine, after: int, known_hash: str | None) -> None:
    """Raises a 409 problem when another event than the client's stands at its position now, or none."""
    if known_hash is None or after == 0:
        return
    found = await fetch_one(engine.pool, "hash_at", {"position": after})
    if found is None or found["hash"] != known_hash:
        await raise_forked(engine, after)


async def raise_forked(engine: Engine, position: int) -> NoReturn:
    head = await fetch_one(engine.pool, "head")
    end = {"position": head["position"] if head else 0, "hash": head["hash"].hex() if head else None}
    raise Problem(409, "history_forked", members={"head": end}, position=position, head=end["position"])


def _wants_lines(request: Request) -> bool:
    accept = request.headers.get("accept")
    group = "application/*"
    return quality(accept, NDJSON_TYPES, group=group) > quality(accept, JSON_TYPES, group=group)


async def _page(engine: Engine, after: int, limit: int, wanted: dict[str, Any]) -> dict[str, Any]:
    # The head is read first: whatever is found up to it is all there is up to it.
    head = await fetch_one(engine.pool, "head")
    head_position = head["position"] if head else 0
    rows = await read_events(engine, {**wanted, "after": after, "until": None, "limit": limit})
    last = rows[-1]["position"] if rows else after
    whole = len(rows) < limit
    return {
        "events": rows,
        "next": max(last, head_position) if whole else last,
        "head": {"position": head_position, "hash": head["hash"].hex() if head else None},
    }


async def read_events(engine: Engine, values: dict[str, Any]) -> list[Row]:
    rows = await fetch(engine.pool, "events", values)
    for row in rows:
        del row["node_name"]  # what was looked for is known
    return rows


async def _lines(engine: Engine, query: EventsQuery, wanted: dict[str, Any], *, head_only: bool) -> Response:
    head = await fetch_one(engine.pool, "head")
    until = head["position"] if head else 0
    headers = {"Conductor-Head-Position": str(until)}
    if head:
        headers["Conductor-Head-Hash"] = head["hash"].hex()
    if head_only:
        return Response(media_type="application/x-ndjson", headers=headers)
    chunks = _chunks(engine, {**wanted, "until": until}, query.after, query.limit)
    return StreamingResponse(chunks, media_type="application/x-ndjson", headers=headers)


async def _chunks(
    engine: Engine, wanted: dict[str, Any], after: int, limit: int | None
) -> AsyncIterator[bytes]:
    """One event a line, oldest first, a page at a time."""
    left = limit
    while left is None or left > 0:
        size = _PAGE_EVENTS if left is None else min(left, _PAGE_EVENTS)
        rows = await _certainly(engine, {**wanted, "after": after, "limit": size})
        if rows:
            yield b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
        if len(rows) < size:
            return
        after, left = rows[-1]["position"], None if left is None else left - len(rows)


async def _certainly(engine: Engine, values: dict[str, Any]) -> list[Row]:
    """A page, although the database may be away for a moment. Raises `LogBroken`."""
    for _ in range(_TRIES):
        with contextlib.suppress(DatabaseUnavailable):
            return await read_events(engine, values)
        await asyncio.sleep(jittered(0.5))
    raise LogBroken(f"the log after position {values['after']} can no longer be read")
