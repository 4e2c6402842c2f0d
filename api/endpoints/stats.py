"""The system in numbers, and who holds which CPUs.

Promises: `total_cpus = used_cpus + reserved_cpus + available_cpus + unavailable_cpus`, exactly, always: all of
them come from one statement's snapshot.
"""

import asyncio
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import Response

from api.answers.reading import Row, answer, fetch, fetch_one, page_of
from api.endpoints.as_of import AsOf, allocations_then, moment_of, stats_then
from api.endpoints.jobs import QUERY, MomentQuery, WaitSeconds
from api.endpoints.launching import with_launches
from api.endpoints.reach import node_asked
from api.engine import Engine, engine_of
from api.requests.fields import Count, Id, NodeNameText
from api.requests.validation import complaint, validated_query
from conductor.core.allocation import AllocationStatus
from conductor.database import jittered
from projections.survey import stats_document


async def get_stats(request: Request) -> Response:
    query = validated_query(MomentQuery, request)
    if query.as_of is not None:
        return await stats_then(request, *await moment_of(request, query.as_of, at_least=query.at_least))
    engine = engine_of(request)
    await engine.caught_up(query.at_least)
    return answer(await stats(engine))


async def stats(engine: Engine) -> dict[str, Any]:
    row = await fetch_one(engine.pool, "stats")
    assert row is not None
    waited = row["oldest_pending_seconds"]
    return stats_document(row, oldest_pending_seconds=waited, position=row["position"])


def _statuses(given: Any) -> list[str]:
    names = [name.strip().lower() for name in str(given).split(",")]
    if not {str(status) for status in AllocationStatus} >= set(names):
        raise complaint("not_one_of", expected=", ".join(AllocationStatus))
    return names


_Named = Annotated[str, Field(json_schema_extra={"enum": [str(status) for status in AllocationStatus]})]
_Statuses = Annotated[
    list[str],
    BeforeValidator(_statuses, json_schema_input_type=Annotated[list[_Named], Field(min_length=1)]),
]


class AllocationsQuery(BaseModel):
    model_config = QUERY

    node_name: NodeNameText | None = None
    status: _Statuses = ["reserved", "allocated"]
    wait: WaitSeconds = 0.0
    launch: bool = False
    limit: Annotated[int, Field(ge=1, le=1000)] = 1000
    cursor: Id | None = None
    at_least: Count | None = None
    as_of: AsOf | None = None


async def list_allocations(request: Request) -> Response:
    """Live ones unless `status` says otherwise; `wait` holds the answer until there is one."""
    query = validated_query(AllocationsQuery, request)
    query = query.model_copy(update={"node_name": node_asked(request, query.node_name)})
    if query.as_of is not None:
        present = {"at_least": query.at_least, "wait": query.wait, "launch": query.launch}
        engine, moment = await moment_of(request, query.as_of, **present)
        filters = {"statuses": query.status, "node_name": query.node_name}
        return await allocations_then(request, engine, moment, filters, query.cursor, query.limit)
    engine = engine_of(request)
    await engine.caught_up(query.at_least)
    with engine.waits.held():
        rows, more = page_of(await _found(engine, query), query.limit)
    if query.launch:
        await with_launches(engine, rows)
    return answer({"allocations": rows, "next": more})


async def _found(engine: Engine, query: AllocationsQuery) -> list[Row]:
    values = {
        "node_name": query.node_name,
        "statuses": query.status,
        "cursor": query.cursor,
        "limit": query.limit + 1,
    }
    loop = asyncio.get_running_loop()
    deadline = loop.time() + query.wait
    while True:
        rung = engine.bell.rung
        rows = await fetch(engine.pool, "allocations", values)
        left = deadline - loop.time()
        if rows or left <= 0:
            return rows
        await engine.bell.wait_past(rung, min(left, jittered(engine.settings.poll_seconds)))
