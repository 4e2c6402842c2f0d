"""The plan: FIFO + First Fit on the least loaded node, and the same as the plainest way of saying it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conductor.core.cluster import Cluster
from conductor.core.events import (
    Event,
    JobCancelled,
    JobHeld,
    JobReprioritized,
    JobRequeued,
    JobUnheld,
    NodeDrained,
    Provenance,
    RecordedEvent,
    ReleaseReason,
    ResourcesReleased,
)
from conductor.core.identifiers import (
    AllocationId,
    JobId,
    NodeName,
    Position,
    StreamName,
    Version,
    job_stream,
    node_stream,
)
from conductor.core.job import evolve
from conductor.core.node import NodeState
from conductor.core.placement import Placement, plan
from tests.given import START, registered, reserved, submitted

A, B = NodeName("a"), NodeName("b")


class Story:
    """Events in the order of the log, told to a cluster."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.versions: dict[StreamName, int] = {}

    def tell(self, stream: StreamName, *events: Event) -> "Story":
        for event in events:
            self.versions[stream] = self.versions.get(stream, 0) + 1
            self.cluster.apply(
                RecordedEvent(
                    position=Position(self.cluster.position + 1),
                    stream=stream,
                    version=Version(self.versions[stream]),
                    event=event,
                    at=START,
                    recorded_at=START,
                    provenance=Provenance(actor="t", channel="t"),
                )
            )
        return self

    def node(self, name: NodeName, cpus: int) -> "Story":
        return self.tell(node_stream(name), registered(name, cpus=cpus))

    def job(self, job_id: int, cpus: int = 1, **more: Any) -> "Story":
        return self.tell(job_stream(JobId(job_id)), submitted(job_id, cpus_per_task=cpus, **more))

    def plan(self) -> list[tuple[int, str]]:
        return [(p.job_id, p.node_name) for p in plan(self.cluster, START, self.cluster.nodes).placements]


def test_jobs_go_in_the_order_they_came_and_one_that_does_not_fit_is_passed_over() -> None:
    story = Story().node(A, 4).job(1, 3).job(2, 2).job(3, 1)
    assert story.plan() == [(1, A), (3, A)]


def test_the_next_job_goes_to_the_emptier_node_and_then_by_name() -> None:
    story = Story().node(A, 8).node(B, 4).job(1).job(2).job(3)
    assert story.plan() == [(1, A), (2, B), (3, A)]


def test_a_higher_priority_goes_first_also_when_it_is_given_later() -> None:
    story = Story().node(A, 1).job(1).job(2, priority=5).job(3)
    assert story.plan() == [(2, A)]
    story.tell(job_stream(JobId(3)), JobReprioritized(priority=9))
    assert story.plan() == [(3, A)]


def test_a_held_job_waits_until_it_is_unheld() -> None:
    story = Story().node(A, 4).job(1, held=True)
    assert story.plan() == []
    story.tell(job_stream(JobId(1)), JobUnheld(reason=None))
    assert story.plan() == [(1, A)]
    story.tell(job_stream(JobId(1)), JobHeld(reason=None))
    assert story.plan() == []


def test_a_job_with_a_begin_time_is_admitted_when_it_comes() -> None:
    story = Story().node(A, 4).job(1, begin_time=START + timedelta(hours=1))
    story.cluster.admit(START)
    assert story.plan() == []
    story.cluster.admit(START + timedelta(hours=1))
    assert story.plan() == [(1, A)]


def test_memory_is_counted_where_the_node_states_it() -> None:
    story = Story().job(1, memory_mb=600).job(2, memory_mb=600)
    story.tell(node_stream(A), replace(registered(A, cpus=8), memory_mb=1000))
    assert story.plan() == [(1, A)]


def test_a_node_that_is_not_up_or_not_heard_from_gets_nothing() -> None:
    story = Story().node(A, 4).node(B, 4).job(1)
    story.tell(node_stream(A), NodeDrained(reason=None))
    assert story.plan() == [(1, B)]
    assert plan(story.cluster, START, {A}).placements == ()


