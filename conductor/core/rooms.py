"""The nodes as one pass sees and fills them: copies of those that it has filled, the index for all others."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush

from conductor.core.demand import Demand
from conductor.core.identifiers import JobId, NodeName
from conductor.core.node_index import NodeIndex, Ranked, ranked
from conductor.core.node_use import Hold, NodeUse


@dataclass(slots=True)
class _Seeker:
    """Where one demand has come to: nodes as they were in order, and those filled since by how they are now."""

    order: list[Ranked]
    next: int = 0
    seen: int = 0  # of the notes of what was filled
    filled: list[tuple[Ranked, int]] = field(default_factory=list)  # a heap; with the version of the copy


@dataclass(slots=True)
class Rooms:
    """Only `usable` nodes are given out. A node that is set aside is given only where it is open."""

    index: NodeIndex
    usable: frozenset[NodeName]
    _copies: dict[NodeName, NodeUse] = field(default_factory=dict)
    _versions: dict[NodeName, int] = field(default_factory=dict)
    _filled: list[NodeName] = field(default_factory=list)  # in order, a note each time
    _seekers: dict[Demand, _Seeker] = field(default_factory=dict)
    _aside: NodeName | None = None

    def use(self, name: NodeName) -> NodeUse:
        return self._copies.get(name) or self.index.nodes[name]

    def set_aside(self, name: NodeName) -> None:
        self._aside = name
        self._copy(name)

    def chosen(self, demand: Demand, is_open: bool, widest: int | None) -> NodeName | None:
        """The first of the nodes with room for it, in the order of the policy's choice; None: there is none.

        `is_open`: also the node that is set aside; `widest`: only nodes of so many CPUs at most.
        """
        found = self._first(demand) if widest is None else self._first_not_wider(demand, widest)
        if not is_open or self._aside is None:
            return found[1] if found else None
        aside = self._copies[self._aside]
        if aside.fits(demand) and (widest is None or aside.node.total_cpus <= widest):
            entry = ranked(aside, self.index.choice)
            found = entry if found is None else min(found, entry)
        return found[1] if found else None

    def _first(self, demand: Demand) -> Ranked | None:
        if demand.cpus > self.index.most_free_cpus:
            return None
        seeker = self._seekers.get(demand)
        if seeker is None:
            seeker = self._seekers[demand] = _Seeker(self.index.order(demand))
        order = seeker.order
        while seeker.next < len(order) and not self._untouched(order[seeker.next][1]):
            seeker.next += 1
        untouched = order[seeker.next] if seeker.next < len(order) else None
        filled = self._first_filled(demand, seeker)
        if untouched is None or filled is None:
            return untouched or filled
        return min(untouched, filled)

    def _untouched(self, name: NodeName) -> bool:
        return name in self.usable and name not in self._copies

    def _first_filled(self, demand: Demand, seeker: _Seeker) -> Ranked | None:
        for name in set(self._filled[seeker.seen :]):
            use = self._copies[name]
            if use.fits(demand):
                heappush(seeker.filled, (ranked(use, self.index.choice), self._versions[name]))
        seeker.seen = len(self._filled)
        while seeker.filled:
            entry, version = seeker.filled[0]
            if version == self._versions[entry[1]] and entry[1] != self._aside:
                return entry
            heappop(seeker.filled)
        return None

    def _first_not_wider(self, demand: Demand, widest: int) -> Ranked | None:
        """For exclusive jobs of a user with a cap: what was filled has no room for them."""
        for entry in self.index.order(demand):
            if self._untouched(entry[1]) and self.index.nodes[entry[1]].node.total_cpus <= widest:
                return entry
        return None

    def fill(self, name: NodeName, job_id: JobId, demand: Demand, ends_at: datetime | None) -> Hold:
        """Put a job that fits on a node."""
        use = self._copy(name)
        hold = use.choose(demand, ends_at)
        use.hold(job_id, hold)
        self._versions[name] += 1
        self._filled.append(name)
        return hold

    def _copy(self, name: NodeName) -> NodeUse:
        use = self._copies.get(name)
        if use is None:
            use = self._copies[name] = self.index.nodes[name].copy()
            self._versions[name] = 0
        return use

    def able(self, demand: Demand, widest: int | None = None) -> Iterator[NodeName]:
        """Nodes that could hold it if they were empty."""
        for name in self.index.able(demand):
            if name in self.usable and (widest is None or self.index.nodes[name].node.total_cpus <= widest):
                yield name

    def could_ever(self, demand: Demand, widest: int | None = None) -> bool:
        return next(self.able(demand, widest), None) is not None

    def times(self, demand: Demand, now: datetime) -> Iterator[tuple[NodeName, datetime | None]]:
        """Nodes that could hold it, each with when it has room for it by time limits alone."""
        for name, use in self._copies.items():
            if use.fits(demand):
                yield name, now
            elif use.short_of(demand) is not None:
                yield name, use.soonest(demand)
        for _, name in self.index.order(demand):
            if self._untouched(name):
                yield name, now
        for name, at in self.index.soonest(demand).items():
            if self._untouched(name):
                yield name, at
