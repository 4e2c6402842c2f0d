"""The queue in the order in which the scheduler looks at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from conductor.wire.shapes import Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedJob:
    """A waiting job and its place."""

    place: int
    job_id: int
    array_job_id: int | None
    array_task_id: int | None
    name: str | None
    user_name: str
    account: str | None
    reason: str | None
    priority: int
    effective_priority: float
    total_cpus_required: int
    time_limit_seconds: int | None
    submit_time: datetime
    eligible_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceUse:
    """Of one kind of licence."""

    total: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The first of the waiting jobs, how many wait in all, and the licences in use."""

    jobs: tuple[QueuedJob, ...]
    waiting: int
    licences: Mapping[str, LicenceUse]
    position: int
    at: datetime
    raw: Kept = field(default_factory=dict, repr=False, compare=False)
