"""`GET /metrics`: all processes' numbers, and the system's, as Prometheus reads them.

Promises: answers while the database is away, with this process's numbers and `conductor_database_up 0`; costs the same
however many jobs have ended. The audit behind it runs beside it (`quick_audit`).
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import errors
from starlette.requests import Request
from starlette.responses import Response

from api.endpoints.stats import stats
from api.engine import Engine, engine_of
from conductor.core.node import NodeState
from conductor.database import DatabaseUnavailable, load_queries
from conductor.log import reachable
from conductor.telemetry.exposition import CONTENT_TYPE, Told, exposition
from conductor.telemetry.instruments import Snapshot
from conductor.telemetry.process import snapshot_now, who_is
from conductor.telemetry.publishing import published

SQL = load_queries("api.endpoints", "metrics.sql")

_PATIENCE_SECONDS = 2.0


async def get_metrics(request: Request) -> Response:
    engine = engine_of(request)
    me = who_is("api", engine.settings.node_name)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            row = await _system_row(engine)
            others = [told for told in await published(engine.pool) if told.who != me]
    except (DatabaseUnavailable, TimeoutError, errors.DatabaseError):
        mine = Told(who=me, counted=snapshot_now())
        return _answer([mine], {"conductor_database_up": [((), 0)], **_processes([mine])})
    numbers = await _numbers(engine)
    told = [Told(who=me, counted=snapshot_now(), position=row["position"]), *others]
    return _answer(told, {**_of_system(engine, row, numbers), **_processes(told)})


async def _numbers(engine: Engine) -> Mapping[str, Any]:
    """Nothing when counting takes too long: the rest is told without."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await stats(engine)
    except (DatabaseUnavailable, TimeoutError):
        return {}


def _answer(told: Sequence[Told], system: Snapshot) -> Response:
    return Response(exposition(told, system), headers={"Content-Type": CONTENT_TYPE})


async def _system_row(engine: Engine) -> Mapping[str, Any]:
    async with reachable(engine.pool) as connection:
        cursor = await connection.execute(SQL["system"])
        row = await cursor.fetchone()
        assert row is not None
        assert cursor.description is not None
        return dict(zip((column.name for column in cursor.description), row, strict=True))


def _of_system(engine: Engine, row: Mapping[str, Any], numbers: Mapping[str, Any]) -> Snapshot:
    findings, audit_age = engine.quick_audit.findings(), engine.quick_audit.age_seconds
    jobs, oldest = numbers.get("jobs_by_state", {}), numbers.get("oldest_pending_seconds")
    states = Counter(node["state"] for node in row["nodes"])
    return {
        "conductor_database_up": [((), 1)],
        "conductor_jobs": [((state,), number) for state, number in jobs.items()],
        "conductor_nodes": [
            ((state,), states[state]) for state in NodeState if state is not NodeState.REMOVED
        ],
        "conductor_queue_oldest_seconds": [((), oldest or 0)] if numbers else [],
        "conductor_log_position": [((), row["position"])],
        "conductor_projection_lag_events": [((), 0)],
        "conductor_notification_queue_usage_ratio": [((), row["queue_usage"])],
        "conductor_leader_term": _known(row["term"]),
        "conductor_leader_lease_remaining_seconds": _known(row["leader_remaining"]),
        "conductor_audit_findings": [((code,), number) for code, number in findings.items()],
        "conductor_audit_age_seconds": _known(audit_age),
        **_of_nodes(row["nodes"]),
    }


def _of_nodes(nodes: Sequence[Mapping[str, Any]]) -> Snapshot:
    cpus: list[tuple[Sequence[str], Any]] = []
    for node in nodes:
        free = "available" if node["state"] == NodeState.UP else "unavailable"
        counted = {"used": node["used"], "reserved": node["reserved"], "available": 0, "unavailable": 0}
        counted[free] = node["free"]
        cpus += [((node["name"], status), number) for status, number in counted.items()]
    leased = [node for node in nodes if node["age"] is not None]
    return {
        "conductor_cpus": cpus,
        "conductor_node_lease_age_seconds": [((node["name"],), node["age"]) for node in leased],
        "conductor_node_lease_remaining_seconds": [((node["name"],), node["remaining"]) for node in leased],
    }


def _processes(told: Sequence[Told]) -> Snapshot:
    roles = Counter(one.who.process for one in told)
    return {"conductor_processes": [((role,), number) for role, number in sorted(roles.items())]}


def _known(value: float | None) -> list[tuple[Sequence[str], Any]]:
    return [] if value is None else [((), value)]
