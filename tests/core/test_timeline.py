"""Given a job's events, its steps: what happened, how long after the step before, who did it, what caused it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from conductor.core.timeline import Step, timeline
from tests.given import START

ALICE = {"actor": "alice", "channel": "api"}
NODE = {"actor": "executor@node-2", "channel": "executor@node-2 incarnation 1"}


@dataclass(frozen=True, kw_only=True)
class Stored:
    position: int
    version: int
    type: str
    at: datetime
    data: Mapping[str, Any]
    metadata: Mapping[str, Any]
    stream: str = "job-42"


@dataclass
class Story:
    """Events one after another, half a second apart unless said otherwise."""

    events: list[Stored] = field(default_factory=list)

    def then(
        self, kind: str, who: Mapping[str, Any] = NODE, *, after: float = 0.5, cause: str = "", **data: Any
    ) -> "Story":
        at = self.events[-1].at + timedelta(seconds=after) if self.events else START
        metadata = {**who, **({"causation": cause} if cause else {})}
        number = len(self.events) + 1
        self.events.append(
            Stored(position=number * 10, version=number, type=kind, at=at, data=data, metadata=metadata)
        )
        return self

    def last(self) -> Step:
        return timeline(self.events)[-1]


def submitted(**data: Any) -> Story:
    return Story().then(
        "JobSubmitted", ALICE, name="solver", user_name="alice", ntasks_per_node=2, cpus_per_task=2, **data
    )


def reserved(story: Story | None = None, **data: Any) -> Story:
    story = story or submitted(**data)
    at = story.events[-1].at
    return story.then(
        "ResourcesReserved",
        {"actor": "scheduler@a", "channel": "scheduler@a term 3"},
        cause=f"job-42@{len(story.events)}",
        allocation_id=7,
        node_name="node-2",
        cpu_ids=[0, 1],
        expires_at=(at + timedelta(seconds=60.5)).isoformat(),
    )


def running(**data: Any) -> Story:
    return reserved(**data).then("ResourcesAllocated", cause="job-42@2", process={"pid": 4711})


def test_the_first_step_has_no_delay_and_no_cause() -> None:
    step = submitted().last()
    assert (step.what, step.delay_seconds, step.caused_by, step.actor, step.channel) == (
        "submitted", None, None, "alice", "api",
    )  # fmt: skip
    assert step.details == {"name": "solver", "user_name": "alice", "cpus": 4}


def test_a_step_has_its_delay_since_the_one_before_and_its_cause_with_the_position() -> None:
    step = running().last()
    assert (step.what, step.delay_seconds, step.caused_by, step.caused_by_position) == (
        "started",
        0.5,
        "job-42@2",
        20,
    )
    assert step.details == {"node_name": "node-2", "pid": 4711}


def test_another_streams_event_is_a_cause_without_a_position() -> None:
    lost = running().then("ResourcesReleased", cause="node-node-2@9", reason="node_lost", detail="silent")
    step = lost.last()
    assert (step.what, step.caused_by, step.caused_by_position) == ("node_lost", "node-node-2@9", None)


def test_the_end_of_a_cancelled_job_tells_how_long_its_group_took() -> None:
    asked = running().then("CancelRequested", ALICE, reason="wrong input", requeue=False)
    assert (asked.last().what, asked.last().details) == ("cancel_requested", {"reason": "wrong input"})
    step = asked.then("ResourcesReleased", after=0.3, reason="cancelled", exit_signal=15).last()
    assert step.what == "cancelled_running"
    assert step.details["after_seconds"] == 0.3
    assert (step.details["pid"], step.details["node_name"], step.details["exit_signal"]) == (
        4711,
        "node-2",
        15,
    )


@pytest.mark.parametrize(
    ("reason", "before", "after"),
    [
        ("cancelled", "cancelled_reserved", "cancelled_running"),
        ("node_lost", "reservation_lost", "node_lost"),
        ("launch_failed", "launch_failed", "launch_failed"),
        ("expired", "expired", "expired"),
        ("repaired", "repaired", "repaired"),
        ("finished", "finished", "finished"),
        ("timed_out", "timed_out", "timed_out"),
        ("out_of_memory", "out_of_memory", "out_of_memory"),
        ("of a later release", "other", "other"),
    ],
)
def test_a_release_is_told_by_its_reason_and_by_whether_a_process_was_there(
    reason: str, before: str, after: str
) -> None:
    assert reserved().then("ResourcesReleased", reason=reason).last().what == before
    assert running().then("ResourcesReleased", reason=reason).last().what == after


def test_an_expired_reservation_tells_how_long_it_held_and_the_next_one_starts_anew() -> None:
    expired = running_out = reserved().then("ResourcesReleased", after=61, reason="expired")
    assert expired.last().details["expires_in_seconds"] == 60
    again = reserved(running_out).then("ResourcesReleased", reason="cancelled").last()
    assert (again.what, again.attempt) == ("cancelled_reserved", 1)


def test_a_time_limit_is_told_with_the_end() -> None:
    step = (
        running(time_limit_seconds=2)
        .then("ResourcesReleased", after=2.5, reason="timed_out", exit_signal=9)
        .last()
    )
    assert (step.details["time_limit_seconds"], step.details["ran_seconds"]) == (2, 2.5)


def test_a_requeue_begins_an_attempt_and_knows_who_asked_for_it() -> None:
    ended = running().then("CancelRequested", ALICE, reason=None, requeue=True)
    assert ended.last().what == "requeue_requested"
    ended.then("ResourcesReleased", reason="cancelled", exit_signal=15)
    assert ended.last().attempt == 1
    step = ended.then("JobRequeued", cause="job-42@5", attempt=2, automatic=False).last()
    assert (step.what, step.attempt) == ("requeued_as_asked", 2)
    assert step.details == {"by": "alice", "through": "api"}


def test_a_requeue_by_a_person_and_one_by_the_system_are_told_apart() -> None:
    ended = running().then("ResourcesReleased", reason="finished", exit_code=1)
    by_hand = ended.then("JobRequeued", ALICE, attempt=2, reason="again", automatic=False).last()
    assert (by_hand.what, by_hand.details) == ("requeued", {"reason": "again"})
    lost = running().then("ResourcesReleased", reason="node_lost")
    by_itself = lost.then("JobRequeued", attempt=2, reason="its node failed", automatic=True)
    assert by_itself.last().what == "requeued_automatically"
    held = by_itself.then("JobHeld", reason="its nodes failed 6 times", automatic=True).last()
    assert held.what == "held_automatically"


def test_a_late_report_names_the_node_of_its_own_allocation() -> None:
    moved = (
        running().then("ResourcesReleased", reason="node_lost").then("JobRequeued", attempt=2, automatic=True)
    )
    moved.then("ResourcesReserved", allocation_id=8, node_name="node-3", cpu_ids=[0])
    late = moved.then("LateReport", allocation_id=7, incarnation=1, reason="finished", exit_code=0).last()
    assert late.what == "late_report"
    assert late.details == {"node_name": "node-2", "incarnation": 1, "outcome": "finished", "exit_code": 0}


def test_small_steps_are_told_too() -> None:
    story = submitted(held=True)
    assert story.last().details["held"] is True
    assert story.then("JobUnheld", ALICE, reason="go").last().what == "unheld"
    assert story.then("JobReprioritized", ALICE, priority=9).last().details == {"priority": 9}
    assert story.then("JobHeld", ALICE, reason=None).last().what == "held"
    assert story.then("JobCancelled", ALICE, reason=None).last().what == "cancelled_waiting"
    blocked = running().then("CleanupBlocked", pids=[5, 6], detail="in D state").last()
    assert (blocked.what, blocked.details["pids"], blocked.details["reason"]) == (
        "cleanup_blocked",
        [5, 6],
        "in D state",
    )


def test_an_event_of_an_unknown_type_is_a_step_all_the_same() -> None:
    step = submitted().then("JobTeleported", where="moon").last()
    assert (step.what, step.type, step.details) == ("other", "JobTeleported", {"where": "moon"})


def test_data_that_lack_what_is_usual_are_no_failure() -> None:
    """A case file of an older release, say."""
    kinds = (
        "ResourcesReserved",
        "ResourcesAllocated",
        "CleanupBlocked",
        "ResourcesReleased",
        "JobRequeued",
        "LateReport",
    )
    story = Story()
    for kind in kinds:
        story.then(kind, {})
    assert len(timeline(story.events)) == len(kinds)


def test_a_step_as_json_has_what_programs_need() -> None:
    assert running().last().to_json() == {
        "position": 30,
        "at": "2026-01-01T00:00:01+00:00",
        "delay_seconds": 0.5,
        "attempt": 1,
        "what": "started",
        "type": "ResourcesAllocated",
        "actor": "executor@node-2",
        "channel": "executor@node-2 incarnation 1",
        "caused_by": "job-42@2",
        "caused_by_position": 20,
        "details": {"node_name": "node-2", "pid": 4711},
    }
