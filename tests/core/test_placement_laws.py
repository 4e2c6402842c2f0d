"""The laws of the plan, on clusters of every kind that the strategies can think of."""

from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conductor.core.events import JobCancelled, Policy
from conductor.core.identifiers import JobId, NodeName, job_stream
from conductor.core.placement import Obstacle, Plan, plan
from tests.given_cluster import Story
from tests.plainest_plan import Plainest

HOUR = 3600
many = settings(max_examples=100, deadline=None)


@dataclass(frozen=True)
class Told:
    """A job: what it asks for, how long before now it came, and whether it is to run first."""

    asks: dict[str, Any]
    hours_ago: int
    runs: bool


def sometimes(values: st.SearchStrategy[Any], otherwise: Any) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(otherwise), st.just(otherwise), values)


orders = st.sampled_from(["first_fit", "strict_fifo", "backfill"])
policies = st.builds(
    Policy,
    order=orders,
    node_choice=st.sampled_from(["least_loaded", "pack", "by_name"]),
    guard_seconds=st.sampled_from([None, 0.0, 1.5 * HOUR]),
    aging_per_hour=st.sampled_from([0.0, 0.5]),
    fair_share_weight=st.sampled_from([0.0, 4.0]),
    user_max_cpus=sometimes(st.integers(2, 10), None),
    user_max_jobs=sometimes(st.integers(1, 4), None),
    licences=st.sampled_from([{}, {"matlab": 2}]),
)
nodes = st.fixed_dictionaries(
    {
        "cpus": st.integers(1, 8),
        "memory_mb": sometimes(st.integers(100, 400), None),
        "labels": st.sampled_from([{}, {"cpu": "kunpeng"}]),
        "gres": st.sampled_from([{}, {"gpu": 2}, {"gpu": 1, "disk": 3}]),
        "numa": st.booleans(),
    }
)
asked = st.fixed_dictionaries(
    {
        "cpus_per_task": st.integers(1, 6),
        "memory_mb": sometimes(st.integers(50, 300), None),
        "time_limit_seconds": st.sampled_from([None, HOUR, 2 * HOUR, 5 * HOUR]),
        "priority": sometimes(st.integers(0, 3), 0),
        "user_name": st.sampled_from(["alice", "bob"]),
        "account": st.sampled_from([None, "physics", "chemistry"]),
        "exclusive": sometimes(st.just(True), False),
        "gres": st.sampled_from([{}, {}, {"gpu": 1}, {"matlab": 1}, {"disk": 2, "matlab": 2}]),
        "labels": st.sampled_from([{}, {}, {"cpu": "kunpeng"}]),
        "nodelist": st.sampled_from([(), (), (), ("n0",), ("n1", "n7")]),
        "array_job_id": sometimes(st.sampled_from([1, 2]), None),
    }
)
told = st.builds(Told, asks=asked, hours_ago=st.integers(0, 4), runs=st.booleans())
worlds = st.tuples(policies, st.lists(nodes, min_size=1, max_size=4), st.lists(told, max_size=14))
World = tuple[Policy, list[dict[str, Any]], list[Told]]


def story_of(world: World) -> Story:
    """Jobs that are to run first are started by a plan in which nobody waits for anybody."""
    policy, nodes, jobs = world
    story = Story(replace(policy, order="first_fit", guard_seconds=None, aging_per_hour=0.0))
    story.cluster.fair_share = {"physics": 0.25, "alice": 0.5}
    for index, more in enumerate(nodes):
        cpus = range(more["cpus"])
        halves = (tuple(cpus[::2]), tuple(cpus[1::2])) if more["numa"] else ()
        story.node(NodeName(f"n{index}"), **{**more, "numa": halves})
    for job_id, job in sorted(enumerate(jobs, 1), key=lambda pair: (-pair[1].hours_ago, pair[0])):
        story.now = story.now.replace(hour=4 - job.hours_ago)
        limit = {"array": "0-9%1"} if job.asks["array_job_id"] else {}
        cpus = job.asks["cpus_per_task"]
        story.job(job_id, cpus, **{k: v for k, v in job.asks.items() if k != "cpus_per_task"}, **limit)
        placed = [p for p in story.planned().placements if p.job_id == job_id]
        if placed and job.runs:
            story.start(placed[0], runs=job_id % 3 > 0)
    story.now = story.now.replace(hour=4)
    return story.policy(policy)


@many
@given(worlds, st.integers(0, 30), sometimes(st.sampled_from(["n0", "n1", "n2"]), None))
def test_the_plan_is_what_the_plainest_way_gives(world: World, most: int, silent: str | None) -> None:
    cluster, now = (story := story_of(world)).cluster, story.now
    usable = [name for name in cluster.nodes if name != silent]
    ours, plainest = plan(cluster, now, usable, most=most), Plainest(cluster, now, usable)
    expected = plainest.plan(most)
    assert [(p.job_id, p.node_name) for p in ours.placements] == expected.started
    if len(ours.placements) < most:
        p = ours.protected
        assert (p and (p.job_id, p.node_name, p.starts_at, p.because)) == expected.protected


@many
@given(worlds)
def test_a_node_never_gives_more_than_it_has_and_no_cpu_twice(world: World) -> None:
    story = story_of(world)
    for placement in story.planned().placements:
        use = story.cluster.nodes[placement.node_name]
        job = story.cluster.jobs[placement.job_id].submitted
        assert len(set(placement.cpu_ids)) == (use.node.total_cpus if job.exclusive else job.total_cpus)
        assert set(placement.cpu_ids) <= set(use.node.cpu_ids)
        assert use.held_mask & sum(1 << cpu for cpu in placement.cpu_ids) == 0
        licences = story.cluster.policy.policy.licences
        wanted = {name: count for name, count in job.gres.items() if name not in licences}
        assert {name: len(set(numbers)) for name, numbers in placement.gres.items()} == wanted
        for name, numbers in placement.gres.items():
            assert all(0 <= number < use.node.gres[name] for number in numbers)
            assert use.held_gres.get(name, 0) & sum(1 << number for number in numbers) == 0
        story.start(placement)
        assert use.node.memory_mb is None or use.held_memory_mb <= use.node.memory_mb
        assert len(use.holds) == 1 or not use.exclusive_jobs


