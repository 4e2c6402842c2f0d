"""A job's life: every legal move, and nothing else."""

from datetime import timedelta
from typing import get_args

import pytest

from conductor.core.commands import Allocate, Cancel, Expire, Hold, Release, Requeue, Reserve, Submit, Unhold
from conductor.core.errors import IllegalTransition, RejectionCode
from conductor.core.events import (
    CancelRequested,
    JobCancelled,
    JobEvent,
    JobHeld,
    JobReprioritized,
    JobRequeued,
    JobSubmitted,
    JobUnheld,
    LateReport,
    NodeDrained,
    ProcessIdentity,
    ReleaseReason,
    ResourcesReleased,
    ResourcesReserved,
)
from conductor.core.identifiers import (
    AllocationId,
    Incarnation,
    JobId,
    NodeName,
    Term,
    Version,
    job_stream,
    node_stream,
)
from conductor.core.job import TRANSITIONS, JobState, evolve, trigger
from tests.given import (
    NODE,
    PROCESS,
    START,
    World,
    allocated,
    led,
    pending,
    refused,
    registered,
    reserved,
    running,
    submitted,
    with_reservation,
)

JOB = JobId(1)
ALLOCATION = AllocationId(7)
RESERVE = Reserve(job_id=JOB, node_name=NODE, cpu_ids=(0,), allocation_id=AllocationId(8))
ALLOCATE = Allocate(
    allocation_id=ALLOCATION, incarnation=Incarnation(1), process=PROCESS, job_id=JOB, node_name=NODE
)


def release(
    reason: ReleaseReason = ReleaseReason.FINISHED, exit_code: int | None = 0, *, incarnation: int = 1
) -> Release:
    return Release(
        allocation_id=ALLOCATION,
        incarnation=Incarnation(incarnation),
        reason=reason,
        exit_code=exit_code,
        exit_signal=None,
        job_id=JOB,
        node_name=NODE,
    )


def every_job_event() -> list[JobEvent]:
    """One of each, and one release for each way to end."""
    releases = [
        ResourcesReleased(allocation_id=ALLOCATION, reason=reason, exit_code=code)
        for reason in ReleaseReason
        for code in (0, 1)
    ]
    return [
        submitted(),
        JobHeld(reason=None),
        JobUnheld(reason=None),
        JobReprioritized(priority=5),
        reserved(),
        allocated(),
        CancelRequested(reason=None, requeue=False),
        JobCancelled(reason=None),
        JobRequeued(attempt=2, reason=None),
        *releases,
    ]


def in_state(state: JobState) -> World:
    if state is JobState.PENDING:
        return pending()
    if state is JobState.RESERVED:
        return with_reservation()
    if state is JobState.RUNNING:
        return running()
    ends = {target: event for event, target in TRANSITIONS[JobState.RUNNING].items()}
    for event in every_job_event():
        if isinstance(event, ResourcesReleased) and trigger(event) == ends[state]:
            return running().given(job_stream(JOB), event)
    raise AssertionError(state)


def test_the_table_names_every_event_of_a_job() -> None:
    named = {key.partition("(")[0] for moves in TRANSITIONS.values() for key in moves}
    assert named | {"LateReport", "ImportedAllocationClosed"} == {
        event.__name__ for event in get_args(JobEvent)
    }
    assert set(TRANSITIONS) == {None, *JobState}


@pytest.mark.parametrize("state", list(JobState))
@pytest.mark.parametrize("event", every_job_event(), ids=trigger)
def test_an_event_moves_a_job_as_the_table_says_or_is_illegal_and_changes_nothing(
    state: JobState, event: JobEvent
) -> None:
    job = in_state(state).job
    target = TRANSITIONS[state].get(trigger(event))
    if target is None:
        with pytest.raises(IllegalTransition):
            evolve(job, event, at=START, version=Version(job.version + 1))
        assert job.state is state
    else:
        assert evolve(job, event, at=START, version=Version(job.version + 1)).state is target


def test_a_plain_job_is_four_events() -> None:
    world = pending()
    assert isinstance(world.when(RESERVE), tuple)
    allocate = Allocate(
        allocation_id=AllocationId(8), incarnation=Incarnation(1), process=PROCESS, job_id=JOB, node_name=NODE
    )
    assert isinstance(world.when(allocate), tuple)
    finished = Release(
        allocation_id=AllocationId(8),
        incarnation=Incarnation(1),
        reason=ReleaseReason.FINISHED,
        exit_code=0,
        exit_signal=None,
        job_id=JOB,
        node_name=NODE,
    )
    assert isinstance(world.when(finished), tuple)
    assert (world.job.version, world.job.state) == (4, JobState.COMPLETED)


