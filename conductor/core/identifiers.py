"""Names for numbers: every id, version and position has a type of its own, so that no two can be mixed up."""

from typing import NewType

JobId = NewType("JobId", int)
AllocationId = NewType("AllocationId", int)
NodeName = NewType("NodeName", str)
Incarnation = NewType("Incarnation", int)  # one life of a node's executor; only grows
Term = NewType("Term", int)  # one leadership of a scheduler; only grows
StreamName = NewType("StreamName", str)
Version = NewType("Version", int)  # an event's place in its stream, from 1
Position = NewType("Position", int)  # an event's number in the whole log, from 1
EventReference = NewType("EventReference", str)  # an event by its place in its stream: job-42@3

SCHEDULER_STREAM = StreamName("scheduler")
POLICY_STREAM = StreamName("policy")
AUDIT_STREAM = StreamName("audit")
PROJECTIONS_STREAM = StreamName("projections")
TOKENS_STREAM = StreamName("tokens")


def job_stream(job_id: JobId) -> StreamName:
    return StreamName(f"job-{job_id}")


def node_stream(node_name: NodeName) -> StreamName:
    return StreamName(f"node-{node_name}")


def event_reference(stream: StreamName, version: Version) -> EventReference:
    """What names an event before it has a position, and for ever after. No stream's name has an @."""
    return EventReference(f"{stream}@{version}")


def referred_event(reference: str) -> tuple[StreamName, Version]:
    """The stream and the version that a reference names. Raises `ValueError`."""
    stream, _, version = reference.rpartition("@")
    return StreamName(stream), Version(int(version))


def job_of_stream(stream: str) -> JobId | None:
    """The job a stream tells of, or None when it tells of something else."""
    kind, _, number = stream.partition("-")
    return JobId(int(number)) if kind == "job" and number.isdecimal() else None
