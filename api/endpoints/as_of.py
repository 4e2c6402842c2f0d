"""`?as_of=POSITION|TIME`: what is read of jobs, nodes, stats and allocations, as it stood then.

Promises: the filters, columns and sums of today's answers; what only the present knows is null (leases,
outputs) or not said (opinions in `reason`). Every answer carries the moment it is of, as `as_of`.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from pydantic import BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import Response

from api.answers.problems import FieldError, Problem, invalid
from api.answers.reading import Row, answer, fetch
from api.engine import Engine, engine_of
from api.requests.fields import ID_LIMIT, instant_of
from api.requests.validation import complaint
from conductor.core.identifiers import JobId, NodeName, StreamName, job_stream, node_stream
from conductor.core.job import Job
from conductor.log import reachable
from projections.moment import BeyondHead, Moment, UnreadableLog, read_moment, read_state
from projections.survey import shown_job, stats_document

# A plus in a query stands for a blank: who forgot to write %2B meant an offset all the same.
_OFFSET_WITHOUT_PLUS = re.compile(r"(T\S+) (\d\d:?\d\d)")
_NO_OUTPUT = {
    f"{stream}{what}": False if what == "_truncated" else None
    for stream in ("stdout", "stderr")
    for what in ("", "_bytes", "_truncated", "_note")
}


def _as_of(given: Any) -> int | datetime:
    text = str(given)
    if text.isascii() and text.isdecimal():
        if int(text) > ID_LIMIT:
            raise complaint("too_big", most=ID_LIMIT)
        return int(text)
    return instant_of(_OFFSET_WITHOUT_PLUS.sub(r"\1+\2", text))


AsOf = Annotated[
    int | datetime,
    BeforeValidator(_as_of, json_schema_input_type=Annotated[int, Field(ge=0, le=ID_LIMIT)] | datetime),
]


async def moment_of(request: Request, as_of: int | datetime, **others: object) -> tuple[Engine, Moment]:
    """The moment asked for. `others` are parameters of the present that contradict it, when they are given.

    Raises a 422 problem for those and for a position that the log has not reached.
    """
    for name, value in others.items():
        if value:
            error = FieldError(field="as_of", code="contradiction", values={"other": name})
            raise invalid(error)
    engine = engine_of(request)
    try:
        async with reachable(engine.pool) as connection:
            return engine, await read_moment(connection, as_of)
    except BeyondHead as error:
        beyond = FieldError(field="as_of", code="beyond_head", values={"head": error.head})
        raise invalid(beyond) from None


async def state_then(engine: Engine, job_id: JobId, moment: Moment) -> Job:
    """One job: only its own stream is folded, so this takes no longer in a long log than in a short one."""
    try:
        async with reachable(engine.pool) as connection:
            state = await read_state(connection, job_stream(job_id), moment.position)
    except UnreadableLog as error:
        raise Problem(500, "log_unreadable", why=str(error)) from error
    if not isinstance(state, Job):
        raise Problem(404, "not_found", detail="no_job_then", job_id=job_id, position=moment.position)
    return state


async def job_then(engine: Engine, job_id: JobId, moment: Moment) -> Response:
    state = await state_then(engine, job_id, moment)
    shown = shown_job(state, moment.at or datetime.now(UTC))
    if shown["resource_allocation"] is not None:
        await _with_makers(engine, [shown["resource_allocation"]], moment)
    return answer({**shown, **_NO_OUTPUT, "as_of": moment.told()})


async def jobs_then(
    request: Request, engine: Engine, moment: Moment, filters: dict[str, Any], cursor: int | None, limit: int
) -> Response:
    return await _listing(request, engine, moment, "jobs", filters, cursor, limit)


async def allocations_then(
    request: Request, engine: Engine, moment: Moment, filters: dict[str, Any], cursor: int | None, limit: int
) -> Response:
    return await _listing(request, engine, moment, "allocations", filters, cursor, limit)


async def _listing(
    request: Request,
    engine: Engine,
    moment: Moment,
    listing: str,
    filters: dict[str, Any],
    cursor: int | None,
    limit: int,
) -> Response:
    rows, more = await engine.past.page(request, moment.position, listing, filters, cursor, limit)
    told: list[Any] = [orjson.Fragment(row) for row in rows]
    if listing == "allocations":
        told = await _with_makers(engine, [orjson.loads(row) for row in rows], moment)
    return answer({listing: told, "next": more, "as_of": moment.told()})


async def _with_makers(engine: Engine, allocations: list[Row], moment: Moment) -> list[Row]:
    """With `unsupervised`, which no state knows: who recorded that the process was started."""
    streams = [job_stream(JobId(row["job_id"])) for row in allocations]
    makers = await _makers(engine, streams, moment)
    for row, stream in zip(allocations, streams, strict=True):
        maker = makers.get(stream)
        known = maker is not None and maker["allocation_id"] == row["id"]
        row["unsupervised"] = maker["unsupervised"] if maker and known else None
    return allocations


async def _makers(engine: Engine, streams: list[StreamName], moment: Moment) -> dict[str, Row]:
    values = {"streams": streams, "position": moment.position}
    return {row["stream"]: row for row in await fetch(engine.pool, "makers_then", values)}


async def nodes_then(request: Request, engine: Engine, moment: Moment) -> Response:
    overview = await engine.past.overview(request, moment.position)
    makers = await _makers(engine, [node_stream(NodeName(row["name"])) for row in overview.nodes], moment)
    nodes = [
        {**row, "unsupervised": makers[node_stream(NodeName(row["name"]))]["unsupervised"]}
        for row in overview.nodes
    ]
    return answer({"nodes": nodes, "as_of": moment.told()})


async def stats_then(request: Request, engine: Engine, moment: Moment) -> Response:
    overview = await engine.past.overview(request, moment.position)
    oldest = overview.oldest_pending_at
    waited = (moment.at - oldest).total_seconds() if oldest and moment.at else None
    stats = stats_document(overview.sums, oldest_pending_seconds=waited, position=moment.position)
    return answer({**stats, "as_of": moment.told()})
