"""A node out of touch: what may be taken back from it, what runs on, and how often a job may start anew."""

from dataclasses import replace
from typing import Any

import pytest

from conductor.core.commands import (
    Allocate,
    Cancel,
    DeclareNodeLost,
    RegisterNode,
    Release,
    ReleaseLost,
    ReportCleanup,
    Requeue,
    ResumeNode,
)
from conductor.core.decider import decide
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import NodeDrained, NodeLost, NodeRegistered, ReleaseReason
from conductor.core.identifiers import AllocationId, Incarnation, JobId, NodeName, job_stream, node_stream
from conductor.core.job import JobState
from conductor.core.job_report import AUTOMATIC_REQUEUES
from conductor.core.node import Node, NodeState
from tests.given import (
    NODE,
    PROCESS,
    World,
    allocated,
    one_node,
    pending,
    refused,
    registered,
    reserved,
    running,
    with_reservation,
)
from tests.given_cluster import Story

JOB, ALLOCATION = JobId(1), AllocationId(7)
RELEASE_LOST = ReleaseLost(job_id=JOB, allocation_id=ALLOCATION, node_name=NODE)


def lost(world: World, *, jobs_lost: bool = False) -> World:
    return world.given(node_stream(NODE), NodeLost(reason="silent", jobs_lost=jobs_lost))


def test_a_running_job_that_did_not_ask_for_requeue_is_left_to_run_on_its_lost_node() -> None:
    world = lost(running())
    assert refused(world.when(RELEASE_LOST)) is RejectionCode.WRONG_STATE
    assert world.job.state is JobState.RUNNING


def test_a_job_that_asked_for_requeue_fails_with_its_node_and_begins_the_next_attempt() -> None:
    world = lost(running(requeue=True))
    world.when(RELEASE_LOST)
    assert (world.job.state, world.job.attempt) == (JobState.PENDING, 2)
    assert world.job.past_allocations[0].release is not None
    assert world.job.past_allocations[0].release.reason is ReleaseReason.NODE_LOST
    assert world.when(RELEASE_LOST) == ()


def test_a_reservation_on_a_lost_node_goes_back_to_the_queue_in_the_same_attempt() -> None:
    world = lost(with_reservation())
    world.when(RELEASE_LOST)
    assert (world.job.state, world.job.attempt) == (JobState.PENDING, 1)


def test_a_person_who_vouches_for_it_ends_every_job_of_the_node() -> None:
    world = lost(running(), jobs_lost=True)
    world.when(RELEASE_LOST)
    assert (world.job.state, world.job.reason) == (JobState.NODE_FAIL, "NodeFail: silent")


def test_nothing_is_taken_back_from_a_node_that_is_not_lost() -> None:
    assert refused(running(requeue=True).when(RELEASE_LOST)) is RejectionCode.WRONG_STATE


def test_a_job_whose_nodes_fail_too_often_is_held_with_a_reason_until_a_person_asks_again() -> None:
    world = running(requeue=True)
    for attempt in range(1, AUTOMATIC_REQUEUES + 2):
        world.given(node_stream(NODE), NodeLost(reason=None))
        command = replace(RELEASE_LOST, allocation_id=world.job.allocation.allocation_id)  # type: ignore[union-attr]
        world.when(command)
        assert world.job.attempt == attempt + 1
        if attempt <= AUTOMATIC_REQUEUES:
            assert not world.job.held
            number = 7 + attempt
            world.given(node_stream(NODE), registered(incarnation=attempt + 1))
            world.given(job_stream(JOB), reserved(number, attempt=attempt + 1), allocated(number))
    assert (world.job.held, world.job.reason) == (True, "JobHoldMaxRequeue")


def test_a_requeue_by_hand_counts_anew() -> None:
    world = lost(running(requeue=True))
    world.when(RELEASE_LOST)
    assert world.job.automatic_requeues == 1
    world.when(Cancel(job_id=JOB))
    world.when(Requeue(job_id=JOB))
    assert world.job.automatic_requeues == 0


def test_a_cancelled_job_is_not_requeued_by_the_loss_of_its_node() -> None:
    world = running(requeue=True)
    world.when(Cancel(job_id=JOB))
    lost(world).when(RELEASE_LOST)
    assert world.job.state is JobState.NODE_FAIL


def test_an_executor_may_say_that_its_node_failed_a_job() -> None:
    world = running(requeue=True)
    failed = Release(
        allocation_id=ALLOCATION,
        incarnation=Incarnation(1),
        reason=ReleaseReason.NODE_LOST,
        exit_code=None,
        exit_signal=15,
        job_id=JOB,
        node_name=NODE,
    )
    world.when(failed)
    assert (world.job.state, world.job.attempt) == (JobState.PENDING, 2)


def test_a_start_that_its_node_gave_up_goes_back_to_the_queue_in_the_same_attempt() -> None:
    world = with_reservation(requeue=True)
    given_up = Release(
        allocation_id=ALLOCATION,
        incarnation=Incarnation(1),
        reason=ReleaseReason.NODE_LOST,
        exit_code=None,
        exit_signal=None,
        job_id=JOB,
        node_name=NODE,
    )
    assert isinstance(world.when(given_up), tuple)
    assert (world.job.state, world.job.attempt) == (JobState.PENDING, 1)


