"""Calls about what jobs run on and by which rules: nodes, allocations, policy, numbers, health."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import httpx

from conductor.client.calls import API, Call, Moment, Params, as_json, as_object, as_shape, get, part, post
from conductor.client.job_calls import said
from conductor.client.models import Node, Nodes, Raw, Stats
from conductor.client.shapes import AllocationPage, Lease


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
) -> Call[Raw]:
    return post(f"{API}/nodes/{part(name)}/{verb}", as_object, said(reason))


def renew_lease(name: str, incarnation: int, allocations: Sequence[int]) -> Call[Lease]:
    body = {"incarnation": incarnation, "allocations": list(allocations)}
    return post(f"{API}/nodes/{part(name)}/lease", as_shape(Lease), body, method="PUT")


def queue(limit: int | None) -> Call[Raw]:
    return get(f"{API}/queue", as_object, {"limit": limit}, sees_writes=False)


def policy(as_of: Moment | None) -> Call[Raw]:
    return get(f"{API}/policy", as_object, as_of=as_of)


def change_policy(changes: Mapping[str, Any], reason: str | None) -> Call[Raw]:
    return post(f"{API}/policy", as_object, {"changes": dict(changes), "reason": reason})


def fair_share(as_of: Moment | None) -> Call[Raw]:
    return get(f"{API}/policy/fair-share", as_object, as_of=as_of)


def health() -> Call[Raw]:
    def reads(answer: httpx.Response) -> Raw:
        document = as_json(answer)
        return document if isinstance(document, dict) else {}

    return get("/health", reads, sees_writes=False)
