"""Where jobs go: `plan(cluster, now, usable)`, a pure function of what it is given.

Jobs are looked at in order of their effective priority, then of their submit time, then of their number. The simple
equivalent of `first_fit`, the default:

    for job in all waiting jobs, in order:
        if it is within its caps and some node fits it: place it on the chosen one of those

`strict_fifo` stops at the first that finds no room. `backfill` protects it (see `protection`) and goes on with those
that do not delay it; so does `first_fit` with the first of those that have waited for long.

A job of a queue whose head did not fit a moment ago cannot fit now, for a pass only fills nodes and uses up caps. So
the real loop walks the heads of the queues and drops a queue at its first failure: it costs what is placed, plus the
number of queues, and neither what waits nor what nodes there are. Where there is room that is only kept for the
protected job, those behind go on that have ended by its start.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import heapify, heappop, heappush, heapreplace
from math import inf
from typing import NamedTuple

from conductor.core.cluster import Cluster
from conductor.core.demand import Demand
from conductor.core.events import Policy
from conductor.core.identifiers import JobId, NodeName
from conductor.core.node_use import cpu_ids_of, end_of, gres_of
from conductor.core.pools import Claim, Part, PoolKind, PoolsInPass, claims
from conductor.core.protection import Because, Protected, Protection, Wish, protect
from conductor.core.queues import Place, Queue, QueueKey
from conductor.core.rooms import Rooms

__all__ = ["Blocked", "Obstacle", "Placement", "Plan", "Protected", "plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A wish to reserve; the log decides."""

    job_id: JobId
    node_name: NodeName
    cpu_ids: tuple[int, ...]
    gres: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # which of the node's, from 0


class Obstacle(StrEnum):
    RESOURCES = "resources"  # no node has room
    USER_CAP = "user_cap"
    ARRAY_LIMIT = "array_limit"
    LICENCE = "licence"
    PROTECTED = "protected"  # there is room, and it is kept for the job that is protected


