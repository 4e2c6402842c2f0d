"""Every wish, in the imperative. A command is decided into events or into a rejection.

Ids that only a sequence can give (`job_id` of a submission, `allocation_id` of a reservation, `cpu_block` of a
new node) are drawn by the handler before the first try and kept for every retry, so that a repeat of what has
already happened is recognised by its id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from conductor.core.events import JobImported, ProcessIdentity, ReleaseReason
from conductor.core.identifiers import AllocationId, Incarnation, JobId, NodeName, Term
from conductor.core.made_quickly import made_quickly
from conductor.core.roles import Role


@made_quickly
@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """A whole script to run. Already validated: `script` has line feeds only and is not blank."""

    script: str
    user_name: str
    submitted_by: str
    name: str | None = None
    account: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_id: str | None = None
    work_dir: str | None = None
    ntasks_per_node: int = 1
    cpus_per_task: int = 1
    memory_mb: int | None = None
    time_limit_seconds: int | None = None
    priority: int = 0
    held: bool = False
    requeue: bool = False
    begin_time: datetime | None = None
    stdout_path: str | None = None
    stderr_path: str | None = None
    comment: str | None = None
    signal: str | None = None
    dependency: str | None = None  # as `dependencies.parsed` reads it
    array_job_id: JobId | None = None
    array_task_id: int | None = None
    array: str | None = None
    nodelist: tuple[NodeName, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    exclusive: bool = False
    gres: Mapping[str, int] = field(default_factory=dict)
    job_id: JobId | None = None

    @property
    def total_cpus(self) -> int:
        return self.ntasks_per_node * self.cpus_per_task

    @property
    def is_particular(self) -> bool:
        """Whether more than the width of nodes decides where it could run."""
        return bool(self.memory_mb or self.nodelist or self.labels or self.gres or self.exclusive)

    @property
    def minds_the_policy(self) -> bool:
        """Whether its licences or its width could be more than the policy has. Every cap lets one CPU through."""
        return bool(self.gres) or self.total_cpus > 1 or self.exclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportJob:
    """Take in a job of the original system under its own number. `submission` is kept as it was, bad or good."""

    submission: Submit
    imported: JobImported

    @property
    def job_id(self) -> JobId | None:
        return self.submission.job_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    job_id: JobId
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    job_id: JobId
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unhold:
    job_id: JobId
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reprioritize:
    job_id: JobId
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeue:
    job_id: JobId
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveDependency:
    """Say whether what a job waits for has come true, or never can. Sent by the scheduler only.

    `depends_on`: the jobs whose streams tell, every task of an array among them.
    """

    job_id: JobId
    depends_on: tuple[JobId, ...]
    term: Term | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """Promise CPUs of a node to a job. `term` fences a scheduler; a person reserving by hand has none."""

    job_id: JobId
    node_name: NodeName
    cpu_ids: tuple[int, ...] | None = None
    gres: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    expires_in_seconds: float | None = None
    term: Term | None = None
    allocation_id: AllocationId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    """Take back a reservation whose time has passed. Sent by the scheduler only."""

    job_id: JobId
    allocation_id: AllocationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocate:
    """A gated process stands ready: may its script start?"""

    allocation_id: AllocationId
    incarnation: Incarnation
    process: ProcessIdentity
    job_id: JobId | None = None  # these two are found from the allocation when left out
    node_name: NodeName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A process, and whatever it left behind, has ended."""

    allocation_id: AllocationId
    incarnation: Incarnation
    reason: ReleaseReason
    exit_code: int | None
    exit_signal: int | None
    cpu_seconds: float | None = None
    memory_peak_mb: int | None = None
    detail: str | None = None
    job_id: JobId | None = None  # these two are found from the allocation when left out
    node_name: NodeName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCleanup:
    """What is left of an attempt does not die."""

    allocation_id: AllocationId
    incarnation: Incarnation
    pids: tuple[int, ...]
    detail: str | None = None
    job_id: JobId | None = None  # these two are found from the allocation when left out
    node_name: NodeName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """Take back a live allocation that the audit names: by its number, or as the one that a job holds.

    `finding` is the audit's code. Sent by a person, who knows that nothing runs in it any more.
    """

    finding: str
    allocation_id: AllocationId | None = None
    reason: str | None = None
    job_id: JobId | None = None  # found from the allocation when left out


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterNode:
    node_name: NodeName
    spool_id: str
    boot_id: str
    total_cpus: int
    memory_mb: int | None = None
    cpu_ids: tuple[int, ...] | None = None  # 0 .. total_cpus - 1 when left out
    labels: Mapping[str, str] = field(default_factory=dict)
    gres: Mapping[str, int] = field(default_factory=dict)
    numa: tuple[tuple[int, ...], ...] = ()
    cpu_block: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainNode:
    node_name: NodeName
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeNode:
    node_name: NodeName
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclareNodeLost:
    """Refused while the node's lease lives. `jobs_lost`: a person vouches that nothing runs there any more."""

    node_name: NodeName
    reason: str | None = None
    jobs_lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseLost:
    """Take back an allocation from a node that was lost, or a reservation that a node cannot hold any more.

    Sent by the scheduler only.
    """

    job_id: JobId
    allocation_id: AllocationId
    node_name: NodeName


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveNode:
    node_name: NodeName
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectLeader:
    """Begin a new term. Sent by a scheduler that has just taken the leader's lease."""

    holder: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePolicy:
    """Change some of the policy's values, by the names of `Policy`; the others stay."""

    changes: Mapping[str, Any]
    reason: str | None = None
    unless_set: bool = False  # only while nobody has ever changed it


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeFinding:
    """Keep in the log that a person has seen a finding that no event can mend."""

    code: str
    subject: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateToken:
    """Let whoever has a secret ask in a role. `sha256` is all of the secret that goes any further."""

    name: str
    role: Role
    sha256: str
    user_name: str | None = None  # the token's name when left out
    node_name: NodeName | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeToken:
    name: str
    reason: str | None = None


JobCommand = (
    Submit
    | ImportJob
    | Cancel
    | Hold
    | Unhold
    | Reprioritize
    | Requeue
    | ResolveDependency
    | Reserve
    | Expire
    | ReleaseLost
    | Allocate
    | ReportCleanup
    | Release
    | Repair
)
NodeCommand = RegisterNode | DrainNode | ResumeNode | DeclareNodeLost | RemoveNode
Command = (
    JobCommand | NodeCommand | ElectLeader | ChangePolicy | AcknowledgeFinding | CreateToken | RevokeToken
)


def submission_of(command: Command) -> Submit | None:
    """What a command brings a script and an environment with, if it does."""
    return (
        command.submission
        if isinstance(command, ImportJob)
        else command
        if isinstance(command, Submit)
        else None
    )
