"""What the audit finds, and which job ran as a PID."""

from dataclasses import dataclass, field
from datetime import datetime

from conductor.wire.shapes import Kept, Raw, Sometimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """Who said that a finding is known, and why it is so."""

    position: int
    at: datetime
    actor: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadingEvent:
    """An event that led to a finding."""

    position: int
    at: datetime
    type: str
    actor: str | None
    stream: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not as it should be: what led there, and what mends it."""

    code: str
    severity: str
    subject: str
    sentence: str
    parameters: Raw
    events: tuple[LeadingEvent, ...]
    repair: str | None
    commands: tuple[Raw, ...]
    acknowledged: Acknowledged | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """How much was looked at; the last three when the log was replayed."""

    live_allocations: int
    nodes: int
    replay: bool
    events: Sometimes[int] = None
    rows: Sometimes[int] = None
    differences: Sometimes[int] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """All findings, worst first."""

    findings: tuple[Finding, ...]
    position: int
    checked: Checked
    seconds: float
    raw: Kept = field(default_factory=dict, repr=False, compare=False)


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
    raw: Kept = field(default_factory=dict, repr=False, compare=False)
