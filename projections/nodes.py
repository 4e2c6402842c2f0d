"""The table `nodes`: one row a node that ever registered."""

from typing import Any

from conductor.core.node import Node


def node_row(node: Node) -> dict[str, Any]:
    """Every column of the node's row, by name."""
    return {
        "name": node.node_name,
        "state": node.state,
        "reason": node.reason,
        "total_cpus": node.total_cpus,
        "cpu_ids": list(node.cpu_ids),
        "memory_mb": node.memory_mb,
        "labels": dict(node.labels),
        "gres": dict(node.gres),
        "numa": {str(index): list(cpus) for index, cpus in enumerate(node.numa)},
        "incarnation": node.incarnation,
        "boot_id": node.boot_id,
        "spool_id": node.spool_id,
        "cpu_block": node.cpu_block,
        "registered_at": node.registered_at,
        "version": node.version,
    }
