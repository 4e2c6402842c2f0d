"""The nodes as one pass sees and fills them: copies of those that it has filled, the index for all others."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from conductor.core.demand import Demand
from conductor.core.identifiers import JobId, NodeName
from conductor.core.node_index import NodeIndex, Ranked, ranked
from conductor.core.node_use import Hold, NodeUse


@dataclass(slots=True)
class Rooms:
    """Only `usable` nodes are given out. A node that is set aside is given only where it is open.

    A pass only fills nodes: where there was no room a moment ago there is none now.
    """

    index: NodeIndex
    usable: frozenset[NodeName]
    _copies: dict[NodeName, NodeUse] = field(default_factory=dict)
    _entries: dict[NodeName, Ranked] = field(default_factory=dict)
    _filled: list[Ranked] = field(default_factory=list)  # in order; those without a free CPU left out
    _next: dict[Demand, int] = field(default_factory=dict)  # by kind: untouched nodes begin here in its order
    _failed: dict[Demand, list[Demand]] = field(default_factory=dict)  # by kind: the smallest without room
    _full: set[Demand] = field(default_factory=set)
    _aside: NodeName | None = None
    _most_free_cpus: int = 0

    def __post_init__(self) -> None:
        self._most_free_cpus = self.index.most_free_cpus

    def use(self, name: NodeName) -> NodeUse:
        return self._copies.get(name) or self.index.nodes[name]

    def set_aside(self, name: NodeName) -> None:
        self._aside = name
        self._copy(name)
        self._rank(name)

    def chosen(self, demand: Demand, is_open: bool, widest: int | None) -> NodeName | None:
        """The first of the nodes with room for it, in the order of the policy's choice; None: there is none.

        `is_open`: also the node that is set aside; `widest`: only nodes of so many CPUs at most.
        """
        found = self._first(demand, widest)
        if not is_open or self._aside is None:
            if found is None and widest is None and self._aside is None:
                self._full.add(demand)
            return found[1] if found else None
        aside = self._copies[self._aside]
        if aside.fits(demand) and (widest is None or aside.node.total_cpus <= widest):
            entry = ranked(aside, self.index.choice)
            found = entry if found is None else min(found, entry)
        elif found is None and widest is None:
            self._full.add(demand)
        return found[1] if found else None

    def is_full(self, demand: Demand) -> bool:
        """Known to be without room anywhere: it was looked for in this pass."""
        return demand in self._full

    def _first(self, demand: Demand, widest: int | None) -> Ranked | None:
        if demand.cpus > self._most_free_cpus:
            return None
        kind = demand.kind
        failed = self._failed.setdefault(kind, [])
        if any(demand.cpus >= small.cpus and demand.memory_mb >= small.memory_mb for small in failed):
            return None
        untouched = self._first_untouched(demand, kind, widest)
        filled = self._first_filled(demand, untouched, widest)
        if filled is not None or untouched is not None:
            return filled or untouched
        if widest is None:
            failed[:] = [s for s in failed if s.cpus < demand.cpus or s.memory_mb < demand.memory_mb]
            failed.append(demand)
        return None

    def _first_untouched(self, demand: Demand, kind: Demand, widest: int | None) -> Ranked | None:
        order, copies, nodes, cpus = self.index.order(kind), self._copies, self.index.nodes, demand.cpus
        start = self._next.get(kind, 0)
        while start < len(order) and (order[start][1] in copies or order[start][1] not in self.usable):
            start += 1
        self._next[kind] = start
        for place in range(start, len(order)):
            name = order[place][1]
            use = nodes[name]
            if use.free_cpus < cpus or name in copies or name not in self.usable or not use.fits(demand):
                continue
            if widest is None or use.node.total_cpus <= widest:
                return order[place]
        return None

    def _first_filled(self, demand: Demand, before: Ranked | None, widest: int | None) -> Ranked | None:
        """The first of those filled that comes before the first of those untouched."""
        for entry in self._filled:
            if before is not None and entry > before:
                return None
            use = self._copies[entry[1]]
            narrow = widest is None or use.node.total_cpus <= widest
            if narrow and use.free_cpus >= demand.cpus and use.fits(demand):
                return entry
        return None

    def fill(self, name: NodeName, job_id: JobId, demand: Demand, ends_at: datetime | None) -> Hold:
        """Put a job that fits on a node."""
        use = self._copy(name)
        hold = use.choose(demand, ends_at)
        use.hold(job_id, hold)
        self._rank(name)
        return hold

    def _copy(self, name: NodeName) -> NodeUse:
        use = self._copies.get(name)
        if use is None:
            use = self._copies[name] = self.index.nodes[name].copy()
        return use

    def _rank(self, name: NodeName) -> None:
        """Its place among those filled, as it is now."""
        before = self._entries.pop(name, None)
        if before is not None:
            del self._filled[bisect_left(self._filled, before)]
        use = self._copies[name]
        if use.free_cpus and name != self._aside:
            self._entries[name] = ranked(use, self.index.choice)
            insort(self._filled, self._entries[name])

    def able(self, demand: Demand, widest: int | None = None) -> Iterator[NodeName]:
        """Nodes that could hold it if they were empty."""
        for name in self.index.able(demand):
            if name in self.usable and (widest is None or self.index.nodes[name].node.total_cpus <= widest):
                yield name

    def could_ever(self, demand: Demand, widest: int | None = None) -> bool:
        return next(self.able(demand, widest), None) is not None

    def times(self, demand: Demand) -> Iterator[tuple[NodeName, datetime | None]]:
        """Nodes that could hold it, each with when it has room for it by time limits alone: `NodeUse.soonest`."""
        for name, use in self._copies.items():
            if use.short_of(demand) is not None:
                yield name, use.soonest(demand)
        for name, at in self.index.soonest(demand).items():
            if name in self.usable and name not in self._copies:
                yield name, at
