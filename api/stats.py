"""The system in numbers, and who holds which CPUs.

Promises: `total_cpus = used_cpus + reserved_cpus + available_cpus + unavailable_cpus`, exactly, always: all of
them come from one statement's snapshot.
"""

import asyncio
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import Response

from api.engine import Engine, engine_of
from api.fields import Count, Id, NodeNameText
from api.jobs import QUERY, ReadQuery, WaitSeconds
from api.reading import Row, answer, fetch, fetch_one
from api.validation import complaint, validated_query
from conductor.core.job import AllocationStatus, JobState
from conductor.core.node import NodeState
from conductor.database import jittered


async def get_stats(request: Request) -> Response:
    query = validated_query(ReadQuery, request)
    engine = engine_of(request)
    await engine.caught_up(query.at_least)
    return answer(await stats(engine))


async def stats(engine: Engine) -> dict[str, Any]:
    row = await fetch_one(engine.pool, "stats")
    assert row is not None
    jobs = {str(state): row["jobs_by_state"].get(state, 0) for state in JobState}
    nodes = {str(state): row["nodes"].get(state, 0) for state in NodeState if state is not NodeState.REMOVED}
    parts = {name: row[name] for name in ("used_cpus", "reserved_cpus", "available_cpus", "unavailable_cpus")}
    total = sum(parts.values())
    return {
        "total_cpus": total,
        **parts,
        "utilization": parts["used_cpus"] / total if total else 0.0,
        "total_jobs": sum(jobs.values()),
        "running_jobs": jobs[JobState.RUNNING],
        "reserved_jobs": jobs[JobState.RESERVED],
        "pending_jobs": jobs[JobState.PENDING],
        "jobs_by_state": jobs,
        "oldest_pending_seconds": row["oldest_pending_seconds"],
        "nodes": nodes,
        "position": row["position"],
    }


def _statuses(given: Any) -> list[str]:
    names = [name.strip().lower() for name in str(given).split(",")]
    if not {str(status) for status in AllocationStatus} >= set(names):
        raise complaint("not_one_of", expected=", ".join(AllocationStatus))
    return names


class AllocationsQuery(BaseModel):
    model_config = QUERY

    node_name: NodeNameText | None = None
    status: Annotated[list[str], BeforeValidator(_statuses)] = ["reserved", "allocated"]
    wait: WaitSeconds = 0.0
    limit: Annotated[int, Field(ge=1, le=1000)] = 1000
    cursor: Id | None = None
    at_least: Count | None = None


async def list_allocations(request: Request) -> Response:
    """Live ones unless `status` says otherwise; `wait` holds the answer until there is one."""
    query = validated_query(AllocationsQuery, request)
    engine = engine_of(request)
    await engine.caught_up(query.at_least)
    rows = await _found(engine, query)
    more = rows[-1]["id"] if len(rows) == query.limit else None
    return answer({"allocations": rows, "next": more})


async def _found(engine: Engine, query: AllocationsQuery) -> list[Row]:
    values = {
        "node_name": query.node_name,
        "statuses": query.status,
        "cursor": query.cursor,
        "limit": query.limit,
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
