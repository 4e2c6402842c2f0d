"""What a node has too little of for a job, and how much of just that a job on it holds.

Judged by the same amounts as `NodeUse.fits`: a node that lacks nothing fits. Refuses to know how anything is worded.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from conductor.core.demand import Demand
from conductor.core.node_use import Hold, NodeUse

Kind = Literal["cpus", "memory", "gres", "alone", "closed"]


class Shortage(NamedTuple):
    """`free` of `total` of it; `name` of a generic resource. `alone`: somebody is there, and the job wants all of it;
    `closed`: somebody there has all of it.
    """

    kind: Kind
    free: int
    total: int
    name: str = ""

    @property
    def told(self) -> dict[str, Any]:
        """A sentence of `why_catalogue` within another."""
        match self.kind:
            case "memory":
                parameters: dict[str, Any] = {"free_mb": self.free, "total_mb": self.total}
            case "alone" | "closed":
                parameters = {"used": self.total - self.free, "total": self.total}
            case "cpus":
                parameters = {"free": self.free, "total": self.total}
            case "gres":
                parameters = {"name": self.name, "free": self.free, "total": self.total}
        return {"code": f"short_{self.kind}", "parameters": parameters}


def shortages(use: NodeUse, demand: Demand) -> list[Shortage]:
    """What the node, which could hold it, has not free now."""
    node, found = use.node, []
    if demand.exclusive and use.holds:
        return [Shortage("alone", use.free_cpus, node.total_cpus)]
    if use.exclusive_jobs:
        return [Shortage("closed", use.free_cpus, node.total_cpus)]
    if use.free_cpus < demand.cpus:
        found.append(Shortage("cpus", use.free_cpus, node.total_cpus))
    if node.memory_mb is not None and use.free_memory_mb < demand.memory_mb:
        found.append(Shortage("memory", max(0, int(use.free_memory_mb)), node.memory_mb))
    for name, count in demand.gres:
        free = use.free_gres(name).bit_count()
        if free < count:
            found.append(Shortage("gres", free, node.gres.get(name, 0), name))
    return found


def held_of(hold: Hold, short: Iterable[Shortage]) -> Mapping[str, int]:
    """How much of what is short somebody holds, by name (`cpus`, `memory_mb`, `gres/gpu`); empty: nothing of it."""
    gres, found = dict(hold.gres), {}
    for one in short:
        match one.kind:
            case "cpus" | "alone":
                found["cpus"] = hold.cpu_mask.bit_count()
            case "closed":
                found["cpus"] = hold.cpu_mask.bit_count() if hold.exclusive else 0
            case "memory":
                found["memory_mb"] = hold.memory_mb
            case "gres":
                found[f"gres/{one.name}"] = gres.get(one.name, 0).bit_count()
    return {name: amount for name, amount in found.items() if amount}
