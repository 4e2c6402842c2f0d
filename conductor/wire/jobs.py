"""Jobs, what they hold, and what acting on them gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from conductor.core.selections import job_name
from conductor.wire.shapes import (
    JobStateName,
    Kept,
    Partly,
    RejectionName,
    Sometimes,
    StatusName,
)

FINAL_STATES = frozenset({"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY"})
ACTIVE_STATES = ("PENDING", "RESERVED", "RUNNING")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The moment of the past that an answer shows."""

    position: int
    time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A job after a wish was granted: cancelled, held, put back.

    Of an array, or some of its tasks, a reader has it with `jobs`, each of them, and `changed`, how many it made a
    difference to; the rest is the first one's.
    """

    job_id: int
    state: JobStateName
    array_job_id: int | None = None
    array_task_id: int | None = None
    reason: str | None = None
    held: bool = False
    priority: int = 0
    attempt: int = 1
    cancel_requested_at: datetime | None = None
    final: bool = False
    version: int = 0
    position: Sometimes[int] = None  # of tasks together, their answer has it
    jobs: SkipJsonSchema[tuple["Changed", ...]] = ()
    changed: SkipJsonSchema[int | None] = None
    refused: SkipJsonSchema[tuple[Mapping[str, Any], ...]] = ()
    raw: Kept = field(default_factory=dict, repr=False, compare=False)

    @property
    def called(self) -> str:
        """As people call it: `42`, or `42_7`."""
        return job_name(self.job_id, self.array_job_id, self.array_task_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedTask:
    """A task of an array that would not."""

    job_id: int
    code: RejectionName
    message: str
    state: JobStateName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedTasks:
    """The tasks of an array that were named, after something was asked of each."""

    array_job_id: int
    changed: int
    jobs: tuple[Changed, ...]
    refused: tuple[RefusedTask, ...]
    position: int
    state: Sometimes[JobStateName] = None  # the first one's, for clients of the original system


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningSignal:
    """The signal that a job wants before its time limit."""

    number: int
    seconds: int
    batch_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What an executor needs to start a job, but for its script and its own environment, which have their own paths."""

    name: str
    user_name: str
    submitted_by: str
    work_dir: str | None
    script_sha256: str
    has_environment: bool
    standard_environment: Mapping[str, str]
    stdout_path: str | None
    stderr_path: str | None
    join_output: bool
    time_limit_seconds: int | None
    kill_grace_seconds: float
    signal: WarningSignal | None
    requeue: bool
    cancel_requested_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """CPUs promised to a job, or in use by its process."""

    node_name: str
    status: StatusName
    id: int | None = None
    job_id: int | None = None
    attempt: int | None = None
    allocated_cpus: int | None = None
    cpu_ids: tuple[int, ...] = ()
    memory_mb: int | None = None
    gres: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    process_id: int | None = None
    boot_id: str | None = None
    pid_namespace: str | None = None
    process_start_ticks: int | None = None
    reservation_time: datetime | None = None
    expires_at: datetime | None = None
    allocation_time: datetime | None = None
    release_time: datetime | None = None
    release_reason: str | None = None
    exit_code: int | None = None
    exit_signal: int | None = None
    cpu_seconds: float | None = None
    memory_peak_mb: int | None = None
    version: int | None = None
    unsupervised: bool | None = None
    launch: Sometimes[Launch] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationPage:
    """Some allocations, newest first, and the cursor that leads to older ones."""

    allocations: tuple[Allocation, ...]
    next: int | None = None
    as_of: Sometimes[Moment] = None
    raw: Kept = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayOverview:
    """Of an array, beside its first task: how many tasks it has, and how they stand."""

    array_job_id: int = 0
    tasks: int = 0
    jobs_by_state: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the API shows it: the columns of `jobs`, and what goes with them.

    In a list: where it runs. When one job is asked for: its allocation, its times and the ends of its outputs.
    """

    id: int
    state: JobStateName
    name: str = ""
    reason: str | None = None
    told_final: Annotated[bool, Field(alias="final")] = False  # `final` says the same of any job
    user_name: str = ""
    account: str | None = None
    submitted_by: str | None = None
    script_sha256: str | None = None
    environment_id: str | None = None
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
    time_limit: int | None = None
    time_limit_seconds: int | None = None
    priority: int = 0
    held: bool = False
    requeue: bool = False
    begin_time: datetime | None = None
    dependency: str | None = None
    signal: str | None = None
    array_job_id: int | None = None
    array_task_id: int | None = None
    array_spec: str | None = None
    folded_tasks: Sometimes[int] = None
    folded_task_ids: Sometimes[str] = None
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
    node_name: Partly[str | None] = None
    process_id: Partly[int | None] = None
    resource_allocation: Partly[Allocation | None] = None
    array: Sometimes[ArrayOverview] = None
    stdout: Partly[str | None] = None
    stdout_bytes: Partly[int | None] = None
    stdout_truncated: Partly[bool] = False
    stdout_note: Partly[str | None] = None
    stderr: Partly[str | None] = None
    stderr_bytes: Partly[int | None] = None
    stderr_truncated: Partly[bool] = False
    stderr_note: Partly[str | None] = None
    wait_seconds: Partly[float | None] = None
    run_seconds: Partly[float | None] = None
    as_of: Sometimes[Moment] = None
    raw: Kept = field(default_factory=dict, repr=False, compare=False)

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
    next: int | str | None = None
    as_of: Sometimes[Moment] = None
    raw: Kept = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnvironment:
    """The environment variables that a job was submitted with."""

    job_id: int
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTaken:
    """How far an output that is sent has come: `offset` is where the next piece begins."""

    job_id: int
    attempt: int
    stream: str
    offset: int
