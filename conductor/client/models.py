"""What a client sends and what comes back, as frozen values with the contract's names.

Promises: a key that a newer server adds is ignored here and kept in `raw`, the answer as it came.
Refuses to know: how anything travels.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from conductor.client.errors import UnexpectedAnswer
from conductor.core.selections import job_name

FINAL_STATES = frozenset({"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY"})
ACTIVE_STATES = ("PENDING", "RESERVED", "RUNNING")

Shape = TypeVar("Shape")
Raw = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A script to run. What is None is left to the script's own lines, and then to the server's defaults."""

    script: str
    name: str | None = None
    cpus: int | None = None
    ntasks_per_node: int | None = None
    cpus_per_task: int | None = None
    memory_mb: int | None = None
    time_limit: int | str | None = None
    work_dir: str | None = None
    environment: Mapping[str, str] | None = None
    priority: int | None = None
    nice: int | None = None
    user_name: str | None = None
    account: str | None = None
    requeue: bool | None = None
    hold: bool | None = None
    begin_time: datetime | None = None
    stdout_path: str | None = None
    stderr_path: str | None = None
    comment: str | None = None
    signal: str | None = None
    nodelist: str | Sequence[str] | None = None  # `n1,n[2-4]`, or names
    labels: str | Mapping[str, str] | None = None  # `zone=a&arch=arm64`, or values by name
    exclusive: bool | None = None
    gres: str | Mapping[str, int] | None = None  # `gpu:2,licence:1`, or counts by name
    array: str | None = None  # `0-99%10`
    dependency: str | None = None  # `afterok:41:42_7`

    def to_json(self) -> Raw:
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in given.items()
            if value is not None
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A job, or an array of jobs, that the log knows now. `warnings`: what of its script's own lines was ignored."""

    job_id: int
    state: str
    array_tasks: int | None = None  # of an array, whose number `job_id` is
    position: int | None = None
    warnings: tuple[str, ...] = ()
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedBatch:
    """Several jobs that came into being together, in the order they were given."""

    jobs: tuple[Submitted, ...]
    position: int | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A job after a wish was granted: cancelled, held, put back.

    Of an array, or some of its tasks: `jobs` has each of them, `changed` counts those that it made a difference to;
    the rest is the first one's.
    """

    job_id: int
    state: str
    array_job_id: int | None = None
    array_task_id: int | None = None
    cancel_requested_at: datetime | None = None
    position: int | None = None
    jobs: tuple["Changed", ...] = ()
    changed: int | None = None
    refused: tuple[Raw, ...] = ()
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @property
    def called(self) -> str:
        """As people call it: `42`, or `42_7`."""
        return job_name(self.job_id, self.array_job_id, self.array_task_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """CPUs promised to a job, or in use by its process."""

    node_name: str
    status: str
    id: int | None = None
    job_id: int | None = None
    attempt: int | None = None
    allocated_cpus: int | None = None
    cpu_ids: tuple[int, ...] = ()
    memory_mb: int | None = None
    gres: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    process_id: int | None = None
    boot_id: str | None = None
    reservation_time: datetime | None = None
    expires_at: datetime | None = None
    allocation_time: datetime | None = None
    release_time: datetime | None = None
    release_reason: str | None = None
    exit_code: int | None = None
    exit_signal: int | None = None
    cpu_seconds: float | None = None
    memory_peak_mb: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the API shows it: the columns of `jobs`, and what goes with them when one job is asked for."""

    id: int
    state: str
    name: str = ""
    reason: str | None = None
    user_name: str = ""
    account: str | None = None
    submitted_by: str | None = None
    work_dir: str | None = None
    ntasks_per_node: int = 1
    cpus_per_task: int = 1
    total_cpus_required: int = 1
    allocated_cpus: int | None = None
    memory_mb: int | None = None
    nodelist: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    exclusive: bool = False
    gres: Mapping[str, int] = field(default_factory=dict)
    time_limit_seconds: int | None = None
    priority: int = 0
    held: bool = False
    requeue: bool = False
    begin_time: datetime | None = None
    dependency: str | None = None
    array_job_id: int | None = None
    array_task_id: int | None = None
    array_spec: str | None = None
    folded_tasks: int | None = None
    folded_task_ids: str | None = None
    submit_time: datetime | None = None
    eligible_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    cancel_requested_at: datetime | None = None
    exit_code: int | None = None
    exit_signal: int | None = None
    stdout_path: str | None = None
    stderr_path: str | None = None
    comment: str | None = None
    attempt: int = 1
    version: int | None = None
    node_name: str | None = None
    resource_allocation: Allocation | None = None
    stdout: str | None = None
    stderr: str | None = None
    stdout_bytes: int | None = None
    stderr_bytes: int | None = None
    stdout_truncated: bool = False
    stdout_note: str | None = None
    stderr_truncated: bool = False
    wait_seconds: float | None = None
    run_seconds: float | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)

    @property
    def final(self) -> bool:
        return self.state in FINAL_STATES

    @property
    def called(self) -> str:
        """`42`, or `42_7` when it is a task of an array, or `42_[8-99%10]` for several that wait."""
        if self.folded_task_ids is not None:
            _, percent, limit = (self.array_spec or "").partition("%")
            return f"{self.array_job_id}_[{self.folded_task_ids}{percent}{limit}]"
        return job_name(self.id, self.array_job_id, self.array_task_id)

    @property
    def node(self) -> str | None:
        """Where it runs or ran, when the answer says so."""
        return self.resource_allocation.node_name if self.resource_allocation else self.node_name


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """Some jobs, and the cursor that leads to the next ones."""

    jobs: tuple[Job, ...]
    next: str | int | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node and its CPUs."""

    name: str
    state: str
    reason: str | None = None
    total_cpus: int = 0
    used_cpus: int | None = None
    reserved_cpus: int | None = None
    free_cpus: int | None = None
    running_jobs: int | None = None
    cpu_ids: tuple[int, ...] = ()
    memory_mb: int | None = None
    held_memory_mb: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    gres: Mapping[str, int] = field(default_factory=dict)
    held_gres: Mapping[str, int] = field(default_factory=dict)
    numa: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    incarnation: int | None = None
    boot_id: str | None = None
    spool_id: str | None = None
    registered_at: datetime | None = None
    lease_renewed_at: datetime | None = None
    lease_expires_at: datetime | None = None
    lease_live: bool | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """Every node that is registered."""

    nodes: tuple[Node, ...]
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process that a job ran as. `ended_by` is empty when it ended by itself or at its limit."""

    process_id: int
    node_name: str
    job_id: int
    attempt: int
    start_time: datetime
    allocation_id: int | None = None
    job_name: str = ""
    user_name: str = ""
    account: str | None = None
    boot_id: str | None = None
    pid_namespace: str | None = None
    process_start_ticks: int | None = None
    end_time: datetime | None = None
    exit_code: int | None = None
    exit_signal: int | None = None
    release_reason: str | None = None
    submitted_by: str | None = None
    submitted_through: str | None = None
    ended_by: str | None = None
    ended_through: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPage:
    """Some processes, newest first, and the cursor that leads to older ones."""

    processes: tuple[Process, ...]
    next: int | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact of the log, in its place."""

    position: int
    stream: str
    version: int
    type: str
    at: datetime
    data: Raw = field(default_factory=dict)
    metadata: Raw = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of the log: whoever remembers this can tell later whether the past was changed."""

    position: int
    hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Some events in the order of the log, where to go on, and where the log ends."""

    events: tuple[Event, ...]
    next: int | None = None
    head: Head | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The cluster in numbers: `total = used + reserved + available + unavailable` CPUs."""

    total_cpus: int = 0
    used_cpus: int = 0
    reserved_cpus: int = 0
    available_cpus: int = 0
    unavailable_cpus: int = 0
    utilization: float = 0.0
    total_jobs: int = 0
    running_jobs: int = 0
    reserved_jobs: int = 0
    pending_jobs: int = 0
    jobs_by_state: Mapping[str, int] = field(default_factory=dict)
    oldest_pending_seconds: float | None = None
    nodes: Mapping[str, int] = field(default_factory=dict)
    position: int | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


def read(shape: type[Shape], raw: object) -> Shape:
    """An answer as a value of this shape."""
    if not isinstance(raw, dict):
        raise UnexpectedAnswer("the server answered with something that is no JSON object; is the URL right?")
    try:
        value: Shape = _reader(cast(Hashable, shape)).validate_python({**raw, "raw": raw})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UnexpectedAnswer(
            f"the server's answer does not fit this client ({where}: {first['msg']}); "
            "are both of one version?"
        ) from None
    return value


@cache
def _reader(shape: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, shape))
