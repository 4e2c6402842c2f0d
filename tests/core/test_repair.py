"""What a person may take back, and what he may only take note of."""

from dataclasses import replace

import pytest

from conductor.core.cluster import Cluster
from conductor.core.commands import AcknowledgeFinding, Cancel, Repair, Requeue
from conductor.core.errors import IllegalTransition, RejectionCode
from conductor.core.events import (
    Event,
    FindingAcknowledged,
    JobHeld,
    Provenance,
    RecordedEvent,
    ReleaseReason,
    ResourcesReleased,
)
from conductor.core.identifiers import (
    AUDIT_STREAM,
    AllocationId,
    JobId,
    NodeName,
    Position,
    StreamName,
    Version,
    job_stream,
    node_stream,
)
from conductor.core.job import JobState
from tests.given import START, World, pending, refused, registered, running, with_reservation

JOB = JobId(1)
BY_NUMBER = Repair(finding="process_missing", allocation_id=AllocationId(7), job_id=JOB, reason="it is gone")
BY_JOB = Repair(finding="process_missing", job_id=JOB)
NOTED = AcknowledgeFinding(code="hash_broken", subject="position 17", reason="a test")


@pytest.mark.parametrize(
    ("world", "state"), [(with_reservation, JobState.PENDING), (running, JobState.FAILED)]
)
@pytest.mark.parametrize(
    ("command", "detail"), [(BY_NUMBER, "process_missing: it is gone"), (BY_JOB, "process_missing")]
)
def test_a_repair_takes_back_what_is_live(
    world: object, state: JobState, command: Repair, detail: str
) -> None:
    given: World = world()  # type: ignore[operator]
    assert given.when(command) == (
        ResourcesReleased(allocation_id=AllocationId(7), reason=ReleaseReason.REPAIRED, detail=detail),
    )
    assert given.job.state is state
    assert given.job.allocation is None or not given.job.allocation.live


def test_after_a_repair_no_next_attempt_begins_by_itself_even_where_one_was_asked_for() -> None:
    world = running(requeue=True)
    world.when(Requeue(job_id=JOB))
    [released] = world.when(BY_JOB)  # type: ignore[misc]
    assert isinstance(released, ResourcesReleased)
    assert (world.job.state, world.job.attempt) == (JobState.FAILED, 1)
    world.when(Requeue(job_id=JOB))
    assert (world.job.state, world.job.attempt) == (JobState.PENDING, 2)


def test_what_is_not_live_is_not_taken_back() -> None:
    assert refused(pending().when(BY_JOB)) is RejectionCode.WRONG_STATE
    assert refused(pending().when(BY_NUMBER)) is RejectionCode.NOT_FOUND
    assert refused(World().when(BY_JOB)) is RejectionCode.NOT_FOUND
    ended = with_reservation()
    ended.when(Cancel(job_id=JOB))
    assert refused(ended.when(BY_JOB)) is RejectionCode.WRONG_STATE
    assert refused(ended.when(BY_NUMBER)) is RejectionCode.WRONG_STATE


def test_a_finding_is_acknowledged_once_for_each_reason() -> None:
    world = World()
    event = FindingAcknowledged(code="hash_broken", subject="position 17", reason="a test")
    assert world.when(NOTED) == (event,)
    assert world.when(NOTED) == ()
    again = replace(NOTED, reason="it was rewritten once more")
    assert world.when(again) == (replace(event, reason="it was rewritten once more"),)


def test_what_an_event_mends_is_not_acknowledged() -> None:
    world = World()
    command = AcknowledgeFinding(code="cancel_stuck", subject="allocation 7", reason="no matter")
    assert refused(world.when(command)) is RejectionCode.INVALID


def test_the_schedulers_memory_passes_over_what_people_noted_also_with_a_node_of_that_name() -> None:
    cluster = Cluster()
    told: list[tuple[StreamName, Event]] = [
        (node_stream(NodeName("audit")), registered(NodeName("audit"))),
        (AUDIT_STREAM, FindingAcknowledged(code="hash_broken", subject="position 17", reason="a test")),
    ]
    for position, (stream, event) in enumerate(told, start=1):
        cluster.apply(
            RecordedEvent(
                position=Position(position),
                stream=stream,
                version=Version(1),
                event=event,
                at=START,
                recorded_at=START,
                provenance=Provenance(actor="tester", channel="test"),
            )
        )
    assert cluster.position == 2
    assert cluster.nodes[NodeName("audit")].node.version == 1


def test_streams_do_not_mix() -> None:
    event = FindingAcknowledged(code="hash_broken", subject="position 17", reason="a test")
    with pytest.raises(IllegalTransition):
        pending().given(job_stream(JOB), event)
    with pytest.raises(IllegalTransition):
        World().given(AUDIT_STREAM, event).given(AUDIT_STREAM, JobHeld(reason=None))
