"""Where jobs go: `plan(cluster, usable) -> placements`, a pure function of what it is given.

FIFO + First Fit: jobs are looked at in order of their place in the queue, and each that fits somewhere is
placed; one that does not fit is passed over. The simple equivalent:

    for job in all waiting jobs, in order:
        if some node fits it: place it on the least loaded of those

A job of a shape that did not fit a moment ago cannot fit now, for a pass only fills nodes. So the real loop
walks the heads of the queues by shape and drops a shape at its first failure: it costs what is placed, plus
the number of different shapes, and not what waits.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heapreplace
from typing import Literal

from conductor.core.cluster import Cluster, NodeUse, Place, Shape
from conductor.core.identifiers import JobId, NodeName
from conductor.core.node import NodeState


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A wish to reserve; the log decides."""

    job_id: JobId
    node_name: NodeName
    cpu_ids: tuple[int, ...]
    gres: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # which of the node's, from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """The first waiting job that found no room and that no other may delay. Without a node nothing is planned."""

    job_id: JobId
    node_name: NodeName | None
    starts_at: datetime | None
    because: Literal["backfill", "guard", "strict_fifo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    placements: tuple[Placement, ...] = ()
    protected: Protected | None = None


@dataclass(slots=True)
class _Room:
    """What is left of a node in this pass."""

    name: NodeName
    total_cpus: int
    free_mask: int
    free_cpus: int
    free_memory_mb: float

    @property
    def load(self) -> float:
        return 1.0 - self.free_cpus / self.total_cpus

    def fits(self, shape: Shape) -> bool:
        return self.free_cpus >= shape.cpus and self.free_memory_mb >= shape.memory_mb

    def take(self, shape: Shape) -> tuple[int, ...]:
        """The lowest free CPUs."""
        taken = []
        mask = self.free_mask
        for _ in range(shape.cpus):
            lowest = mask & -mask
            taken.append(lowest.bit_length() - 1)
            mask ^= lowest
        self.free_mask = mask
        self.free_cpus -= shape.cpus
        self.free_memory_mb -= shape.memory_mb
        return tuple(taken)


def plan(cluster: Cluster, now: datetime, usable: Collection[NodeName], *, most: int = 1000) -> Plan:
    """At most `most` placements of waiting jobs on usable nodes; `cluster` is not changed."""
    rooms = [_room(use) for use in cluster.uses(usable).values() if use.node.state is NodeState.UP]
    heads: list[tuple[Place, Shape, int]] = [(queue[0], shape, 0) for shape, queue in cluster.queues.items()]
    heapify(heads)
    placements: list[Placement] = []
    while heads and len(placements) < most:
        place, shape, index = heads[0]
        room = _least_loaded(rooms, shape)
        if room is None:
            heappop(heads)
            continue
        placements.append(Placement(job_id=place.job_id, node_name=room.name, cpu_ids=room.take(shape)))
        queue = cluster.queues[shape]
        if index + 1 < len(queue):
            heapreplace(heads, (queue[index + 1], shape, index + 1))
        else:
            heappop(heads)
    return Plan(placements=tuple(placements))


def _room(use: NodeUse) -> _Room:
    mask = use.free_mask
    memory = use.node.memory_mb
    free_memory_mb = memory - use.held_memory_mb if memory is not None else float("inf")
    return _Room(use.node.node_name, use.node.total_cpus, mask, mask.bit_count(), free_memory_mb)


def _least_loaded(rooms: list[_Room], shape: Shape) -> _Room | None:
    fitting = [room for room in rooms if room.fits(shape)]
    return min(fitting, key=lambda room: (room.load, room.name), default=None)
