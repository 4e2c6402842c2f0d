"""The system in numbers, and how its parts stand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from conductor.wire.jobs import Moment
from conductor.wire.shapes import Kept, NodeStateName, Partly, Sometimes, SometimesSome


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
    position: int = 0
    as_of: Sometimes[Moment] = None
    raw: Kept = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePart:
    """The database: `up` or `unreachable`."""

    ok: bool
    state: str
    server_version: Sometimes[str] = None
    position: Sometimes[int] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerLease:
    """Which scheduler leads: `leads`, `lease passed`, `never led`, or `unknown`."""

    ok: bool
    state: str
    holder: Partly[str | None] = None
    lease_expires_at: Partly[datetime | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHealth:
    """A node, and whether it is heard from."""

    name: str
    state: NodeStateName
    lease_expires_at: datetime | None
    live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NodesPart:
    """The nodes together: `up`, `some are silent`, `none`, or `unknown`."""

    ok: bool
    state: str
    silent: SometimesSome[tuple[str, ...]] = ()
    nodes: SometimesSome[tuple[NodeHealth, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How each part stands: `status` is `ok` or `degraded`."""

    status: str
    at: datetime
    database: DatabasePart
    scheduler: SchedulerLease
    nodes: NodesPart
    raw: Kept = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The server may be sent requests."""

    status: str