def test_a_submission_takes_its_number_for_a_name_and_remembers_the_digest_only() -> None:
    world = World()
    outcome = world.when(
        Submit(script="echo secret\n", user_name="a", submitted_by="b", job_id=JOB, environment={"K": "V"})
    )
    assert isinstance(outcome, tuple)
    event = outcome[0]
    assert isinstance(event, JobSubmitted)
    assert event.name == "job_1"
    assert "secret" not in repr(event)


def test_a_job_wider_than_every_node_is_refused_and_one_with_no_node_at_all_waits() -> None:
    wide = Submit(script="x\n", user_name="a", submitted_by="a", cpus_per_task=65, job_id=JOB)
    assert refused(World().when(wide, widest_node_cpus=64)) is RejectionCode.INVALID
    assert isinstance(World().when(wide, widest_node_cpus=None), tuple)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (pending(), JobCancelled(reason="why")),
        (
            with_reservation(),
            ResourcesReleased(allocation_id=ALLOCATION, reason=ReleaseReason.CANCELLED, detail="why"),
        ),
        (running(), CancelRequested(reason="why", requeue=False)),
    ],
    ids=["pending", "reserved", "running"],
)
def test_a_cancel_ends_what_waits_and_asks_what_runs(world: World, expected: JobEvent) -> None:
    assert world.when(Cancel(job_id=JOB, reason="why")) == (expected,)
    assert world.when(Cancel(job_id=JOB)) == ()


def test_a_start_that_a_cancel_overtook_is_refused() -> None:
    world = with_reservation()
    world.when(Cancel(job_id=JOB))
    assert refused(world.when(ALLOCATE)) is RejectionCode.CANCELLED


def test_a_start_after_the_reservation_expired_is_refused() -> None:
    world = with_reservation()
    world.now = START + timedelta(hours=1)
    assert refused(world.when(ALLOCATE)) is RejectionCode.RESERVATION_EXPIRED


def test_an_executor_whose_node_was_registered_anew_is_refused() -> None:
    world = with_reservation().given(node_stream(NODE), registered(incarnation=2))
    assert refused(world.when(ALLOCATE)) is RejectionCode.STALE_INCARNATION


def test_a_start_is_repeated_safely_but_never_by_another_process() -> None:
    world = with_reservation()
    assert len(world.when(ALLOCATE)) == 1  # type: ignore[arg-type]  # a rejection fails here
    assert world.when(ALLOCATE) == ()
    other = Allocate(
        allocation_id=ALLOCATION,
        incarnation=Incarnation(1),
        process=ProcessIdentity(pid=4711, boot_id="boot", start_ticks=100),
        job_id=JOB,
        node_name=NODE,
    )
    assert refused(world.when(other)) is RejectionCode.WRONG_STATE


def test_an_expired_reservation_leads_back_to_the_queue_in_the_same_attempt() -> None:
    world = with_reservation()
    expire = Expire(job_id=JOB, allocation_id=ALLOCATION)
    assert refused(world.when(expire)) is RejectionCode.WRONG_STATE
    world.now = START + timedelta(hours=1)
    assert len(world.when(expire)) == 1  # type: ignore[arg-type]  # a rejection fails here
    assert (world.job.state, world.job.attempt, world.job.allocation) == (JobState.PENDING, 1, None)
    assert world.job.past_allocations[0].allocation_id == ALLOCATION
    assert world.when(expire) == ()


def test_what_has_started_does_not_expire() -> None:
    world = running()
    world.now = START + timedelta(hours=2)
    assert world.when(Expire(job_id=JOB, allocation_id=ALLOCATION)) == ()
    assert world.job.state is JobState.RUNNING


def test_what_a_fenced_executor_reports_is_kept_once_and_changes_nothing() -> None:
    world = running().given(node_stream(NODE), registered(incarnation=2))
    assert refused(world.when(release())) is RejectionCode.STALE_INCARNATION
    assert world.job.late_reports == {ALLOCATION}
    version = world.job.version
    assert refused(world.when(release())) is RejectionCode.STALE_INCARNATION
    assert (world.job.version, world.job.state) == (version, JobState.RUNNING)


def test_a_report_of_a_closed_attempt_is_kept_and_changes_nothing() -> None:
    world = running()
    world.when(release(exit_code=0))
    world.when(Requeue(job_id=JOB))
    assert refused(world.when(release(exit_code=1))) is RejectionCode.ATTEMPT_CLOSED
    assert world.job.state is JobState.PENDING
    assert world.when(release(exit_code=0)) == ()


