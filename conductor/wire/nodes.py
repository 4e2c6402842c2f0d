"""Nodes and their leases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from conductor.wire.jobs import Moment
from conductor.wire.shapes import Kept, NodeStateName, Sometimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node, its CPUs, what of it is in use, and its lease."""

    name: str
    state: NodeStateName
    reason: str | None = None
    total_cpus: int = 0
    used_cpus: int | None = None
    reserved_cpus: int | None = None
    free_cpus: int | None = None
    running_jobs: int | None = None
    cpu_ids: tuple[int, ...] = ()
    memory_mb: int | None = None
    held_memory_mb: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    gres: Mapping[str, int] = field(default_factory=dict)
    held_gres: Mapping[str, int] = field(default_factory=dict)
    numa: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    incarnation: int | None = None
    boot_id: str | None = None
    spool_id: str | None = None
    registered_at: datetime | None = None
    version: int | None = None
    lease_renewed_at: datetime | None = None
    lease_expires_at: datetime | None = None
    lease_live: bool | None = None
    unsupervised: bool | None = None
    raw: Kept = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """Every node that is registered."""

    nodes: tuple[Node, ...]
    as_of: Sometimes[Moment] = None
    raw: Kept = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedNode:
    """A node after something was asked of it."""

    node_name: str
    state: NodeStateName
    reason: str | None
    incarnation: int
    version: int
    position: int
    raw: Kept = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRenewed:
    """The new end of a lease, and the allocations that this node should end."""

    expires_at: datetime
    cancel: tuple[int, ...]
    raw: Kept = field(default_factory=dict, repr=False, compare=False)