def test_what_cannot_be_killed_is_said_once_and_keeps_its_cpus() -> None:
    world = running()
    stuck = ReportCleanup(
        allocation_id=ALLOCATION, incarnation=Incarnation(1), pids=(4711,), job_id=JOB, node_name=NODE
    )
    assert len(world.when(stuck)) == 1  # type: ignore[arg-type]  # a rejection fails here
    assert (world.job.state, world.job.reason) == (JobState.RUNNING, "Cleanup")
    assert world.job.allocation is not None
    assert world.job.allocation.live
    assert world.when(stuck) == ()


def asked(world: World, command: DeclareNodeLost | RegisterNode, *, lease_lives: bool) -> object:
    verdict = decide(command, world.states, at=world.now, live_leases={NODE} if lease_lives else ())
    return verdict.rejection or verdict.events


def test_a_node_that_was_heard_from_is_not_declared_lost() -> None:
    declare = DeclareNodeLost(node_name=NODE)
    rejection = asked(one_node(), declare, lease_lives=True)
    assert isinstance(rejection, Rejection)
    assert rejection.code is RejectionCode.WRONG_STATE
    assert asked(one_node(), declare, lease_lives=False) == (NodeLost(reason=None),)


def test_a_person_may_vouch_for_a_node_that_is_already_lost() -> None:
    world = lost(one_node())
    vouch = DeclareNodeLost(node_name=NODE, jobs_lost=True)
    assert world.when(vouch) == (NodeLost(reason=None, jobs_lost=True),)
    assert world.when(vouch) == ()


def test_a_drained_node_that_was_lost_comes_back_drained() -> None:
    world = lost(one_node().given(node_stream(NODE), NodeDrained(reason=None)))
    world.given(node_stream(NODE), registered(incarnation=2))
    assert node_of(world).state is NodeState.DRAINED
    world.when(ResumeNode(node_name=NODE))
    assert node_of(world).state is NodeState.UP


def node_of(world: World) -> Node:
    node = world.states[node_stream(NODE)]
    assert isinstance(node, Node)
    return node


def test_a_name_that_another_spool_holds_is_refused_while_its_lease_lives_and_names_the_holder() -> None:
    world = one_node()
    other = RegisterNode(node_name=NODE, spool_id="other", boot_id="b", total_cpus=4, cpu_block=0)
    rejection = asked(world, other, lease_lives=True)
    assert isinstance(rejection, Rejection)
    assert rejection.code is RejectionCode.WRONG_STATE
    assert "incarnation 1" in rejection.message
    events = asked(world, replace(other, spool_id="spool"), lease_lives=True)
    assert isinstance(events, tuple)
    assert isinstance(events[0], NodeRegistered)
    assert isinstance(asked(world, other, lease_lives=False), tuple)


ANEW = registered(incarnation=2)


@pytest.mark.parametrize(
    ("asked", "promised", "node", "why"),
    [
        ({}, {"cpu_ids": (3,)}, {"total_cpus": 2, "cpu_ids": (0, 1)}, "CPU 3"),
        ({"memory_mb": 900}, {}, {"memory_mb": 100}, "900 MB"),
        ({"labels": {"zone": "a"}}, {}, {"labels": {"zone": "b"}}, "zone=a"),
        ({"gres": {"gpu": 1}}, {"gres": {"gpu": (2,)}}, {"gres": {"gpu": 1}}, "gpu number 2"),
        ({"gres": {"gpu": 1}}, {"gres": {"gpu": (0,)}}, {}, "gpu:1"),
    ],
)
def test_what_a_node_that_came_back_with_less_cannot_hold_does_not_start_and_goes_back_to_the_queue(
    asked: dict[str, Any], promised: dict[str, Any], node: dict[str, Any], why: str
) -> None:
    job_id = job_stream(JOB)
    world = (
        pending(**asked).given(job_id, reserved(**promised)).given(node_stream(NODE), replace(ANEW, **node))
    )
    allocate = Allocate(
        allocation_id=ALLOCATION, incarnation=Incarnation(2), process=PROCESS, job_id=JOB, node_name=NODE
    )
    outcome = world.when(allocate)
    assert refused(outcome) is RejectionCode.WRONG_STATE
    assert why in outcome.message  # type: ignore[union-attr]
    world.when(RELEASE_LOST)
    assert (world.job.state, world.job.attempt) == (JobState.PENDING, 1)
    release = world.job.past_allocations[0].release
    assert release is not None
    assert why in (release.detail or "")


def test_a_node_that_came_back_with_enough_keeps_what_was_promised_and_starts_it() -> None:
    job_id = job_stream(JOB)
    world = pending(gres={"gpu": 1, "matlab": 1}).given(job_id, reserved(gres={"gpu": (0,)}))  # and a licence
    world.given(node_stream(NODE), replace(ANEW, total_cpus=1, cpu_ids=(0,), gres={"gpu": 1}))
    assert refused(world.when(RELEASE_LOST)) is RejectionCode.WRONG_STATE
    allocate = Allocate(
        allocation_id=ALLOCATION, incarnation=Incarnation(2), process=PROCESS, job_id=JOB, node_name=NODE
    )
    world.when(allocate)
    assert world.job.state is JobState.RUNNING


def test_the_scheduler_names_reservations_that_a_node_cannot_hold_any_more_and_nothing_that_runs() -> None:
    a = NodeName("a")
    story = Story().node(a, 4).job(1).place(1, a, 3, runs=False).job(2).place(2, a, 2)
    story.job(3).place(3, a, 0, runs=False)
    assert story.cluster.lost_allocations() == []
    story.node(a, 2)
    assert [job.job_id for job, _ in story.cluster.lost_allocations()] == [JobId(1)]
