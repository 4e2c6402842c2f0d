"""Why a job waits: words by their codes, with the sentence beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from conductor.wire.jobs import Moment
from conductor.wire.shapes import JobStateName, Kept, Raw, Sometimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A sentence, and the code and values that it was made of."""

    code: str
    parameters: Raw
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A job that holds something of what is missing; `ends_by` is null when it has no time limit."""

    job_id: int
    name: str
    user_name: str
    node_name: str
    cpus: int
    holds: Mapping[str, int]
    ends_by: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """The job that no other may delay; without a time: as soon as there is room on this node."""

    job_id: int
    node_name: str | None
    starts_at: datetime | None
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedJob:
    """A job that another waits for."""

    job_id: int
    name: str
    state: JobStateName
    reason: str | None
    ends_by: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A condition of a dependency, and the first jobs that it still waits for."""

    code: str
    parameters: Raw
    sentence: str
    jobs: tuple[AwaitedJob, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What would help, and the line to type where there is one."""

    code: str
    parameters: Raw
    sentence: str
    command: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeArray:
    """The array that was asked about: how many tasks are in which state."""

    job_id: int
    tasks: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`reason` is null for a job that does not wait. Holders and jobs ahead are the first few of as many as counted."""

    job_id: int
    state: JobStateName
    reason: str | None
    sentence: str
    told: Told
    holders: tuple[Holder, ...]
    holders_count: int
    ahead: tuple[int, ...]
    ahead_names: tuple[str, ...]
    ahead_count: int
    protected: Protected | None
    protection_told: Told | None
    starts_by: datetime | None
    starts_by_told: Told | None
    remedies: tuple[Remedy, ...]
    said: tuple[Told, ...]
    awaited: tuple[Awaited, ...]
    array_job_id: int | None
    array_task_id: int | None
    position: int
    at: datetime
    leases: str
    array: Sometimes[WholeArray] = None
    as_of: Sometimes[Moment] = None
    raw: Kept = field(default_factory=dict, repr=False, compare=False)
