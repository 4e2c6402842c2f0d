"""Calls about what jobs run on and by which rules: nodes, allocations, policy, numbers, health."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from conductor.client.calls import API, Call, Moment, Params, as_shape, get, part, post
from conductor.client.job_calls import said
from conductor.client.models import Node, Nodes, Stats
from conductor.wire.cluster import Health
from conductor.wire.jobs import AllocationPage
from conductor.wire.nodes import ChangedNode, LeaseRenewed
from conductor.wire.policy import FairShare, PolicyInForce
from conductor.wire.queue import Queue


def stats(as_of: Moment | None) -> Call[Stats]:
    return get(f"{API}/jobs/stats", as_shape(Stats), as_of=as_of)


def allocations(
    statuses: Sequence[str],
    node_name: str | None,
    wait_seconds: float | None,
    limit: int | None,
    cursor: int | None,
    as_of: Moment | None,
) -> Call[AllocationPage]:
    params: Params = {
        "status": ",".join([statuses] if isinstance(statuses, str) else statuses) or None,
        "node_name": node_name,
        "wait": wait_seconds,
        "limit": limit,
        "cursor": cursor,
    }
    path, patience_seconds = f"{API}/allocations", wait_seconds or 0.0
    return get(path, as_shape(AllocationPage), params, as_of=as_of, patience_seconds=patience_seconds)


def nodes(as_of: Moment | None) -> Call[Nodes]:
    return get(f"{API}/nodes", as_shape(Nodes), as_of=as_of)


def node(name: str) -> Call[Node]:
    return get(f"{API}/nodes/{part(name)}", as_shape(Node))


def change_node(
    name: str, verb: Literal["drain", "resume", "lost", "remove"], reason: str | None
) -> Call[ChangedNode]:
    return post(f"{API}/nodes/{part(name)}/{verb}", as_shape(ChangedNode), said(reason))


def renew_lease(name: str, incarnation: int, allocations: Sequence[int]) -> Call[LeaseRenewed]:
    body = {"incarnation": incarnation, "allocations": list(allocations)}
    return post(f"{API}/nodes/{part(name)}/lease", as_shape(LeaseRenewed), body, method="PUT")


def queue(limit: int | None) -> Call[Queue]:
    return get(f"{API}/queue", as_shape(Queue), {"limit": limit})


def policy(as_of: Moment | None) -> Call[PolicyInForce]:
    return get(f"{API}/policy", as_shape(PolicyInForce), as_of=as_of)


def change_policy(changes: Mapping[str, Any], reason: str | None) -> Call[PolicyInForce]:
    return post(f"{API}/policy", as_shape(PolicyInForce), {"changes": dict(changes), "reason": reason})


def fair_share(as_of: Moment | None) -> Call[FairShare]:
    return get(f"{API}/policy/fair-share", as_shape(FairShare), as_of=as_of)


def health() -> Call[Health]:
    return get("/health", as_shape(Health), sees_writes=False)
