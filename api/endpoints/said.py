"""What people said when they did what keeps a job waiting: who held it or drained its nodes, when, and why.

From the events of that one job and of those nodes, up to a position.
"""

from typing import Any

from api.answers.reading import Row, fetch_one
from api.engine import Engine
from conductor.core.identifiers import NodeName, StreamName, job_stream, node_stream
from conductor.core.job import Job

_NODES_SHOWN = 3
_DRAINED = " DRAINED"


async def said(engine: Engine, job: Job, document: Row, position: int) -> list[Row]:
    """By `code` and `parameters`; nothing when no person keeps it from starting."""
    if document["reason"] == "JobHeldUser":
        found = await _last(engine, job_stream(job.job_id), ["JobHeld"], position)
        return [_told("held", found, {})] if found else []
    if document["told"]["code"] != "ReqNodeNotAvail":
        return []
    standing = document["told"]["parameters"]["nodes"]
    drained = [one.removesuffix(_DRAINED) for one in standing if one.endswith(_DRAINED)]
    told = []
    for name in drained[:_NODES_SHOWN]:
        found = await _last(engine, node_stream(NodeName(name)), ["NodeDrained"], position)
        if found:
            told.append(_told("drained", found, {"node_name": name}))
    return told


async def _last(engine: Engine, stream: StreamName, types: list[str], position: int) -> Row | None:
    wanted = {"stream": stream, "types": types, "position": position}
    return await fetch_one(engine.pool, "last_said", wanted)


def _told(code: str, found: Row, more: dict[str, Any]) -> Row:
    parameters = {"actor": found["actor"], "at": found["at"].isoformat(), **more}
    if found["reason"]:
        return {"code": f"{code}_because", "parameters": {**parameters, "because": found["reason"]}}
    return {"code": f"{code}_by", "parameters": parameters}