@many
@given(worlds)
def test_a_plan_of_the_same_state_is_the_same_plan_and_changes_nothing(world: World) -> None:
    story = story_of(world)
    before = deepcopy(story.cluster)
    first = story.planned()
    assert story.cluster == before
    assert story.planned() == first
    assert plan(before, story.now, before.nodes) == first


@many
@given(worlds)
def test_what_did_not_start_changes_nothing_for_those_before_it(world: World) -> None:
    story = story_of(world)
    planned = story.planned()
    started = {placement.job_id for placement in planned.placements}
    for job in Plainest(story.cluster, story.now, story.cluster.nodes).in_order():
        if job.job_id in started:
            continue
        without = deepcopy(story).tell(job_stream(job.job_id), JobCancelled(reason=None))
        assert before(story, planned, job.job_id) == before(story, without.planned(), job.job_id)


def before(story: Story, planned: Plan, job_id: int) -> list[tuple[int, str]]:
    """What was placed of the jobs that go before this one."""
    waiting = [job.job_id for job in Plainest(story.cluster, story.now, story.cluster.nodes).in_order()]
    first = set(waiting[: waiting.index(JobId(job_id))])
    return [(p.job_id, p.node_name) for p in planned.placements if p.job_id in first]


@many
@given(worlds)
def test_every_waiting_job_that_did_not_start_has_an_obstacle_and_nobody_else_has(world: World) -> None:
    story = story_of(world)
    planned = story.planned()
    started = {placement.job_id for placement in planned.placements}
    for key, queue in story.cluster.queues.items():
        waiting = [place.job_id for place in queue if place.job_id not in started]
        obstacle = planned.blocked.get(key)
        assert (obstacle.job_id if obstacle else None) == (waiting[0] if waiting else None)
        if obstacle is not None and obstacle.obstacle is Obstacle.PROTECTED:
            assert planned.protected is not None


@many
@given(worlds)
def test_strictly_nobody_overtakes_who_waits_for_room(world: World) -> None:
    story = story_of((replace(world[0], order="strict_fifo"), *world[1:]))
    planned = story.planned()
    started = {placement.job_id for placement in planned.placements}
    waiting = [j.job_id for j in Plainest(story.cluster, story.now, story.cluster.nodes).in_order()]
    last = max((waiting.index(job_id) for job_id in started), default=0)
    for job_id in set(waiting[:last]) - started:
        key = story.cluster.key_of(job_id)
        assert key is not None
        assert planned.blocked[key].obstacle in (Obstacle.USER_CAP, Obstacle.ARRAY_LIMIT)


@many
@given(worlds)
def test_when_what_was_planned_has_started_nobody_who_fits_was_left_out(world: World) -> None:
    policy, *more = world
    order: Any = "first_fit" if policy.order == "backfill" else policy.order
    story = story_of((replace(policy, order=order, guard_seconds=None), *more))  # type: ignore[arg-type]
    for placement in story.planned().placements:
        story.start(placement)
    assert story.planned().placements == ()


@dataclass
class Simulated:
    """What became of the head's planned start."""

    promised: dict[int, Any]
    started: dict[int, Any]


@many
@given(
    st.sampled_from(["backfill", "first_fit"]),
    st.lists(nodes, min_size=1, max_size=3),
    st.lists(st.tuples(asked, st.integers(1, 5)), max_size=12),
)
def test_nobody_delays_the_planned_start_of_the_head(
    order: Any, nodes: list[dict[str, Any]], jobs: list[tuple[dict[str, Any], int]]
) -> None:
    """Every job with a limit; it runs as long as that, or ends earlier. From end to end, in simulated time.

    Without caps of users and arrays: who is ahead and waits for these alone goes first when he may.
    """
    policy = Policy(order=order, guard_seconds=0.0, licences={"matlab": 2})
    limits = [ask["time_limit_seconds"] or HOUR for ask, _ in jobs]
    asks = [
        {**ask, "time_limit_seconds": limit, "array_job_id": None}
        for (ask, _), limit in zip(jobs, limits, strict=True)
    ]
    story = story_of((policy, nodes, [Told(ask, 4, runs=False) for ask in asks]))
    durations = {JobId(i): timedelta(hours=hours) for i, (_, hours) in enumerate(jobs, 1)}
    run = simulate(story, durations)
    for job_id, promised in run.promised.items():
        assert run.started[job_id] <= promised


def simulate(story: Story, durations: dict[JobId, timedelta]) -> Simulated:
    run = Simulated({}, {})
    ends: dict[JobId, Any] = {}
    while True:
        planned = story.planned()
        head = planned.protected
        if head is not None:
            assert head.starts_at is not None
            run.promised[head.job_id] = min(head.starts_at, run.promised.get(head.job_id, head.starts_at))
        for placement in planned.placements:
            job = story.cluster.jobs[placement.job_id]
            limit = timedelta(seconds=job.submitted.time_limit_seconds or 0)
            ends[placement.job_id] = story.now + min(limit, durations[placement.job_id])
            run.started[placement.job_id] = story.now
            story.start(placement)
        if not ends:
            return run
        story.now = min(ends.values())
        for job_id in [job_id for job_id, at in ends.items() if at == story.now]:
            story.end(job_id)
            del ends[job_id]
