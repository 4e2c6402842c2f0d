"""CPUs promised to a job, then used by one attempt of it; and what each event makes of that.

Refuses to know what becomes of the job (`job.evolve` does).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from conductor.core.events import (
    ImportedAllocationClosed,
    ImportOutcome,
    JobImported,
    ProcessIdentity,
    ReleaseReason,
    ResourcesAllocated,
    ResourcesReleased,
    ResourcesReserved,
)
from conductor.core.identifiers import AllocationId, NodeName, Version


class AllocationStatus(StrEnum):
    RESERVED = "reserved"
    ALLOCATED = "allocated"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """CPUs promised to, then used by, one attempt."""

    allocation_id: AllocationId
    attempt: int
    node_name: NodeName
    cpu_ids: tuple[int, ...]
    cpu_block: int
    memory_mb: int | None
    status: AllocationStatus
    reserved_at: datetime
    expires_at: datetime
    version: Version
    process: ProcessIdentity | None = None
    gres: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    allocated_at: datetime | None = None
    released_at: datetime | None = None
    release: ResourcesReleased | None = None
    imported_cpus: int | None = None  # the original system counted CPUs and numbered none
    imported_pid: int | None = None  # and of a process it knew no more than this
    never_given_back: bool = (
        False  # by the original system; here it holds nothing, but nobody has closed it yet
    )

    @property
    def live(self) -> bool:
        return self.status is not AllocationStatus.RELEASED

    @property
    def cpus(self) -> int:
        return len(self.cpu_ids) if self.imported_cpus is None else self.imported_cpus


def reserved(event: ResourcesReserved, at: datetime, version: Version) -> Allocation:
    return Allocation(
        allocation_id=event.allocation_id,
        attempt=event.attempt,
        node_name=event.node_name,
        cpu_ids=event.cpu_ids,
        cpu_block=event.cpu_block,
        memory_mb=event.memory_mb,
        status=AllocationStatus.RESERVED,
        reserved_at=at,
        expires_at=event.expires_at,
        version=version,
        gres=event.gres,
    )


def allocated(before: Allocation, event: ResourcesAllocated, at: datetime, version: Version) -> Allocation:
    return replace(
        before,
        status=AllocationStatus.ALLOCATED,
        process=event.process,
        allocated_at=at,
        version=version,
    )


def released(before: Allocation, event: ResourcesReleased, at: datetime, version: Version) -> Allocation:
    return replace(
        before,
        status=AllocationStatus.RELEASED,
        released_at=at,
        release=event,
        version=version,
    )


def imported(event: JobImported, at: datetime, version: Version) -> Allocation | None:
    """One that the original system made. Whatever it says of it, here it holds nothing: no CPU of it has a number.

    It ends at the last time that the original noted of it: given back, its job's end, or its own start.
    """
    known = event.allocation
    if known is None:
        return None
    since = known.allocated_at or event.started_at or event.submitted_at or at
    used = known.pid is not None or event.started_at is not None or known.status == AllocationStatus.ALLOCATED
    begun_at = event.started_at or since
    ended_at = (known.released_at if known.given_back else None) or event.ended_at or begun_at
    return Allocation(
        allocation_id=known.allocation_id,
        attempt=1,
        node_name=known.node_name,
        cpu_ids=(),
        cpu_block=0,
        memory_mb=None,
        status=AllocationStatus.RELEASED,
        reserved_at=since,
        expires_at=since,
        version=version,
        allocated_at=begun_at if used else None,
        released_at=max(begun_at, ended_at),  # given to a job that was cancelled meanwhile
        release=_release_there(event, known.allocation_id),
        never_given_back=not known.given_back,
        imported_cpus=known.cpus,
        imported_pid=known.pid,
    )


def _release_there(event: JobImported, allocation_id: AllocationId) -> ResourcesReleased:
    reasons = {
        ImportOutcome.WAITING: ReleaseReason.EXPIRED,
        ImportOutcome.CANCELLED: ReleaseReason.CANCELLED,
    }
    return ResourcesReleased(
        allocation_id=allocation_id,
        reason=reasons.get(event.outcome, ReleaseReason.FINISHED),
        exit_code=event.exit_code,
        exit_signal=event.exit_signal,
    )


def closed(before: Allocation, event: ImportedAllocationClosed, version: Version) -> Allocation:
    """Its times stay: it was of no use to anybody since then, whenever somebody says so."""
    assert before.release is not None
    release = replace(before.release, reason=ReleaseReason.REPAIRED, detail=event.detail)
    return replace(before, release=release, never_given_back=False, version=version)
