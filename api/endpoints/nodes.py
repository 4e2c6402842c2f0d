"""Nodes: how they stand, what operators ask of them, and the leases of executors that come over HTTP."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.answers.problems import Problem, refused
from api.answers.reading import answer, fetch, fetch_one
from api.endpoints.as_of import moment_of, nodes_then
from api.endpoints.jobs import MomentQuery, ReadQuery, Why
from api.endpoints.reach import own_node
from api.engine import Engine, engine_of
from api.guard.security import caller_of
from api.requests.bodies import SMALL, json_body, optional_json_body
from api.requests.conditions import expected_version, tag_of, unchanged
from api.requests.fields import Id, is_node_name
from api.requests.submission import STRICT
from api.requests.validation import refuse_query, validated, validated_query
from conductor.core import commands
from conductor.core.errors import Rejection
from conductor.core.identifiers import NodeName


class Lease(BaseModel):
    model_config = STRICT

    incarnation: Id
    allocations: Annotated[list[Id], Field(max_length=65_536)]
    accepting: bool = True  # false: no new jobs; the lease runs on for those that are there


def node_name_of(request: Request) -> NodeName:
    name = request.path_params["name"]
    if not is_node_name(name):
        raise no_such_node(name[:80])
    return NodeName(name)


def no_such_node(name: str) -> Problem:
    return Problem(404, "node_unknown", detail="no_such_node", node_name=name)


async def list_nodes(request: Request) -> Response:
    query = validated_query(MomentQuery, request)
    if query.as_of is not None:
        return await nodes_then(request, *await moment_of(request, query.as_of, at_least=query.at_least))
    engine = engine_of(request)
    await engine.caught_up(query.at_least)
    return answer({"nodes": await fetch(engine.pool, "nodes", {"node_name": None})})


async def get_node(request: Request) -> Response:
    query = validated_query(ReadQuery, request)
    engine, name = engine_of(request), node_name_of(request)
    own_node(request, name)
    await engine.caught_up(query.at_least)
    row = await fetch_one(engine.pool, "nodes", {"node_name": name})
    if row is None:
        raise no_such_node(name)
    return unchanged(request, row["version"]) or answer(row, headers={"ETag": tag_of(row["version"])})


Act = Literal["drain", "resume", "lost", "remove"]
_ACTS: Mapping[Act, Callable[..., commands.Command]] = {
    "drain": commands.DrainNode,
    "resume": commands.ResumeNode,
    # A person who says this vouches that nothing runs there any more.
    "lost": partial(commands.DeclareNodeLost, jobs_lost=True),
    "remove": commands.RemoveNode,
}


async def _act(act: Act, request: Request) -> Response:
    refuse_query(request)
    why = validated(Why, await optional_json_body(request, SMALL))
    engine, name = engine_of(request), node_name_of(request)
    command = _ACTS[act](node_name=name, reason=why.reason)
    expected = await expected_version(request, partial(_version, engine, name))
    provenance = caller_of(request).provenance()
    outcome = await engine.handler.handle(command, provenance, expected_version=expected)
    if isinstance(outcome, Rejection):
        raise refused(outcome)
    row = await fetch_one(engine.pool, "node_after_command", {"node_name": name})
    if row is None:
        raise no_such_node(name)
    return answer({**row, "position": outcome.position}, headers={"ETag": tag_of(row["version"])})


async def _version(engine: Engine, name: NodeName) -> int | None:
    row = await fetch_one(engine.pool, "node_after_command", {"node_name": name})
    return row["version"] if row else None


drain, resume, lost, remove = (partial(_act, act) for act in _ACTS)


async def renew_lease(request: Request) -> Response:
    """The new end of the lease, and the allocations that this node should end. Never through the handler."""
    refuse_query(request)
    lease = validated(Lease, await json_body(request, SMALL))
    engine, name = engine_of(request), node_name_of(request)
    own_node(request, name)
    values = {
        "node_name": name,
        "incarnation": lease.incarnation,
        "allocations": lease.allocations,
        "lease_seconds": engine.settings.lease_seconds,
        "accepting": lease.accepting,
    }
    granted = await fetch_one(engine.pool, "renew_lease", values)
    if granted is None or granted["expires_at"] is None:
        if await fetch_one(engine.pool, "node_after_command", {"node_name": name}) is None:
            raise no_such_node(name)
        raise Problem(
            409, "stale_incarnation", detail="lease_refused", node_name=name, incarnation=lease.incarnation
        )
    cancel = await fetch(engine.pool, "to_cancel", {"node_name": name, "allocations": lease.allocations})
    return answer({"expires_at": granted["expires_at"], "cancel": [row["id"] for row in cancel]})
