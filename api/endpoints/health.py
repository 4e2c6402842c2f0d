"""`/health`: how each part stands, always answered. `/ready`: may this server be sent requests?

Promises: both answer without a token, at once, whatever the database does, and tell nothing of where it is.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

import psycopg
import structlog
from starlette.requests import Request
from starlette.responses import Response

from api.answers.problems import RETRY_AFTER_SECONDS, Problem
from api.answers.reading import Row, answer, fetch_one
from api.engine import Engine, engine_of
from conductor.core.node import NodeState
from conductor.database import DatabaseNotReady, DatabaseUnavailable, check_ready

_PATIENCE_SECONDS = 2.0

logger = structlog.get_logger("api")


async def health(request: Request) -> Response:
    """200, also when parts are down: the body says which."""
    row = await _look(engine_of(request))
    parts = _parts(row)
    well = all(part["ok"] for part in parts.values())
    at = datetime.now(UTC)
    return answer({"status": "ok" if well else "degraded", "at": at, **parts})


async def _look(engine: Engine) -> Row | None:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await fetch_one(engine.pool, "health")
    except (DatabaseUnavailable, TimeoutError):
        return None
    except psycopg.Error as error:  # it answers, and does not let us look: a grant or a table is missing
        logger.warning("database.unavailable", error=str(error).partition("\n")[0])
        return {"refused": True}


def _parts(row: Row | None) -> dict[str, dict[str, Any]]:
    if row is None or "refused" in row:
        unknown = {"ok": False, "state": "unknown"}
        database = {"ok": False, "state": "unreachable" if row is None else "unusable"}
        return {"database": database, "scheduler": unknown, "nodes": unknown}
    database = {
        "ok": True,
        "state": "up",
        "server_version": row["server_version"],
        "position": row["position"],
    }
    return {"database": database, "scheduler": _scheduler(row["scheduler"]), "nodes": _nodes(row["nodes"])}


def _scheduler(lease: dict[str, Any] | None) -> dict[str, Any]:
    if lease is None:
        return {"ok": False, "state": "never led", "holder": None, "lease_expires_at": None}
    return {
        "ok": lease["live"],
        "state": "leads" if lease["live"] else "lease passed",
        "holder": lease["holder"],
        "lease_expires_at": lease["lease_expires_at"],
    }


def _nodes(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """Well when at least one may take jobs and none of those is silent."""
    up = [node for node in nodes if node["state"] == NodeState.UP]
    silent = [node["name"] for node in up if not node["live"]]
    state = "none" if not up else "some are silent" if silent else "up"
    return {"ok": state == "up", "state": state, "silent": silent, "nodes": nodes}


async def ready(request: Request) -> Response:
    """200 when the database is there and has the schema; 503 with a sentence otherwise."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await check_ready(engine_of(request).database_url)
    except DatabaseNotReady:
        raise _not_ready("no_schema") from None
    except (DatabaseUnavailable, TimeoutError):
        raise _not_ready("database_away") from None
    return answer({"status": "ready"})


def _not_ready(detail: str) -> Problem:
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Problem(503, "database_unavailable", detail=detail, headers=retry)
