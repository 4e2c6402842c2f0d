"""Every fact that Conductor records, in the past tense. An event never changes once it is in the log.

Shapes are frozen: a field that is added, dropped or given another meaning needs a new schema version and an
upcaster in `codec`. Times are aware datetimes in UTC; CPU numbers are sorted tuples.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from conductor.core.identifiers import (
    AllocationId,
    EventReference,
    Incarnation,
    JobId,
    NodeName,
    Position,
    StreamName,
    Term,
    Version,
)
from conductor.core.made_quickly import made_quickly
from conductor.core.token_events import TokenEvent


class ReleaseReason(StrEnum):
    """Why an allocation ended."""

    FINISHED = "finished"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    EXPIRED = "expired"
    LAUNCH_FAILED = "launch_failed"
    NODE_LOST = "node_lost"
    OUT_OF_MEMORY = "out_of_memory"
    REPAIRED = "repaired"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """A process that no other can be taken for: a PID alone is reused, together these are not."""

    pid: int
    boot_id: str
    start_ticks: int
    pid_namespace: str | None = None


@made_quickly
@dataclass(frozen=True, slots=True, kw_only=True)
class JobSubmitted:
    job_id: JobId
    name: str
    user_name: str
    account: str | None
    submitted_by: str
    script_sha256: str
    script_bytes: int
    environment_id: str | None
    work_dir: str | None
    ntasks_per_node: int
    cpus_per_task: int
    memory_mb: int | None
    time_limit_seconds: int | None
    priority: int
    held: bool
    requeue: bool
    begin_time: datetime | None
    dependency: str | None
    array_job_id: JobId | None
    array_task_id: int | None
    stdout_path: str | None
    stderr_path: str | None
    comment: str | None
    signal: str | None = None
    array: str | None = None  # of a task: the whole array as it was asked for, `0-99:2%10`
    nodelist: tuple[NodeName, ...] = ()  # one of these; empty: any
    labels: Mapping[str, str] = field(default_factory=dict)  # the node must carry all of them
    exclusive: bool = False  # every CPU of the node, and nobody beside it
    gres: Mapping[str, int] = field(default_factory=dict)  # generic resources: how many of each name

    @property
    def total_cpus(self) -> int:
        """What it asks for; an exclusive job gets all that its node has."""
        return self.ntasks_per_node * self.cpus_per_task


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHeld:
    """`automatic`: not a person held it, but its nodes failed it too often."""

    reason: str | None
    automatic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUnheld:
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyMet:
    """What the job waited for has happened; it stays met, whatever becomes of those jobs later."""

    dependency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReprioritized:
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcesReserved:
    allocation_id: AllocationId
    attempt: int
    node_name: NodeName
    cpu_ids: tuple[int, ...]
    cpu_block: int
    memory_mb: int | None
    expires_at: datetime
    term: Term | None
    gres: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # which of the node's, from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcesAllocated:
    allocation_id: AllocationId
    incarnation: Incarnation
    process: ProcessIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """A running job was asked to end; its node carries it out. With `requeue` its next attempt follows."""

    reason: str | None
    requeue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcesReleased:
    """An allocation ended. Exit code and signal are both None when nobody could know how."""

    allocation_id: AllocationId
    reason: ReleaseReason
    exit_code: int | None = None
    exit_signal: int | None = None
    cpu_seconds: float | None = None
    memory_peak_mb: int | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupBlocked:
    """Something of a job that is being ended cannot be killed; it keeps its CPUs until it is gone."""

    allocation_id: AllocationId
    pids: tuple[int, ...]
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCancelled:
    """A job that held nothing was cancelled. `unmet`: the part of its dependency that can never come true."""

    reason: str | None
    unmet: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequeued:
    """`automatic`: because its node failed and the job asked for it, not because a person did now."""

    attempt: int
    reason: str | None
    automatic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LateReport:
    """What a fenced executor or a closed attempt had to say: a fact that changes nothing."""

    allocation_id: AllocationId
    incarnation: Incarnation
    reason: ReleaseReason
    exit_code: int | None
    exit_signal: int | None


class ImportOutcome(StrEnum):
    """What a job that another system had becomes here."""

    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedAllocation:
    """What the other system knew of CPUs that it gave to a job: it counted them and numbered none.

    `status` is its own word for how it left them; `given_back` whether it ever counted them as free again.
    """

    allocation_id: AllocationId
    node_name: NodeName
    cpus: int
    status: str
    given_back: bool
    pid: int | None = None
    allocated_at: datetime | None = None
    released_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobImported:
    """A job that the original system had, as it left it; always the second event of its stream.

    `state`, `exit` and `error` are its own words. What it did not know is None and is never guessed.
    """

    source: str  # the database it comes from
    state: str
    outcome: ImportOutcome
    submitted_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit: str | None = None
    exit_code: int | None = None
    exit_signal: int | None = None
    error: str | None = None
    allocation: ImportedAllocation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedAllocationClosed:
    """A person has seen that the original system never gave these CPUs back. Here they were never held."""

    allocation_id: AllocationId
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRegistered:
    node_name: NodeName
    incarnation: Incarnation
    spool_id: str
    boot_id: str
    total_cpus: int
    cpu_ids: tuple[int, ...]
    cpu_block: int
    memory_mb: int | None
    labels: Mapping[str, str] = field(default_factory=dict)
    gres: Mapping[str, int] = field(default_factory=dict)
    numa: tuple[tuple[int, ...], ...] = ()  # its CPUs by NUMA node; empty: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeDrained:
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeResumed:
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLost:
    """The node is out of touch. `jobs_lost`: a person says that nothing runs there any more, so every job of the
    node has failed; otherwise only those that its supervisor has stopped by itself (`requeue: true`) have.
    """

    reason: str | None
    jobs_lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRemoved:
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderElected:
    term: Term
    holder: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How the queue is worked through. Whole: what an event says replaces all of what was before it."""

    order: Literal["first_fit", "strict_fifo", "backfill"] = "first_fit"
    node_choice: Literal["least_loaded", "pack", "by_name"] = "least_loaded"
    guard_seconds: float | None = 3600.0  # the head of a first_fit queue that waited so long is protected
    aging_per_hour: float = 0.0  # points of priority for each hour of waiting
    fair_share_weight: float = (
        0.0  # points of priority between an account that used nothing and one that used all
    )
    half_life_hours: float = 168.0  # after which what an account used counts half
    user_max_cpus: int | None = None  # reserved and running, for each user
    user_max_jobs: int | None = None
    licences: Mapping[str, int] = field(default_factory=dict)  # generic resources of the whole cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanged:
    policy: Policy
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingAcknowledged:
    """A person has seen what the audit found and no event can mend; from then on it is information."""

    code: str
    subject: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionsRebuilt:
    """Rows that differed from the log were made anew from it. `rows`: the keys that were mended, by table."""

    position: Position  # the log was folded up to here
    rows: Mapping[str, tuple[int | str, ...]]
    reason: str | None


