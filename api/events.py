"""The log, read: events after a position, or of one job, with the end of the log beside them."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import Response

from api.engine import Engine, engine_of
from api.fields import Count, Line
from api.jobs import QUERY
from api.reading import answer, fetch, fetch_one
from api.selecting import no_such_job, one_job
from api.validation import complaint, validated_query
from conductor.codec import EVENT_TYPES
from conductor.core.identifiers import job_stream


def _types(given: Any) -> list[str]:
    """Names of events, with commas between."""
    names = [name.strip() for name in str(given).split(",")]
    if not EVENT_TYPES.keys() >= set(names):
        raise complaint("not_one_of", expected=", ".join(EVENT_TYPES))
    return names


_Named = Annotated[str, Field(json_schema_extra={"enum": list(EVENT_TYPES)})]
_Types = Annotated[
    list[str], BeforeValidator(_types, json_schema_input_type=Annotated[list[_Named], Field(min_length=1)])
]


class JobEventsQuery(BaseModel):
    model_config = QUERY

    after: Count = 0
    type: _Types | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000
    at_least: Count | None = None


class EventsQuery(BaseModel):
    model_config = QUERY

    after: Count = 0
    stream: Line | None = None
    type: _Types | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000
    at_least: Count | None = None


async def list_events(request: Request) -> Response:
    query = validated_query(EventsQuery, request)
    return answer(await _page(engine_of(request), query, query.stream))


async def list_job_events(request: Request) -> Response:
    query = validated_query(JobEventsQuery, request)
    engine = engine_of(request)
    job_id = await one_job(engine, request)
    page = await _page(engine, query, job_stream(job_id))
    if not page["events"] and await fetch_one(engine.pool, "job_after_command", {"job_id": job_id}) is None:
        raise no_such_job(job_id)
    return answer(page)


async def _page(engine: Engine, query: EventsQuery | JobEventsQuery, stream: str | None) -> dict[str, Any]:
    await engine.caught_up(query.at_least)
    # The head is read first: whatever is found up to it is all there is up to it.
    head = await fetch_one(engine.pool, "head")
    head_position = head["position"] if head else 0
    values = {"after": query.after, "stream": stream, "types": query.type, "limit": query.limit}
    rows = await fetch(engine.pool, "events", values)
    last = rows[-1]["position"] if rows else query.after
    whole = len(rows) < query.limit
    return {
        "events": rows,
        "next": max(last, head_position) if whole else last,
        "head": {"position": head_position, "hash": head["hash"].hex() if head else None},
    }
