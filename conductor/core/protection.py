"""What is kept for the job at the head: where and when it starts by the time limits, and what others may take.

EASY backfill protects one job: the first in order that finds no room. It is planned on the node, and at the time, at
which it fits soonest when every job runs to its time limit. A job behind it may start when it has ended by then, or
uses another node, or fits beside it in what is left at that time. The same for what is counted over the cluster.

Where no time can be told, because jobs without a time limit are in the way, the head gets the node on which the fewest
CPUs have to become free, and nobody else starts there.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from typing import Literal, NamedTuple

from conductor.core.demand import Demand
from conductor.core.identifiers import JobId, NodeName
from conductor.core.node_use import Left
from conductor.core.pools import Claim, PoolKey, PoolKind, PoolsInPass
from conductor.core.rooms import Rooms

Because = Literal["backfill", "guard", "strict_fifo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """A waiting job that no other may delay. Without a time: on this node, as soon as there is room.

    Without a node, which only `strict_fifo` has: no node that can be used now could ever hold it.
    """

    job_id: JobId
    node_name: NodeName | None
    starts_at: datetime | None
    because: Because


@dataclass(slots=True)
class Protection:
    """Changed by `allow`, which books what is started beside the head."""

    protected: Protected
    node_name: NodeName
    _left: Left | None  # on its node, at its start, beside it; None: nothing
    _left_of_pools: dict[PoolKey, int] = field(default_factory=dict)
    in_time_seconds: float = -inf  # jobs with such a limit, started now, are `in_time`

    def in_time(self, ends_at: datetime | None) -> bool:
        """Whether a job that ends then, at the latest, is out of the way."""
        starts_at = self.protected.starts_at
        return starts_at is not None and ends_at is not None and ends_at <= starts_at

    def lets_share(self, claims: Iterable[Claim], ends_at: datetime | None) -> bool:
        """Whether it may take this of what is counted over the cluster."""
        if self.in_time(ends_at):
            return True
        return all(self._left_of_pools.get(claim.key, claim.amount) >= claim.amount for claim in claims)

    def narrowed(self, widest: int | None, claims: Iterable[Claim], ends_at: datetime | None) -> int | None:
        """How wide a node an exclusive job may take, whose user has a cap, beside what the head takes of it."""
        if widest is None or self.in_time(ends_at):
            return widest
        cpus = (c.key for c in claims if c.key[0] is PoolKind.USER_CPUS)
        return min(widest, *(self._left_of_pools.get(key, widest) for key in cpus))

    def lets_in(self, demand: Demand, ends_at: datetime | None) -> bool:
        """Whether it may start on the head's node."""
        if self.in_time(ends_at):
            return True
        return self._left is not None and not demand.exclusive and self._left.has(demand)

    def book(
        self, node_name: NodeName, demand: Demand, claims: Iterable[Claim], ends_at: datetime | None
    ) -> None:
        """A job was started that may be there when the head starts."""
        if self.in_time(ends_at):
            return
        if node_name == self.node_name and self._left is not None:
            self._left = self._left.without(demand)
        for claim in claims:
            if claim.key in self._left_of_pools:
                self._left_of_pools[claim.key] -= claim.amount


class Wish(NamedTuple):
    """What the head waits for. `widest`: only nodes of so many CPUs at most, when it is exclusive and has a cap."""

    job_id: JobId
    demand: Demand
    claims: list[Claim]
    widest: int | None = None


def protect(
    rooms: Rooms, pools: PoolsInPass, now: datetime, wish: Wish, because: Because
) -> Protection | None:
    """None when no usable node, or no pool, could ever hold the job: it waits for more than room."""
    enough = all(claim.amount <= claim.size for claim in wish.claims)
    if not enough or not rooms.could_ever(wish.demand, wish.widest):
        return None
    shares_at = _enough_shares_at(pools, wish.claims, now)
    starts_at, node_name = None, None
    if shares_at is not None:
        starts_at, node_name = _soonest(rooms, wish, shares_at)
    if node_name is None:
        node_name = _least_short(rooms, wish)
    use = rooms.use(node_name)
    left = None
    if starts_at is not None and not wish.demand.exclusive:
        left = use.left_at(starts_at).without(wish.demand)
    amounts = {claim.key: claim.amount for claim in wish.claims}
    for key in amounts:
        if key[0] is PoolKind.USER_CPUS:
            amounts[key] = wish.demand.cpus_on(use.node)
    left_of_pools = {
        claim.key: max(0, pools.left_at(claim, starts_at or now) - amounts[claim.key])
        for claim in wish.claims
    }
    protected = Protected(job_id=wish.job_id, node_name=node_name, starts_at=starts_at, because=because)
    seconds = -inf if starts_at is None else (starts_at - now) // timedelta(seconds=1)
    return Protection(protected, node_name, left, left_of_pools, seconds)


def _enough_shares_at(pools: PoolsInPass, claims: Iterable[Claim], now: datetime) -> datetime | None:
    times = [pools.soonest(claim, now) for claim in claims]
    known = [at for at in times if at is not None]
    return max(known, default=now) if len(known) == len(times) else None


def _soonest(rooms: Rooms, wish: Wish, not_before: datetime) -> tuple[datetime | None, NodeName | None]:
    """The earliest time and, of the nodes that have room by then, the first by name."""
    best: tuple[datetime, NodeName] | None = None
    for name, at in rooms.times(wish.demand):
        if at is None or (best is not None and at > best[0]):
            continue
        if wish.widest is not None and rooms.use(name).node.total_cpus > wish.widest:
            continue
        found = (max(at, not_before), name)
        if best is None or found < best:
            best = found
    return best or (None, None)


def _least_short(rooms: Rooms, wish: Wish) -> NodeName:
    """The node on which the fewest CPUs have to become free, the first by name of equals."""
    found = (
        (short, name)
        for name in rooms.able(wish.demand, wish.widest)
        if (short := rooms.use(name).short_of(wish.demand)) is not None
    )
    return min(found)[1]