def test_a_cancel_that_nobody_asked_for_cannot_be_reported() -> None:
    assert refused(running().when(release(ReleaseReason.CANCELLED))) is RejectionCode.INVALID


def test_a_requeue_of_a_running_job_begins_the_next_attempt_when_its_process_is_gone() -> None:
    world = running()
    assert world.when(Requeue(job_id=JOB, reason="again")) == (CancelRequested(reason="again", requeue=True),)
    assert world.when(Requeue(job_id=JOB)) == ()
    assert world.job.state is JobState.RUNNING
    world.when(release(ReleaseReason.CANCELLED, exit_code=None))
    job = world.job
    assert (job.state, job.attempt, job.cancel_requested_at, job.started_at) == (
        JobState.PENDING,
        2,
        None,
        None,
    )
    assert job.past_allocations[0].process == PROCESS


@pytest.mark.parametrize("state", sorted({*JobState} - {JobState.PENDING, JobState.RUNNING}))
def test_a_requeue_of_what_holds_no_process_begins_the_next_attempt_at_once(state: JobState) -> None:
    world = in_state(JobState(state))
    world.when(Requeue(job_id=JOB))
    assert (world.job.state, world.job.attempt) == (JobState.PENDING, 2)
    assert world.when(Requeue(job_id=JOB)) == ()


def test_a_held_job_is_not_reserved_and_waits_from_its_unhold() -> None:
    world = pending(held=True)
    assert world.job.reason == "JobHeldUser"
    assert refused(world.when(RESERVE)) is RejectionCode.WRONG_STATE
    world.when(Unhold(job_id=JOB))
    assert world.job.eligible_at == world.now
    assert isinstance(world.when(RESERVE), tuple)
    assert refused(world.when(Hold(job_id=JOB))) is RejectionCode.WRONG_STATE


def test_a_job_does_not_begin_before_its_time() -> None:
    world = pending(begin_time=START + timedelta(hours=1))
    assert world.job.reason == "BeginTime"
    assert refused(world.when(RESERVE)) is RejectionCode.WRONG_STATE
    world.now = START + timedelta(hours=2)
    assert isinstance(world.when(RESERVE), tuple)


def test_an_old_leader_is_refused_and_a_person_reserving_by_hand_needs_no_term() -> None:
    world = led(pending(), 2)
    old = Reserve(job_id=JOB, node_name=NODE, cpu_ids=(0,), allocation_id=AllocationId(8), term=Term(1))
    assert refused(world.when(old)) is RejectionCode.VERSION_CONFLICT
    assert isinstance(world.when(RESERVE), tuple)


@pytest.mark.parametrize(
    ("cpu_ids", "code"),
    [((0, 1), RejectionCode.INVALID), ((9,), RejectionCode.INVALID), ((), RejectionCode.INVALID)],
)
def test_a_reservation_of_the_wrong_cpus_is_refused(cpu_ids: tuple[int, ...], code: RejectionCode) -> None:
    wrong = Reserve(job_id=JOB, node_name=NODE, cpu_ids=cpu_ids, allocation_id=AllocationId(8))
    assert refused(pending().when(wrong)) is code


def test_a_repeated_reservation_is_recognised_by_its_number() -> None:
    world = pending()
    first = world.when(RESERVE)
    assert isinstance(first, tuple)
    assert isinstance(first[0], ResourcesReserved)
    assert world.when(RESERVE) == ()


def test_a_node_that_is_not_up_takes_no_reservation() -> None:
    drained = pending().given(node_stream(NODE), NodeDrained(reason=None))
    assert refused(drained.when(RESERVE)) is RejectionCode.NODE_DRAINED
    elsewhere = Reserve(
        job_id=JOB, node_name=NodeName("nowhere"), cpu_ids=(0,), allocation_id=AllocationId(8)
    )
    assert refused(pending().when(elsewhere)) is RejectionCode.NODE_UNKNOWN


def test_an_unknown_exit_is_never_success() -> None:
    world = running()
    world.when(release(exit_code=None))
    assert world.job.state is JobState.FAILED
    assert world.job.reason == "ExitUnknown"


def test_a_late_report_is_legal_wherever_the_job_stands() -> None:
    report = LateReport(
        allocation_id=ALLOCATION,
        incarnation=Incarnation(1),
        reason=ReleaseReason.FINISHED,
        exit_code=0,
        exit_signal=None,
    )
    for state in JobState:
        before = in_state(state).job
        after = evolve(before, report, at=START, version=Version(before.version + 1))
        assert after.state is state
        assert after.late_reports == {ALLOCATION}