_OBSTACLES = {
    PoolKind.USER_CPUS: Obstacle.USER_CAP,
    PoolKind.USER_JOBS: Obstacle.USER_CAP,
    PoolKind.ARRAY: Obstacle.ARRAY_LIMIT,
    PoolKind.LICENCE: Obstacle.LICENCE,
}
_LONGEST_GUARD_SECONDS = 1e9  # thirty years; what is longer is for ever too
_WAITS_FOR_ROOM = (Obstacle.RESOURCES, Obstacle.LICENCE)  # not: for its own user's or array's other jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """Why the first of those that wait in a queue, and with it those behind it, did not start in this pass."""

    job_id: JobId
    obstacle: Obstacle
    claim: Claim | None = None  # what it needs too much of: the cap, limit or licence


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`blocked` by queue: `cluster.key_of(job_id)` says which is a job's. Queues that all went, and those that `most`
    left unseen, are not in it.

    `blocked_in_time`: in queues whose others are kept from room that is protected, why those of `in_time_seconds` at
    most, which need not keep clear of it, did not start either.
    """

    placements: tuple[Placement, ...] = ()
    protected: Protected | None = None
    blocked: Mapping[QueueKey, Blocked] = field(default_factory=dict)
    blocked_in_time: Mapping[QueueKey, Blocked] = field(default_factory=dict)
    in_time_seconds: float = -inf

    def obstacle(self, key: QueueKey, place: Place) -> Blocked | None:
        """What kept this one of the queue, if it was not placed."""
        if place.time_limit_seconds <= self.in_time_seconds and key in self.blocked_in_time:
            return self.blocked_in_time[key]
        return self.blocked.get(key)


def plan(cluster: Cluster, now: datetime, usable: Collection[NodeName], *, most: int = 1000) -> Plan:
    """At most `most` placements of waiting jobs on usable nodes that are up. `cluster` is not changed.

    `cluster.admit(now)` first: jobs whose begin time was not admitted do not wait.
    """
    cluster.index.chosen_by(cluster.policy.policy.node_choice)
    cluster.index.keep(len(cluster.queues))
    one_pass = _Pass(
        cluster=cluster,
        now=now,
        rooms=Rooms(cluster.index, frozenset(usable)),
        pools=PoolsInPass(cluster.pools),
        policy=cluster.policy.policy,
        older_than=_older_than(cluster.policy.policy, now),
    )
    return one_pass.run(most)


class _Head(NamedTuple):
    """The first of a queue that was not tried yet; compared by who goes first. No two have one job."""

    order: Place  # with the points of fair share
    place: Place
    queue: Queue
    lead: float  # points of fair share
    longest_seconds: float = inf  # those with a longer limit are passed over

    def after(self, longest_seconds: float) -> "_Head | None":
        """The next of its queue with such a limit."""
        place = self.queue.after(self.place, longest_seconds)
        if place is None:
            return None
        return _Head(_with_lead(place, self.lead), place, self.queue, self.lead, longest_seconds)


@dataclass(slots=True, kw_only=True)
class _Pass:
    cluster: Cluster
    now: datetime
    rooms: Rooms
    pools: PoolsInPass
    policy: Policy
    protection: Protection | None = None
    older_than: datetime | None = None  # the guard protects who was eligible before; None: nobody
    head_found: bool = False  # the first in order that found no room, and is protected
    placements: list[Placement] = field(default_factory=list)
    blocked: dict[QueueKey, Blocked] = field(default_factory=dict)
    blocked_in_time: dict[QueueKey, Blocked] = field(default_factory=dict)

    def run(self, most: int) -> Plan:
        heads = self._heads()
        protected: Protected | None = None
        while heads and len(self.placements) < most:
            head = heads[0]
            obstacle = self._start(head)
            if obstacle is None:
                _go_on(heads, head.after(head.longest_seconds))
                continue
            self._set_down(head, obstacle)
            if obstacle.obstacle is Obstacle.PROTECTED:
                _go_on(heads, head.after(self._in_time_seconds))
                continue
            heappop(heads)
            if obstacle.obstacle in _WAITS_FOR_ROOM and not self.head_found:
                if self._is_fresh(head):
                    self._look_for_older(heads, head)
                    continue
                protected = self._protect(head)
            if protected is not None and protected.because == "strict_fifo":
                for other in heads:
                    self.blocked[other.queue.key] = _blocked(other, Obstacle.PROTECTED)
                break
        return Plan(
            placements=tuple(self.placements),
            protected=protected,
            blocked=self.blocked,
            blocked_in_time=self.blocked_in_time,
            in_time_seconds=self._in_time_seconds,
        )

    def _set_down(self, head: _Head, obstacle: Blocked) -> None:
        """No other of its queue can start either; but where room is protected, those that are out of it in time."""
        found = self.blocked if head.longest_seconds == inf else self.blocked_in_time
        found.setdefault(head.queue.key, obstacle)

    @property
    def _in_time_seconds(self) -> float:
        return -inf if self.protection is None else self.protection.in_time_seconds

    def _heads(self) -> list[_Head]:
        weight, shares = self.policy.fair_share_weight, self.cluster.fair_share
        heads = []
        for key, queue in self.cluster.queues.items():
            lead = weight * shares.get(key.account or "", 1.0) if weight else 0.0
            place = queue.head
            heads.append(_Head(_with_lead(place, lead), place, queue, lead))
        heapify(heads)
        return heads

    def _start(self, head: _Head) -> Blocked | None:
        """Place the first of a queue, or say why it cannot start."""
        key, job_id = head.queue.key, head.place.job_id
        demand = key.demand
        wanted = claims(key, self.policy, demand.cpus)
        widest = self._widest(demand, wanted)
        obstacle = self._own_cap(head, wanted, widest) or self._licence(head, wanted)
        if obstacle is not None:
            return obstacle
        if self.rooms.is_full(demand):
            return _blocked(head, Obstacle.RESOURCES)
        ends_at = end_of(self.now, self.cluster.jobs[job_id].submitted.time_limit_seconds)
        if self.protection is not None:
            widest = self.protection.narrowed(widest, wanted, ends_at)
        node_name = self.rooms.chosen(demand, self._lets_in(demand, ends_at), widest)
        if node_name is None or not self._lets_share(wanted, ends_at):
            room = node_name or self.rooms.chosen(demand, True, self._widest(demand, wanted))
            return _blocked(head, Obstacle.RESOURCES if room is None else Obstacle.PROTECTED)
        hold = self.rooms.fill(node_name, job_id, demand, ends_at)
        if demand.exclusive:
            wanted = claims(key, self.policy, hold.cpu_mask.bit_count())
        for claim in wanted:
            self.pools.promise(claim.key, Part(claim.amount, ends_at))
        if self.protection is not None:
            self.protection.book(node_name, demand, wanted, ends_at)
        self.placements.append(
            Placement(job_id=job_id, node_name=node_name, cpu_ids=cpu_ids_of(hold), gres=gres_of(hold))
        )
        return None

    def _own_cap(self, head: _Head, wanted: list[Claim], widest: int | None) -> Blocked | None:
        """What its user or its array have too much of."""
        if not wanted:
            return None
        for claim in wanted:
            if claim.key[0] is not PoolKind.LICENCE and self.pools.short(claim):
                return _blocked(head, _OBSTACLES[claim.key[0]], claim)
        demand = head.queue.key.demand
        if widest is not None and not self.rooms.could_ever(demand, widest) and self.rooms.could_ever(demand):
            return _blocked(head, Obstacle.USER_CAP, wanted[0])
        return None

    def _licence(self, head: _Head, wanted: list[Claim]) -> Blocked | None:
        for claim in wanted:
            if claim.key[0] is PoolKind.LICENCE and self.pools.short(claim):
                return _blocked(head, Obstacle.LICENCE, claim)
        return None

    def _lets_in(self, demand: Demand, ends_at: datetime | None) -> bool:
        """Whether the node that is set aside is open to it."""
        return self.protection is not None and self.protection.lets_in(demand, ends_at)

    def _lets_share(self, wanted: list[Claim], ends_at: datetime | None) -> bool:
        return self.protection is None or self.protection.lets_share(wanted, ends_at)

    def _widest(self, demand: Demand, wanted: list[Claim]) -> int | None:
        """An exclusive job takes what its node has: of nodes wider than this, more than its user may have."""
        if not demand.exclusive:
            return None
        left = (c.size - self.pools.used(c.key) for c in wanted if c.key[0] is PoolKind.USER_CPUS)
        return next(left, None)

    def _protect(self, head: _Head) -> Protected | None:
        """Protect the first that finds no room. One that no node could hold does not count."""
        key, job_id = head.queue.key, head.place.job_id
        wanted = claims(key, self.policy, key.demand.cpus)
        widest = self._widest(key.demand, wanted)
        because: Because = "guard" if self.policy.order == "first_fit" else self.policy.order
        found = protect(self.rooms, self.pools, self.now, Wish(job_id, key.demand, wanted, widest), because)
        if found is None:
            nowhere = Protected(job_id=job_id, node_name=None, starts_at=None, because=because)
            return nowhere if because == "strict_fifo" else None
        self.head_found = True
        self.protection = found
        self.rooms.set_aside(found.node_name)
        return found.protected

    def _is_fresh(self, head: _Head) -> bool:
        """In `first_fit` only those are protected that have waited for longer than the guard's patience."""
        if self.policy.order != "first_fit":
            return False
        return self.older_than is None or head.place.eligible_at >= self.older_than

    def _look_for_older(self, heads: list[_Head], head: _Head) -> None:
        """Behind a fresh one of its queue may stand one that has waited long: it is looked at when it is its turn."""
        if self.older_than is None:
            return
        place = head.queue.first_older(head.place, self.older_than)
        if place is not None:
            heappush(heads, _Head(_with_lead(place, head.lead), place, head.queue, head.lead))


def _older_than(policy: Policy, now: datetime) -> datetime | None:
    seconds = policy.guard_seconds
    return None if seconds is None else now - timedelta(seconds=min(seconds, _LONGEST_GUARD_SECONDS))


def _blocked(head: _Head, obstacle: Obstacle, claim: Claim | None = None) -> Blocked:
    return Blocked(job_id=head.place.job_id, obstacle=obstacle, claim=claim)


def _with_lead(place: Place, lead: float) -> Place:
    return Place(place.rank - lead, *place[1:]) if lead else place


def _go_on(heads: list[_Head], head: _Head | None) -> None:
    """Another in the place of the first."""
    if head is None:
        heappop(heads)
    else:
        heapreplace(heads, head)
