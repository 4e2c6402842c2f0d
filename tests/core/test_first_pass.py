"""The first pass after a load looks at no more nodes than any other."""

from typing import Any

import pytest

from conductor.core.cluster import Cluster
from conductor.core.events import Policy
from conductor.core.identifiers import NodeName, Position
from conductor.core.node_use import NodeUse
from conductor.core.placement import plan
from conductor.core.policy import PolicyInForce
from tests.given_cluster import Story

NODES = 60


def full(policy: Policy) -> Story:
    """Nodes of 4 CPUs that are full for an hour but for one; jobs of some sizes wait."""
    story = Story(policy)
    for number in range(NODES):
        story.node(NodeName(f"n{number:02}"), 4)
        story.running(
            number + 1, NodeName(f"n{number:02}"), range(4 if number else 2), time_limit_seconds=3600
        )
    for number, cpus in enumerate((1, 1, 3, 4, 2), NODES + 1):
        story.job(number, cpus)
    return story


@pytest.mark.parametrize("choice", ["least_loaded", "pack", "by_name"])
def test_what_a_pass_asks_of_all_nodes_is_found_by_the_load(
    choice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = full(Policy(order="backfill", node_choice=choice))
    known = story.cluster
    loaded = Cluster.load(
        position=Position(known.position),
        at=story.now,
        nodes=[use.node for use in known.nodes.values()],
        jobs=known.jobs.values(),
        policy=PolicyInForce(policy=known.policy.policy),
    )
    asked: list[NodeName] = []

    def counting(name: str) -> None:
        real = getattr(NodeUse, name)

        def counted(use: NodeUse, *arguments: Any) -> Any:
            asked.append(use.node.node_name)
            return real(use, *arguments)

        monkeypatch.setattr(NodeUse, name, counted)

    counting("soonest")
    counting("short_of")
    planned = plan(loaded, story.now, loaded.nodes)
    assert len(planned.placements) == 2
    assert planned.protected is not None
    assert set(asked) <= {"n00", planned.protected.node_name}
    assert planned == plan(known, story.now, known.nodes)
