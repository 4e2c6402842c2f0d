"""Whether a node, as it is registered now, can still hold what was promised of it before.

Refuses to know what becomes of the promise: `job_report` refuses the start and takes the reservation back.
"""

from conductor.core.allocation import Allocation
from conductor.core.events import JobSubmitted
from conductor.core.fitting import mismatch
from conductor.core.node import Node


def outgrown(wanted: JobSubmitted, promised: Allocation, node: Node) -> str | None:
    """Why not, as a clause; None when it can. A name without numbers was a licence, which is no node's."""
    unfit = mismatch(wanted, node, wanted.gres.keys() - promised.gres.keys())
    if unfit is not None:
        return unfit
    gone = sorted(set(promised.cpu_ids) - set(node.cpu_ids))
    if gone:
        return f"it was promised CPU {gone[0]}, which the node has no more"
    for name, numbers in sorted(promised.gres.items()):
        if max(numbers, default=-1) >= node.gres.get(name, 0):
            return f"it was promised {name} number {max(numbers)}, the node has {node.gres.get(name, 0)}"
    return None
