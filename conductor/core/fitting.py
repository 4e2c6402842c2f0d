"""Which nodes a job could ever run on: what it asks for, held against what a node has."""

from conductor.core.events import JobSubmitted
from conductor.core.node import Node


def mismatch(wanted: JobSubmitted, node: Node) -> str | None:
    """Why the job can never run on this node, however empty it is; None when it could."""
    if wanted.nodelist and node.node_name not in wanted.nodelist:
        return f"it asked for {', '.join(wanted.nodelist)}"
    for name, value in wanted.labels.items():
        if node.labels.get(name) != value:
            return f"it asked for a node with {name}={value}, this one has {node.labels.get(name)}"
    if wanted.total_cpus > node.total_cpus:
        return f"it asked for {wanted.total_cpus} CPUs, the node has {node.total_cpus}"
    if wanted.memory_mb is not None and node.memory_mb is not None and wanted.memory_mb > node.memory_mb:
        return f"it asked for {wanted.memory_mb} MB, the node has {node.memory_mb}"
    return None
