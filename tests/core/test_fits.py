"""What has room where: nodes that are named, labels, generic resources, exclusive jobs, caps; which node is chosen."""

from datetime import timedelta
from typing import Any

import pytest

from conductor.core.demand import could_hold, demand_of
from conductor.core.events import NodeRemoved, Policy, ReleaseReason
from conductor.core.fitting import mismatch
from conductor.core.identifiers import JobId, NodeName, node_stream
from conductor.core.placement import Blocked, Obstacle, Placement
from tests.given import submitted
from tests.given_cluster import Story

A, B = NodeName("a"), NodeName("b")


@pytest.mark.parametrize(
    ("choice", "order"), [("least_loaded", [B, A, B]), ("pack", [A, A, A]), ("by_name", [A, A, A])]
)
def test_the_node_is_chosen_by_policy(choice: Any, order: list[NodeName]) -> None:
    story = Story(Policy(node_choice=choice)).node(A, 4).node(B, 8).job(9).place(9, A, 3)
    story.job(1).job(2).job(3)
    assert [node for _, node in story.plan()][:1] == order[:1]
    assert sorted(node for _, node in story.plan()) == sorted(order)


def test_packing_fills_the_fullest_first_and_by_name_the_first() -> None:
    story = Story(Policy(node_choice="pack")).node(A, 4).node(B, 4).job(9, 2).place(9, B, 0, 1)
    story.job(1, 2).job(2, 2)
    assert story.plan() == [(1, B), (2, A)]
    assert story.policy(Policy(node_choice="by_name")).plan() == [(1, A), (2, A)]


def test_named_nodes_and_labels() -> None:
    story = Story().node(A, 4).node(B, 2, labels={"cpu": "kunpeng", "rack": "2"})
    story.job(1, nodelist=(B, "c")).job(2, labels={"cpu": "kunpeng"}).job(3, labels={"cpu": "x86"})
    assert story.plan() == [(1, B), (2, B)]


def test_generic_resources_are_counted_on_each_node_and_the_lowest_free_numbers_given() -> None:
    story = Story().node(A, 8, gres={"gpu": 3}).node(B, 8)
    story.job(1, gres={"gpu": 1}).place(1, A, 0, gres={"gpu": (1,)})
    story.job(2, gres={"gpu": 2}).job(3, gres={"gpu": 1})
    assert story.planned().placements == (
        Placement(job_id=JobId(2), node_name=A, cpu_ids=(1,), gres={"gpu": (0, 2)}),
    )
    story.end(1)
    assert story.plan() == [(2, A), (3, A)]


def test_memory_comes_back_with_an_end() -> None:
    story = Story().node(A, 8, memory_mb=1000).job(1, memory_mb=700).place(1, A, 0).job(2, memory_mb=400)
    assert story.plan() == []
    assert story.end(1).plan() == [(2, A)]


def test_an_exclusive_job_needs_a_node_of_its_own_takes_all_of_it_and_nobody_comes_beside_it() -> None:
    story = Story().node(A, 4).node(B, 2).job(1).place(1, A, 0).job(2, exclusive=True).job(3)
    assert [(p.job_id, p.node_name, p.cpu_ids) for p in story.planned().placements] == [
        (2, B, (0, 1)),
        (3, A, (1,)),
    ]
    story.place(2, B, 0, 1).node(B, 8)  # registered anew with more CPUs while the job goes on
    assert story.job(4, 4).plan() == [(3, A)]


def test_an_exclusive_job_does_not_come_beside_one_whose_cpus_the_node_has_no_more() -> None:
    story = Story().node(A, 4).job(1).place(1, A, 3).node(A, 2).job(2, exclusive=True)
    assert story.plan() == []
    assert story.end(1).plan() == [(2, A)]


def test_a_removed_node_gets_nothing_and_what_it_had_is_given_back_once() -> None:
    story = Story().node(A, 2).job(1, 2).place(1, A, 0, 1).job(2)
    story.tell(node_stream(A), NodeRemoved(reason=None))
    story.end(1, ReleaseReason.NODE_LOST)
    assert (story.plan(), story.cluster.nodes[A].holds, story.cluster.pools) == ([], {}, {})
    assert story.node(A, 2).plan() == [(2, A)]


