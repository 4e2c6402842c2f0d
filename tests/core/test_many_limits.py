"""Behind a protected job everybody has another time limit: the plan is the plainest one, and there are few queues."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor.core import queues
from conductor.core.events import Policy
from conductor.core.identifiers import NodeName
from conductor.core.placement import Obstacle, plan
from conductor.core.wait_reasons import Judge
from tests.given_cluster import Story
from tests.plainest_plan import Plainest

A, B = NodeName("a"), NodeName("b")
HOUR = 3600
PROTECTING = (
    Policy(order="backfill"),
    Policy(order="first_fit", guard_seconds=0.0),
    Policy(order="backfill", user_max_cpus=5, fair_share_weight=2.0, licences={"matlab": 3}),
)
limits = st.one_of(st.integers(2 * HOUR - 2, 2 * HOUR + 2), st.integers(1, 4 * HOUR), st.none())
asked = st.fixed_dictionaries(
    {
        "cpus_per_task": st.sampled_from([1, 1, 1, 2]),
        "time_limit_seconds": limits,
        "user_name": st.sampled_from(["alice", "alice", "bob"]),
        "gres": st.sampled_from([{}, {}, {"matlab": 1}]),
    }
)
running = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from([HOUR, 2 * HOUR, None])), min_size=2, max_size=2
)


def waiting_behind_a_wide_one(
    policy: Policy, runs: list[tuple[int, int | None]], asks: list[dict[str, Any]]
) -> Story:
    story = Story(policy).node(A, 4).node(B, 4)
    for job_id, (name, (cpus, limit)) in enumerate(zip((A, B), runs, strict=True), 1):
        story.running(job_id, name, range(cpus), time_limit_seconds=limit)
    story.job(3, 4, exclusive=True, time_limit_seconds=HOUR)
    for job_id, ask in enumerate(asks, 4):
        story.job(job_id, **{("cpus" if name == "cpus_per_task" else name): v for name, v in ask.items()})
    return story.after(seconds=1)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PROTECTING), running, st.lists(asked, min_size=6, max_size=30))
def test_the_plan_is_the_plainest_one(
    policy: Policy, runs: list[tuple[int, int | None]], asks: list[dict[str, Any]]
) -> None:
    chunk, queues._CHUNK = queues._CHUNK, 2
    try:
        story = waiting_behind_a_wide_one(policy, runs, asks)
        ours, plainest = story.planned(), Plainest(story.cluster, story.now, story.cluster.nodes).plan()
    finally:
        queues._CHUNK = chunk
    assert [(p.job_id, p.node_name) for p in ours.placements] == plainest.started
    p = ours.protected
    assert (p and (p.job_id, p.node_name, p.starts_at, p.because)) == plainest.protected
    started = {placement.job_id for placement in ours.placements}
    for key, queue in story.cluster.queues.items():
        for place in queue:
            if place.job_id not in started:
                blocked = ours.obstacle(key, place)
                assert blocked is not None
                in_time = place.time_limit_seconds <= ours.in_time_seconds
                assert not (in_time and blocked.obstacle is Obstacle.PROTECTED)


@pytest.mark.parametrize("policy", PROTECTING[:2])
def test_jobs_that_differ_in_their_limits_alone_wait_in_one_queue(policy: Policy) -> None:
    story = Story(policy)
    for job_id in range(1, 50):
        story.job(job_id, time_limit_seconds=job_id)
    assert len(story.cluster.queues) == 1


def test_of_two_that_differ_in_their_limits_alone_only_the_long_one_is_kept_from_what_is_protected() -> None:
    """One CPU of `a` is free until the head needs all four: who is done by then, and comes too late, finds no room."""
    story = Story(Policy(order="backfill")).node(A, 4)
    story.running(1, A, range(3), time_limit_seconds=2 * HOUR)
    story.job(2, 4)
    for job_id, limit in ((3, 3 * HOUR), (4, HOUR), (5, HOUR), (6, None)):
        story.job(job_id, time_limit_seconds=limit)
    assert [p.job_id for p in plan(story.cluster, story.now, story.cluster.nodes).placements] == [4]
    judge = Judge(story.cluster, story.now, story.cluster.nodes)
    kept = {n: judge.protected_from(story.cluster.jobs[n]) is not None for n in (2, 3, 5, 6)}  # type: ignore[index]
    assert kept == {2: False, 3: True, 5: False, 6: True}
