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

SCHEDULER_STREAM = StreamName("scheduler")
AUDIT_STREAM = StreamName("audit")
PROJECTIONS_STREAM = StreamName("projections")


def job_stream(job_id: JobId) -> StreamName:
    return StreamName(f"job-{job_id}")


def node_stream(node_name: NodeName) -> StreamName:
    return StreamName(f"node-{node_name}")


def job_of_stream(stream: str) -> JobId | None:
    """The job a stream tells of, or None when it tells of something else."""
    kind, _, number = stream.partition("-")
    return JobId(int(number)) if kind == "job" and number.isdecimal() else None
