"""Jobs of the original system: what they become, that they hold nothing, and how a leak of theirs is closed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from conductor.core.commands import Cancel, ImportJob, Repair, Requeue, Reserve, Submit, Unhold
from conductor.core.errors import IllegalTransition, RejectionCode
from conductor.core.events import (
    ImportedAllocation,
    ImportedAllocationClosed,
    ImportOutcome,
    JobHeld,
    JobImported,
    JobSubmitted,
)
from conductor.core.identifiers import AllocationId, JobId, NodeName, job_stream
from conductor.core.job import JobState
from projections.allocations import allocation_row
from projections.jobs import job_row
from projections.ledger import Ledger
from tests.given import NODE, World, one_node, pending, refused, running, submitted

JOB = JobId(1)
THEN = datetime(2025, 11, 8, 2, tzinfo=UTC)
STARTED, ENDED = THEN.replace(minute=1), THEN.replace(minute=9)
LEAK = ImportedAllocation(
    allocation_id=AllocationId(31), node_name=NodeName("old-1"), cpus=2, status="allocated", given_back=False, pid=4711,
    allocated_at=THEN,
)  # fmt: skip
CLOSE = Repair(finding="imported_never_released", allocation_id=AllocationId(31), job_id=JOB, reason="seen")


def imported(outcome: str = "failed", state: str = "FAILED", **changes: Any) -> JobImported:
    fields: dict[str, Any] = {"submitted_at": THEN, "started_at": STARTED, "ended_at": ENDED, **changes}
    return JobImported(source="scns", state=state, outcome=ImportOutcome(outcome), **fields)


def taking_in(event: JobImported) -> ImportJob:
    submission = Submit(script="true\r\n", user_name="fluids", submitted_by="SCNS-Conductor", job_id=JOB)
    return ImportJob(submission=submission, imported=event)


def taken_in(event: JobImported) -> World:
    world = one_node()
    outcome = world.when(taking_in(event))
    assert isinstance(outcome, tuple)
    return world


def test_a_job_is_submitted_held_and_imported_at_once() -> None:
    outcome = one_node().when(taking_in(imported()))
    assert isinstance(outcome, tuple)
    first, second = outcome
    assert isinstance(first, JobSubmitted)
    assert (first.job_id, first.held, first.script_bytes, first.name) == (1, True, 6, "job_1")
    assert second == imported()


@pytest.mark.parametrize(
    ("event", "state", "reason", "exits"),
    [
        (imported("completed", "COMPLETED", exit_code=0), JobState.COMPLETED, None, (0, None)),
        (imported(exit_code=3, error="Exited with code 3"), JobState.FAILED, "NonZeroExitCode", (3, None)),
        (imported(exit_signal=9), JobState.FAILED, "RaisedSignal", (None, 9)),
        (imported(error="worker lost"), JobState.FAILED, "ExitUnknown: worker lost", (None, None)),
        (imported(state="RUNNING"), JobState.FAILED, "ExitUnknown", (None, None)),
        (imported("cancelled", "CANCELLED"), JobState.CANCELLED, "Cancelled", (None, None)),
    ],
)
def test_what_ended_there_has_ended_here_at_its_times(
    event: JobImported, state: JobState, reason: str | None, exits: tuple[int | None, int | None]
) -> None:
    job = taken_in(event).job
    assert (job.state, job.reason, (job.exit_code, job.exit_signal)) == (state, reason, exits)
    assert (job.submitted_at, job.started_at, job.ended_at) == (THEN, STARTED, ENDED)
    assert not job.held


def test_an_end_that_nobody_noted_is_the_time_of_the_import() -> None:
    world = taken_in(imported(state="RUNNING", ended_at=None))
    assert world.job.ended_at == world.now


def test_what_waited_there_is_held_until_a_person_lets_it_go() -> None:
    world = taken_in(imported("waiting", "PENDING", started_at=None, ended_at=None, allocation=LEAK))
    job = world.job
    assert (job.state, job.held, job.reason, job.allocation) == (JobState.PENDING, True, "JobHeldUser", None)
    assert [past.allocation_id for past in job.past_allocations] == [31]
    reserve = Reserve(job_id=JOB, node_name=NODE, cpu_ids=(0,), allocation_id=AllocationId(40))
    assert refused(world.when(reserve)) is RejectionCode.WRONG_STATE
    world.when(Unhold(job_id=JOB))
    world.when(reserve)
    assert world.job.state is JobState.RESERVED


@pytest.mark.parametrize(("given_back", "reason"), [(True, "finished"), (False, None)])
def test_its_allocation_is_history_that_holds_nothing(given_back: bool, reason: str | None) -> None:
    known = replace(LEAK, given_back=given_back, released_at=ENDED if given_back else None)
    job = taken_in(imported(exit_code=3, allocation=known)).job
    assert job.allocation is not None
    assert not job.allocation.live
    row = allocation_row(job, job.allocation)
    assert (row["status"], row["release_reason"], row["release_time"]) == ("released", reason, ENDED)
    assert (row["allocated_cpus"], row["cpu_ids"], row["cpu_spans"]) == (2, [], "{}")
    assert (row["process_id"], row["boot_id"], row["process_start_ticks"]) == (4711, None, None)
    assert (row["exit_code"], job_row(job)["allocated_cpus"]) == (3, 2)


def test_the_ledger_has_no_part_in_it() -> None:
    ledger = Ledger()
    closed = ImportedAllocationClosed(allocation_id=AllocationId(31), detail=None)
    assert [*ledger.book(imported(allocation=LEAK)), *ledger.book(closed)] == []


def test_a_number_is_taken_in_once() -> None:
    assert refused(taken_in(imported()).when(taking_in(imported()))) is RejectionCode.WRONG_STATE
    assert refused(pending().when(taking_in(imported()))) is RejectionCode.WRONG_STATE


def test_an_import_is_the_second_event_of_its_stream_and_no_later_one() -> None:
    with pytest.raises(IllegalTransition, match="second"):
        pending().given(job_stream(JOB), JobHeld(reason=None), imported())
    with pytest.raises(IllegalTransition, match="cannot follow"):
        World().given(job_stream(JOB), imported())
    with pytest.raises(IllegalTransition, match="cannot follow"):
        taken_in(imported()).given(job_stream(JOB), imported())


@pytest.mark.parametrize("outcome", ["failed", "waiting"])
def test_a_repair_closes_what_was_never_given_back_once_and_changes_no_job(outcome: str) -> None:
    world = taken_in(imported(outcome, allocation=LEAK))
    before = world.job
    assert world.when(CLOSE) == (
        ImportedAllocationClosed(allocation_id=AllocationId(31), detail="imported_never_released: seen"),
    )
    job = world.job
    assert (job.state, job.reason, job.ended_at) == (before.state, before.reason, before.ended_at)
    allocation = job.allocation_of(AllocationId(31))
    assert allocation is not None
    row = allocation_row(job, allocation)
    assert (row["release_reason"], row["release_time"], row["version"]) == (
        "repaired",
        before.ended_at or row["release_time"],
        3,
    )
    assert refused(world.when(CLOSE)) is RejectionCode.WRONG_STATE


def test_it_can_still_be_closed_when_the_job_has_gone_on() -> None:
    world = taken_in(imported(allocation=LEAK))
    world.when(Requeue(job_id=JOB))
    assert (world.job.state, world.job.attempt, world.job.held) == (JobState.PENDING, 2, False)
    assert isinstance(world.when(CLOSE), tuple)
    world.when(Cancel(job_id=JOB))
    assert world.job.state is JobState.CANCELLED


def test_nothing_else_is_closed_this_way() -> None:
    closed = ImportedAllocationClosed(allocation_id=AllocationId(7), detail=None)
    with pytest.raises(IllegalTransition, match="never given back"):
        running().given(job_stream(JOB), closed)
    given_back = taken_in(imported(allocation=replace(LEAK, given_back=True)))
    assert refused(given_back.when(CLOSE)) is RejectionCode.WRONG_STATE
    with pytest.raises(IllegalTransition, match="cannot follow"):
        World().given(job_stream(JOB), closed)


def test_a_wide_job_of_a_wider_cluster_is_taken_in_all_the_same() -> None:
    wide = ImportJob(
        submission=Submit(
            script="true\n", user_name="fluids", submitted_by="x", cpus_per_task=64, job_id=JOB
        ),
        imported=imported(),
    )
    assert isinstance(one_node().when(wide, widest_node_cpus=4), tuple)


def test_a_plain_submission_is_not_changed_by_any_of_this() -> None:
    assert pending().job.submitted == submitted()