JobEvent = (
    JobSubmitted
    | JobHeld
    | JobUnheld
    | DependencyMet
    | JobReprioritized
    | ResourcesReserved
    | ResourcesAllocated
    | CancelRequested
    | CleanupBlocked
    | ResourcesReleased
    | JobCancelled
    | JobRequeued
    | LateReport
    | JobImported
    | ImportedAllocationClosed
)
NodeEvent = NodeRegistered | NodeDrained | NodeResumed | NodeLost | NodeRemoved
LeadershipEvent = LeaderElected
PolicyEvent = PolicyChanged
AuditEvent = FindingAcknowledged
ProjectionsEvent = ProjectionsRebuilt
Event = JobEvent | NodeEvent | LeadershipEvent | PolicyEvent | AuditEvent | ProjectionsEvent | TokenEvent


@made_quickly
@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Who brought an event about, through what, in answer to which request and which earlier event.

    `correlation` is the request that all of it goes back to, `causation` the event that directly caused this one
    (none: the request did), `request_id` the request that reported it, when that is another one. `trace_id` and
    `span_id` are of the W3C trace that the first request came with or was given, if any; what follows has the same.
    """

    actor: str
    channel: str
    correlation: str | None = None
    causation: EventReference | None = None
    request_id: str | None = None
    command_id: str | None = None
    command_index: int | None = None  # which of the command's events this is, from 0; set with command_id
    command_digest: str | None = None  # of what was asked, so that another wish under the same id is noticed
    trace_id: str | None = None
    span_id: str | None = None


@made_quickly
@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """An event in its place: `at` is the batch's time, used for rows; `recorded_at` is set under the lock."""

    position: Position
    stream: StreamName
    version: Version
    event: Event
    at: datetime
    recorded_at: datetime
    provenance: Provenance
