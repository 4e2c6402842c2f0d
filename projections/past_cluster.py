"""The scheduler's picture as it was at a moment of the past, from the states that the log folds to by then.

Promises: what has ended by then is passed over, one state at a time. Leases are not in the log: who was heard from is
not known, and every node that was up counts as heard from.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from conductor.core.cluster import Cluster
from conductor.core.decider import State
from conductor.core.identifiers import NodeName, Position
from conductor.core.job import Job
from conductor.core.leadership import Leadership
from conductor.core.node import Node, NodeState
from conductor.core.policy import PolicyInForce


def cluster_of(
    states: Iterable[State], position: int, at: datetime, fair_share: Mapping[str, float]
) -> Cluster:
    """`at` says which begin times had come; `fair_share` are the accounts' factors of then."""
    jobs: list[Job] = []
    nodes: list[Node] = []
    leadership, policy = Leadership(), PolicyInForce()
    for state in states:
        match state:
            case Job() if not state.state.final:
                jobs.append(state)
            case Node():
                nodes.append(state)
            case Leadership():
                leadership = state
            case PolicyInForce():
                policy = state
            case _:
                pass
    cluster = Cluster.load(
        position=Position(position), at=at, nodes=nodes, jobs=jobs, leadership=leadership, policy=policy
    )
    cluster.fair_share = fair_share
    return cluster


def up_then(cluster: Cluster) -> Collection[NodeName]:
    """The nodes that count as heard from."""
    return frozenset(name for name, use in cluster.nodes.items() if use.node.state is NodeState.UP)
