"""The plan: FIFO + First Fit on the least loaded node, and the same as the plainest way of saying it."""

from dataclasses import replace
from datetime import timedelta

from conductor.core.events import (
    JobCancelled,
    JobHeld,
    JobReprioritized,
    JobRequeued,
    JobUnheld,
    NodeDrained,
    Policy,
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
    Version,
    job_stream,
    node_stream,
)
from conductor.core.job import evolve
from conductor.core.placement import Placement, plan
from tests.given import START, registered, reserved
from tests.given_cluster import Story

A, B = NodeName("a"), NodeName("b")


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


def test_a_silent_node_in_the_middle_gets_nothing_either() -> None:
    story = Story(Policy(node_choice="by_name")).node(A, 1).node(B, 4).node(NodeName("c"), 4).job(1, 2)
    assert [p.node_name for p in plan(story.cluster, START, {A, NodeName("c")}).placements] == ["c"]


def test_who_was_let_in_stays_in_also_when_a_policy_of_a_moment_ago_splits_the_queues_anew() -> None:
    story = Story().node(A, 4).job(1, begin_time=START + timedelta(seconds=1))
    story.cluster.admit(START + timedelta(seconds=1))
    assert story.policy(Policy(aging_per_hour=1.0)).plan() == [(1, A)]


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
