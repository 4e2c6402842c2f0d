"""What was found, as values: the only thing that judgements know.

A fact that could not be gathered is None where its type says so; `Facts.unknown` says why, by the fact's name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from conductor.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """`places`: settings that somebody has set, and where; never their values, which may be secrets."""

    settings: Settings | None
    refusal: str | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    encoding: str = "utf-8"
    proxies: Sequence[str] = ()
    proxied: bool = False  # requests to the API would go through one


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """`accounts_unknown`: accounts that CONDUCTOR_RUN_AS names and this machine does not have."""

    python: tuple[int, int, int]
    kernel: str
    boot_id: str | None
    pidfds: bool
    child_list: bool
    usable_cpus: int
    is_root: bool
    user_id: int
    open_files: int  # -1 is unlimited
    processes: int
    cgroup: str | None
    cgroup_writable: bool
    memory_controller: bool
    accounts_unknown: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder, or the nearest one above it that is there; then `exists` is false."""

    path: str
    exists: bool
    owner_id: int
    mode: int
    writable: bool
    free_bytes: int
    free_inodes: int | None  # None where the file system has no fixed number of them
    device: int
    file_system: str = ""
    options: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """`token_mode` None: no file. `wal_device` None: PostgreSQL is not ours, or not on this machine."""

    home: Folder
    spool: Folder
    token_mode: int | None
    token_given: bool
    running: bool
    supervisor_held: bool
    supervisor_answers: bool
    wal_device: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """`applied` None: no schema. `edited`: applied migrations whose text is another one now."""

    applied: int | None
    shipped: int
    missing: int = 0
    edited: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """Roles by their full names. Lists are what is not as it should be."""

    service: str
    owner: str
    owner_may_log_in: bool
    superusers: Sequence[str] = ()
    roles_missing: Sequence[str] = ()
    may_become_service: bool = True
    service_may_write: Sequence[str] = ()
    report_may_write: Sequence[str] = ()
    functions_missing: Sequence[str] = ()
    tables_unreadable: Sequence[str] = ()
    guards_off: Sequence[str] = ()  # triggers that keep the log append-only and are not always enabled


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """`settings`: as the service's own sessions have them. `skew_seconds`: this machine's clock less the server's."""

    version: int  # as `server_version_num`
    settings: Mapping[str, str]
    read_only: bool
    pids_seen: int  # of backends, for statements of one connection: more than one behind a transaction pooler
    connections_free: int
    skew_seconds: float
    round_trip_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """`heard_seconds` None: the notification did not come. `queue_usage`: 0 to 1."""

    heard_seconds: float | None
    patience_seconds: float
    queue_usage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSeen:
    """`skew_seconds`: its clock less the database's, when it was last told; None: not told yet."""

    name: str
    state: str
    silent_seconds: float | None  # None: its lease lives
    skew_seconds: float | None = None
    release: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What the tables say now. `submitting_tokens`: alive, by which jobs may be submitted, beside the home's own."""

    position: int
    newest_at: datetime | None
    newest_seconds: float | None  # ago
    leader: str | None
    leader_silent_seconds: float | None  # None: it leads now
    leader_since_seconds: float | None
    nodes: Sequence[NodeSeen]
    waiting: int
    free_cpus: int
    submitting_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """`status`: of a request with the token; None: it did not come to one. `positions`: before, theirs, after."""

    url: str
    loopback: bool
    refusal: str | None = None  # why nothing usable answers there
    status: int | None = None
    refused_because: str | None = None
    has_token: bool = True
    token_unusable: bool = False  # its file is a finding of its own
    positions: tuple[int | None, int | None, int | None] = (None, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    errors: int
    warnings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything. `unknown`: for what is None, by its name (or by `check NAME`, for that check alone), why: a code of
    the catalogue and its values.
    """

    release: str
    environment: Environment
    machine: Machine | None = None
    home: Home | None = None
    server: Server | None = None
    schema: Schema | None = None
    grants: Grants | None = None
    canary: Canary | None = None
    cluster: Cluster | None = None
    api: Api | None = None
    audit: Audit | None = None
    unknown: Mapping[str, tuple[str, Mapping[str, object]]] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The defaults where the settings were refused."""
        return self.environment.settings or Settings()