def test_cpus_are_the_lowest_free_ones_and_come_back_with_a_release() -> None:
    story = Story().node(A, 4).job(1, 2).job(2, 1)
    story.tell(job_stream(JobId(1)), reserved(1, cpu_ids=(0, 2), node=A))
    assert plan(story.cluster, START, {A}).placements == (
        Placement(job_id=JobId(2), node_name=A, cpu_ids=(1,)),
    )
    expired = ResourcesReleased(allocation_id=AllocationId(1), reason=ReleaseReason.EXPIRED)
    story.tell(job_stream(JobId(1)), expired)
    assert [p.cpu_ids for p in plan(story.cluster, START, {A}).placements] == [(0, 1), (2,)]


def test_an_ended_job_is_forgotten_and_taken_in_again_when_it_is_requeued() -> None:
    story = Story().node(A, 4).job(1)
    ended = story.cluster.jobs[JobId(1)]
    story.tell(job_stream(JobId(1)), JobCancelled(reason=None))
    assert (story.cluster.jobs, story.cluster.queues) == ({}, {})
    story.cluster.forget_ended()
    again = RecordedEvent(
        position=Position(9),
        stream=job_stream(JobId(1)),
        version=Version(3),
        event=JobRequeued(attempt=2, reason=None),
        at=START,
        recorded_at=START,
        provenance=Provenance(actor="t", channel="t"),
    )
    assert story.cluster.unknown_requeues([again]) == {job_stream(JobId(1))}
    story.cluster.adopt(evolve(ended, JobCancelled(reason=None), at=START, version=Version(2)))
    story.cluster.apply(again)
    assert story.plan() == [(1, A)]


def test_a_job_that_ends_and_is_requeued_in_one_breath_waits_again() -> None:
    story = Story().node(A, 4).job(1)
    story.tell(job_stream(JobId(1)), JobCancelled(reason=None), JobRequeued(attempt=2, reason=None))
    assert story.plan() == [(1, A)]


clusters = st.tuples(
    st.lists(st.integers(1, 8), min_size=1, max_size=4),  # CPUs of nodes
    st.lists(st.tuples(st.integers(1, 6), st.integers(0, 2)), max_size=25),  # CPUs and priority of jobs
    st.integers(0, 100),  # at most so many placements
)


@settings(max_examples=200, deadline=None)
@given(clusters)
def test_the_plan_is_what_the_plainest_way_gives(
    world: tuple[list[int], list[tuple[int, int]], int],
) -> None:
    nodes, jobs, most = world
    story = Story()
    for index, cpus in enumerate(nodes):
        story.node(NodeName(f"n{index}"), cpus)
    for index, (cpus, priority) in enumerate(jobs):
        story.job(index + 1, cpus, priority=priority)
    assert (
        list(plan(story.cluster, START, story.cluster.nodes, most=most).placements)
        == _plainest(story.cluster)[:most]
    )


def _plainest(cluster: Cluster) -> list[Placement]:
    """For every waiting job in order: the least loaded node that has room, its lowest free CPUs."""
    free = {name: set(use.node.cpu_ids) for name, use in cluster.nodes.items()}
    total = {name: len(cpus) for name, cpus in free.items()}
    placements = []
    for job in sorted(cluster.jobs.values(), key=lambda job: (-job.priority, job.job_id)):
        wanted = job.submitted.total_cpus
        up = [name for name, use in cluster.nodes.items() if use.node.state is NodeState.UP]
        fitting = [name for name in up if len(free[name]) >= wanted]
        if fitting:
            node = min(fitting, key=lambda name: (1.0 - len(free[name]) / total[name], name))
            cpus = tuple(sorted(free[node])[:wanted])
            free[node] -= set(cpus)
            placements.append(Placement(job_id=job.job_id, node_name=node, cpu_ids=cpus))
    return placements
