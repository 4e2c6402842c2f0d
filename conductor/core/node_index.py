"""Nodes in the order in which they are chosen, for each kind of demand, kept up to date by what changed since it was
last asked for.

Everything here is derived from the nodes: whether it was kept or is found anew changes no answer, only its cost. A
change of a node costs nothing but a note; a demand catches up when it is asked for.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from conductor.core.demand import Demand
from conductor.core.identifiers import NodeName
from conductor.core.node import NodeState
from conductor.core.node_use import NodeUse

NodeChoice = Literal["least_loaded", "pack", "by_name"]
Ranked = tuple[float, NodeName]

_MOST_SOONEST = 32  # demands whose planned starts are kept; a pass asks for that of one


def ranked(use: NodeUse, choice: NodeChoice) -> Ranked:
    """The lowest is chosen: by load, by load the other way round, or by name alone."""
    match choice:
        case "least_loaded":
            return (use.load, use.node.node_name)
        case "pack":
            return (-use.load, use.node.node_name)
        case "by_name":
            return (0.0, use.node.node_name)


@dataclass(slots=True)
class Ranking:
    """Nodes in order that have a free CPU and could hold something of this kind."""

    seen: int
    order: list[Ranked]
    entries: dict[NodeName, Ranked]

    def update(self, name: NodeName, entry: Ranked | None) -> None:
        before = self.entries.pop(name, None)
        if before is not None:
            del self.order[bisect_left(self.order, before)]
        if entry is not None:
            insort(self.order, entry)
            self.entries[name] = entry


@dataclass(slots=True)
class Soonest:
    """For nodes that could hold a demand: from when on it fits by time limits alone, None when nobody can say."""

    seen: int
    at: dict[NodeName, datetime | None]


@dataclass(slots=True)
class Able:
    """Nodes that are up and would have room for a demand if they were empty."""

    seen: int
    names: set[NodeName]


@dataclass(slots=True)
class NodeIndex:
    nodes: Mapping[NodeName, NodeUse]
    choice: NodeChoice = "least_loaded"
    _changes: int = 0
    _changed: dict[NodeName, int] = field(
        default_factory=dict
    )  # each node's last change; the latest at the end
    _free: dict[NodeName, int] = field(default_factory=dict)
    _widths: dict[int, int] = field(default_factory=dict)  # free CPUs of a node -> how many nodes have them
    _rankings: dict[Demand, Ranking] = field(default_factory=dict)
    _soonest: dict[Demand, Soonest] = field(default_factory=dict)
    _able: dict[Demand, Able] = field(default_factory=dict)

    def changed(self, name: NodeName) -> None:
        """To be called after every change of a node."""
        self._changes += 1
        self._changed.pop(name, None)
        self._changed[name] = self._changes
        use = self.nodes[name]
        free = use.free_cpus if use.node.state is NodeState.UP else 0
        before = self._free.get(name)
        if before == free:
            return
        if before is not None:
            self._widths[before] -= 1
            if not self._widths[before]:
                del self._widths[before]
        self._free[name] = free
        self._widths[free] = self._widths.get(free, 0) + 1

    def chosen_by(self, choice: NodeChoice) -> None:
        if choice != self.choice:
            self.choice = choice
            self._rankings.clear()

    @property
    def most_free_cpus(self) -> int:
        """No node has more."""
        return max(self._widths, default=0)

    def _changed_since(self, seen: int) -> Iterator[NodeName]:
        for name, change in reversed(self._changed.items()):
            if change <= seen:
                return
            yield name

    def order(self, kind: Demand) -> list[Ranked]:
        """Nodes with a free CPU that could hold a demand of this kind, the one to be chosen first. To be read only."""
        ranking = self._rankings.get(kind)
        if ranking is None:
            named = [name for name in kind.nodelist if name in self.nodes] if kind.nodelist else self.nodes
            entries = {name: entry for name in named if (entry := self._entry(name, kind)) is not None}
            ranking = self._rankings[kind] = Ranking(self._changes, sorted(entries.values()), entries)
        for name in self._changed_since(ranking.seen):
            ranking.update(name, self._entry(name, kind))
        ranking.seen = self._changes
        return ranking.order

    def _entry(self, name: NodeName, kind: Demand) -> Ranked | None:
        use = self.nodes[name]
        if not use.free_cpus or use.short_of(kind) is None:
            return None
        return ranked(use, self.choice)

    def soonest(self, demand: Demand) -> Mapping[NodeName, datetime | None]:
        """See `NodeUse.soonest`, for every node that could hold it. To be read only."""
        known = self._soonest.pop(demand, None)
        if known is None:
            known = Soonest(0, {})
            while len(self._soonest) >= _MOST_SOONEST:
                del self._soonest[next(iter(self._soonest))]
        for name in self._changed_since(known.seen):
            use = self.nodes[name]
            if use.short_of(demand) is None:
                known.at.pop(name, None)
            else:
                known.at[name] = use.soonest(demand)
        known.seen = self._changes
        self._soonest[demand] = known
        return known.at

    def able(self, demand: Demand) -> AbstractSet[NodeName]:
        """Nodes that could hold it if they were empty. To be read only."""
        known = self._able.setdefault(demand, Able(0, set()))
        for name in self._changed_since(known.seen):
            if self.nodes[name].short_of(demand) is None:
                known.names.discard(name)
            else:
                known.names.add(name)
        known.seen = self._changes
        return known.names

    def keep(self, demands: int) -> None:
        """Forget the oldest when there are many more than demands that wait."""
        for kept in (self._rankings, self._able):
            while len(kept) > 2 * demands + 64:
                del kept[next(iter(kept))]
