"""A node and what of it is promised or in use: what is left, and from when on there is more by the time limits.

The same class is the scheduler's memory of a node and, as a copy, the room that a pass fills.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from typing import NamedTuple

from conductor.core.allocation import Allocation
from conductor.core.cpu_choice import chosen, lowest, mask_of, numbers_of
from conductor.core.demand import Demand, could_hold, is_among
from conductor.core.identifiers import JobId
from conductor.core.job import Job
from conductor.core.node import Node, NodeState

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Hold(NamedTuple):
    """What one live allocation takes of its node. `ends_at`: by its time limit; None: never, for all that is known."""

    cpu_mask: int
    memory_mb: int
    gres: tuple[tuple[str, int], ...]  # which numbers of each, as a mask
    ends_at: datetime | None
    exclusive: bool
    unnumbered: tuple[tuple[str, int], ...] = ()  # how many of each that were licences when it was placed


def end_of(began_at: datetime, time_limit_seconds: int | None) -> datetime | None:
    """When a job that began then has ended at the latest; None when nobody can say."""
    if time_limit_seconds is None:
        return None
    try:
        return began_at + timedelta(seconds=time_limit_seconds)
    except OverflowError:
        return None


def hold_of(job: Job, allocation: Allocation) -> Hold:
    """A reservation counts from when it was made, a process from when it was there."""
    began_at = allocation.allocated_at or allocation.reserved_at
    return Hold(
        mask_of(allocation.cpu_ids),
        allocation.memory_mb or 0,
        tuple((name, mask_of(numbers)) for name, numbers in sorted(allocation.gres.items())),
        end_of(began_at, job.submitted.time_limit_seconds),
        job.submitted.exclusive,
        _unnumbered(job, allocation) if job.submitted.gres else (),
    )


def _unnumbered(job: Job, allocation: Allocation) -> tuple[tuple[str, int], ...]:
    wanted = sorted(job.submitted.gres.items())
    return tuple((name, count) for name, count in wanted if count and name not in allocation.gres)


@dataclass(slots=True)
class Left:
    """Amounts left of a node. Memory that the node did not state is not limited."""

    cpus: int
    memory_mb: float
    gres: dict[str, int]
    alone: bool  # nobody is there
    closed: bool = False  # an exclusive job is there

    def has(self, demand: Demand) -> bool:
        if self.cpus < demand.cpus or self.memory_mb < demand.memory_mb or self.closed:
            return False
        if demand.exclusive and not self.alone:
            return False
        return all(self.gres.get(name, 0) >= count for name, count in demand.gres)

    def without(self, demand: Demand) -> "Left":
        """After a job that takes so much; an exclusive one leaves nothing."""
        gres = dict(self.gres)
        for name, count in demand.gres:
            gres[name] -= count
        cpus = 0 if demand.exclusive else self.cpus - demand.cpus
        return Left(cpus, self.memory_mb - demand.memory_mb, gres, alone=False, closed=demand.exclusive)


@dataclass(slots=True)
class NodeUse:
    """Changed by `put`, `hold` and `release` alone."""

    node: Node
    holds: dict[JobId, Hold] = field(default_factory=dict)
    held_mask: int = 0  # CPUs of live allocations
    held_memory_mb: int = 0
    held_gres: dict[str, int] = field(default_factory=dict)  # numbers of each, as a mask
    unnumbered: dict[str, int] = field(
        default_factory=dict
    )  # counted where the policy calls it a licence no more
    exclusive_jobs: int = 0
    free_mask: int = 0
    free_cpus: int = 0
    _cpus: int = 0
    _numa: tuple[int, ...] = ()
    _by_end: list[Hold] | None = field(default=None, compare=False)
    _free_after: tuple[list[int], list[datetime]] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        self.put(self.node)

    def put(self, node: Node) -> None:
        """The node as it is now; what is held of it stays held."""
        self.node = node
        self._cpus = mask_of(node.cpu_ids)
        self._numa = tuple(mask_of(cpus) for cpus in node.numa)
        self._count()

    def copy(self) -> "NodeUse":
        other = NodeUse.__new__(NodeUse)
        for name in NodeUse.__slots__:
            setattr(other, name, getattr(self, name))
        other.holds, other.held_gres = dict(self.holds), dict(self.held_gres)
        other.unnumbered = dict(self.unnumbered)
        return other

    def hold(self, job_id: JobId, hold: Hold) -> None:
        self.holds[job_id] = hold
        self.held_mask |= hold.cpu_mask
        self.held_memory_mb += hold.memory_mb
        self.exclusive_jobs += hold.exclusive
        for name, mask in hold.gres:
            self.held_gres[name] = self.held_gres.get(name, 0) | mask
        for name, count in hold.unnumbered:
            self.unnumbered[name] = self.unnumbered.get(name, 0) + count
        self._count()

    def release(self, job_id: JobId) -> None:
        hold = self.holds.pop(job_id)
        self.held_mask &= ~hold.cpu_mask
        self.held_memory_mb -= hold.memory_mb
        self.exclusive_jobs -= hold.exclusive
        for name, mask in hold.gres:
            self.held_gres[name] &= ~mask
            if not self.held_gres[name]:
                del self.held_gres[name]
        for name, count in hold.unnumbered:
            self.unnumbered[name] -= count
            if not self.unnumbered[name]:
                del self.unnumbered[name]
        self._count()

    def _count(self) -> None:
        self.free_mask = self._cpus & ~self.held_mask
        self.free_cpus = self.free_mask.bit_count()
        self._by_end = self._free_after = None

    @property
    def load(self) -> float:
        """Promised and used CPUs of all."""
        return (self.node.total_cpus - self.free_cpus) / self.node.total_cpus

    @property
    def free_memory_mb(self) -> float:
        return inf if self.node.memory_mb is None else self.node.memory_mb - self.held_memory_mb

    def free_gres(self, name: str) -> int:
        """The numbers of it that nobody has, as a mask."""
        return ((1 << self.node.gres.get(name, 0)) - 1) & ~self.held_gres.get(name, 0)

    def _left_of(self, name: str) -> int:
        """How many of it are left; fewer than none when holders of what was a licence took more than there are."""
        return self.free_gres(name).bit_count() - self.unnumbered.get(name, 0)

    def fits(self, demand: Demand) -> bool:
        """Whether a job of this demand can be there now."""
        if self.free_cpus < demand.cpus or self.node.state is not NodeState.UP:
            return False
        if self.node.memory_mb is not None and self.free_memory_mb < demand.memory_mb:
            return False
        if self.exclusive_jobs or (demand.exclusive and self.holds):
            return False
        if demand.gres and any(self._left_of(name) < count for name, count in demand.gres):
            return False
        return is_among(self.node, demand)

    def choose(self, demand: Demand, ends_at: datetime | None) -> Hold:
        """What exactly a job of this demand, which fits, takes: see `cpu_choice`; of generic resources the lowest."""
        mask = chosen(self.free_mask, demand.cpus_on(self.node), self._numa)
        gres = tuple((name, lowest(self.free_gres(name), count)) for name, count in demand.gres)
        return Hold(mask, demand.memory_mb, gres, ends_at, demand.exclusive)

    def left_at(self, at: datetime) -> Left:
        """What is left when all that must have ended by then has ended."""
        left = self._left_now()
        for hold in self._ending():
            if hold.ends_at is None or hold.ends_at > at:
                break
            self._end(hold, left)
        left.alone = all(h.ends_at is not None and h.ends_at <= at for h in self.holds.values())
        return left

    def soonest(self, demand: Demand) -> datetime | None:
        """When the last of those has ended that must end before the job fits; None: not by time limits alone.

        For a node that could hold the job; `LONG_AGO` when it fits now. The time may have passed: whoever is beyond
        his limit is taken to end now.
        """
        if self.fits(demand):
            return LONG_AGO
        no_memory = not demand.memory_mb or self.node.memory_mb is None
        if no_memory and not (demand.gres or demand.exclusive or self.exclusive_jobs):
            free, ends_at = self._free_by_end()
            place = bisect_left(free, demand.cpus)
            return ends_at[place] if place < len(free) else None
        left = self._left_now()
        remaining = len(self.holds)
        for hold in self._ending():
            if hold.ends_at is None:
                return None
            self._end(hold, left)
            remaining -= 1
            left.alone = not remaining
            if left.has(demand):
                return hold.ends_at
        return None

    def _left_now(self) -> Left:
        gres = {name: self._left_of(name) for name in self.node.gres}
        return Left(self.free_cpus, self.free_memory_mb, gres, not self.holds, self.exclusive_jobs > 0)

    def _end(self, hold: Hold, left: Left) -> None:
        left.cpus += (hold.cpu_mask & self._cpus).bit_count()
        left.memory_mb += hold.memory_mb
        for name, mask in hold.gres:
            if name in left.gres:
                left.gres[name] += (mask & ((1 << self.node.gres[name]) - 1)).bit_count()
        for name, count in hold.unnumbered:
            if name in left.gres:
                left.gres[name] += count
        if hold.exclusive:
            left.closed = False

    def _ending(self) -> list[Hold]:
        """By their ends; those without one last."""
        if self._by_end is None:
            self._by_end = sorted(self.holds.values(), key=lambda h: (h.ends_at is None, h.ends_at))
        return self._by_end

    def _free_by_end(self) -> tuple[list[int], list[datetime]]:
        """How many CPUs are free after each end, and when: all that most jobs ask for, so it is kept."""
        if self._free_after is None:
            free, frees, ends = self.free_cpus, [], []
            for hold in self._ending():
                if hold.ends_at is None:
                    break
                free += (hold.cpu_mask & self._cpus).bit_count()
                frees.append(free)
                ends.append(hold.ends_at)
            self._free_after = (frees, ends)
        return self._free_after

    def short_of(self, demand: Demand) -> int | None:
        """How many more CPUs would have to be free for it; None when the node could not hold it at all."""
        if self.node.state is not NodeState.UP or not could_hold(self.node, demand):
            return None
        return max(0, demand.cpus_on(self.node) - self.free_cpus)


def cpu_ids_of(hold: Hold) -> tuple[int, ...]:
    return numbers_of(hold.cpu_mask)


def gres_of(hold: Hold) -> dict[str, tuple[int, ...]]:
    return {name: numbers_of(mask) for name, mask in hold.gres}
