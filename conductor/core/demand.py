"""What a job asks of one node, as a value: jobs of one demand fit together or not at all.

Licences are counted over the whole cluster and are no part of it. Which names are licences is the policy's word.
"""

from collections.abc import Container
from typing import NamedTuple

from conductor.core.events import JobSubmitted
from conductor.core.identifiers import NodeName
from conductor.core.node import Node


class Demand(NamedTuple):
    """Pairs are sorted by name, so that equal wishes are equal values."""

    cpus: int
    memory_mb: int = 0
    gres: tuple[tuple[str, int], ...] = ()
    nodelist: tuple[NodeName, ...] = ()  # one of these; empty: any
    labels: tuple[tuple[str, str], ...] = ()
    exclusive: bool = False  # every CPU of the node, and nobody beside it

    @property
    def kind(self) -> "Demand":
        """The same without amounts of CPUs and memory: which nodes come into question at all."""
        return Demand(0, 0, *self[2:])

    def cpus_on(self, node: Node) -> int:
        """How many CPUs it gets there."""
        return node.total_cpus if self.exclusive else self.cpus


def demand_of(submitted: JobSubmitted, licences: Container[str] = ()) -> Demand:
    return Demand(
        submitted.total_cpus,
        submitted.memory_mb or 0,
        _counts(submitted, licences, wanted=False) if submitted.gres else (),
        tuple(sorted(set(submitted.nodelist))) if submitted.nodelist else (),
        tuple(sorted(submitted.labels.items())) if submitted.labels else (),
        submitted.exclusive,
    )


def licences_of(submitted: JobSubmitted, licences: Container[str]) -> tuple[tuple[str, int], ...]:
    """How many of which licences it needs."""
    return _counts(submitted, licences, wanted=True) if submitted.gres else ()


def _counts(
    submitted: JobSubmitted, licences: Container[str], *, wanted: bool
) -> tuple[tuple[str, int], ...]:
    gres = submitted.gres.items()
    return tuple(sorted((name, count) for name, count in gres if count and (name in licences) is wanted))


def could_hold(node: Node, demand: Demand) -> bool:
    """Whether it would fit there if the node were empty."""
    if demand.cpus > node.total_cpus or (node.memory_mb is not None and demand.memory_mb > node.memory_mb):
        return False
    if demand.gres and any(node.gres.get(name, 0) < count for name, count in demand.gres):
        return False
    return is_among(node, demand)


def is_among(node: Node, demand: Demand) -> bool:
    """Whether the node is one of those asked for."""
    if demand.nodelist and node.node_name not in demand.nodelist:
        return False
    return not demand.labels or all(node.labels.get(name) == value for name, value in demand.labels)