def test_caps_of_users_count_what_is_reserved_and_runs() -> None:
    story = Story(Policy(user_max_cpus=3)).node(A, 8)
    story.job(1).place(1, A, 0, runs=False).job(2).place(2, A, 1)
    story.job(3, 2).job(4).job(5).job(6, 3, user_name="bob")
    assert story.plan() == [(4, A), (6, A)]
    assert [b.obstacle for b in story.planned().blocked.values()] == [Obstacle.USER_CAP, Obstacle.USER_CAP]
    story.policy(Policy(user_max_jobs=3))
    assert story.plan() == [(3, A), (6, A)]
    assert story.end(1, ReleaseReason.EXPIRED).plan() == [(1, A), (3, A), (6, A)]


def test_an_exclusive_job_counts_as_wide_as_its_node() -> None:
    story = Story(Policy(user_max_cpus=4)).node(A, 8).node(B, 4).job(1, exclusive=True).job(2)
    assert story.plan() == [(1, B)]
    story.job(3).place(3, B, 0)
    assert story.plan() == [(2, A)]
    assert next(iter(story.planned().blocked.values())).obstacle is Obstacle.USER_CAP


def test_licences_are_counted_over_the_cluster_and_become_so_by_policy() -> None:
    story = Story(Policy(licences={"matlab": 3})).node(A, 8).node(B, 8)
    story.job(1, gres={"matlab": 2}).place(1, A, 0).job(2, gres={"matlab": 2}).job(3, gres={"matlab": 1})
    planned = story.planned()
    assert [(p.job_id, p.gres) for p in planned.placements] == [(3, {})]
    [blocked] = [b for b in planned.blocked.values() if b.job_id == 2]
    assert (blocked.obstacle, blocked.claim and blocked.claim.key[1]) == (Obstacle.LICENCE, "matlab")
    assert story.policy(Policy(licences={"matlab": 5})).plan() == [(2, B), (3, A)]
    assert story.policy(Policy()).plan() == []


def test_what_was_taken_as_licences_counts_against_the_node_once_the_name_is_none_any_more() -> None:
    story = Story(Policy(licences={"gpu": 4})).node(A, 8, gres={"gpu": 3})
    story.job(1, gres={"gpu": 2}, time_limit_seconds=60).place(1, A, 0).job(2, gres={"gpu": 1})
    story.job(3, gres={"gpu": 2})
    assert story.policy(Policy()).plan() == [(2, A)]
    story.start(story.planned().placements[0])
    wide = demand_of(story.cluster.jobs[JobId(3)].submitted)
    use = story.cluster.nodes[A]
    assert (use.fits(wide), use.soonest(wide)) == (False, story.now + timedelta(seconds=60))
    assert use.left_at(story.now).gres == {"gpu": 0}
    assert story.end(1).planned().placements[0].gres == {"gpu": (1, 2)}
    assert use.unnumbered == {}


def test_an_arrays_limit_is_its_own() -> None:
    story = Story().node(A, 8)
    for number in range(1, 6):
        story.job(number, array="0-4%2", array_job_id=JobId(1))
    story.job(6, array="0-4%2", array_job_id=JobId(6)).job(7, array="0-4", array_job_id=JobId(7))
    assert story.plan() == [(1, A), (2, A), (6, A), (7, A)]


def test_a_job_in_no_queue_has_no_key_and_a_queue_says_why_it_waits() -> None:
    story = Story().node(A, 1).job(1).job(2).job(3, held=True)
    planned = story.planned()
    key = story.cluster.key_of(JobId(2))
    assert key is not None
    assert planned.blocked[key] == Blocked(job_id=JobId(2), obstacle=Obstacle.RESOURCES)
    assert list(story.cluster.queues[key]) == [
        story.cluster.place_of(JobId(1)),
        story.cluster.place_of(JobId(2)),
    ]
    assert (story.cluster.key_of(JobId(3)), story.cluster.place_of(JobId(3))) == (None, None)


@pytest.mark.parametrize(
    "asked",
    [
        {"cpus_per_task": 5},
        {"memory_mb": 600},
        {"labels": {"cpu": "x86"}},
        {"nodelist": ("b",)},
        {"cpus_per_task": 4, "memory_mb": 500, "labels": {"cpu": "kunpeng"}, "nodelist": ("b", "a")},
        {"exclusive": True},
    ],
)
def test_what_could_ever_run_on_a_node_is_what_a_reservation_would_be_let(asked: dict[str, Any]) -> None:
    wanted = submitted(**asked)
    node = Story().node(A, 4, memory_mb=500, labels={"cpu": "kunpeng"}).cluster.nodes[A].node
    assert could_hold(node, demand_of(wanted)) == (mismatch(wanted, node) is None)
