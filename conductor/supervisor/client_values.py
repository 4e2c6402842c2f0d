"""The protocol's messages as the values that an executor works with, and the way between the two.

Not imported by the supervisor itself, which stays small and works with the messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from conductor.supervisor import protocol
from conductor.supervisor.protocol import Cause, Stage, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAs:
    """The account a job runs under. Only a supervisor that is root can become another than its own."""

    user_name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRequest:
    """One attempt to put behind a gate. Paths are absolute; None leaves the choice to the spool.

    `standard_environment` (CONDUCTOR_*, SLURM_*) is there before the gate and wins over `environment`, the
    job's own. `warn_signal` is sent `warn_seconds` before the time limit: to the script's own process alone
    (`warn_batch_only`), otherwise to every other process of the job. `limits` are resource limits by their
    short names (`nofile`, `nproc`, `core` ...); -1 is unlimited.
    """

    allocation_id: int
    job_id: int
    attempt: int
    script: str
    work_dir: str | None = None
    cpu_ids: tuple[int, ...] = ()
    set_affinity: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    standard_environment: Mapping[str, str] = field(default_factory=dict)
    stdout_path: str | None = None
    stderr_path: str | None = None
    join_output: bool = False
    time_limit_seconds: float | None = None
    kill_grace_seconds: float = 10.0
    prologue: str | None = None
    stop_when_untrusted: bool = False
    warn_signal: int | None = None
    warn_seconds: float = 0.0
    warn_batch_only: bool = False
    output_limit_bytes: int | None = None
    memory_mb: int | None = None
    run_as: RunAs | None = None
    limits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    pid: int
    boot_id: str
    start_ticks: int
    pid_namespace: int


@dataclass(frozen=True, slots=True)
class HeldAttempt:
    """What the supervisor said about an attempt when we connected; `process` is None until it is gated."""

    allocation_id: int
    job_id: int
    attempt: int
    stage: Stage
    process: ProcessIdentity | None


@dataclass(frozen=True, slots=True)
class Gated:
    """A process exists and has run nothing of the script."""

    allocation_id: int
    process: ProcessIdentity


@dataclass(frozen=True, slots=True)
class LaunchFailed:
    """Nothing of the script ran, and nothing will.

    With a `cause` it was not the job's fault: the node was `untrusted` or `node_stopped`.
    """

    allocation_id: int
    reason: str
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    allocation_id: int


@dataclass(frozen=True, slots=True)
class Discarded:
    """Nothing of the script ran; the supervisor has already forgotten it."""

    allocation_id: int


@dataclass(frozen=True, slots=True)
class Exited:
    """Nothing is left of the attempt. Without code and signal nobody could learn how it ended.

    `cause` says that our own signal was sent before the script's own process ended.
    """

    allocation_id: int
    exit_code: int | None
    exit_signal: int | None
    cpu_seconds: float | None
    memory_peak_mb: int | None
    cause: Cause | None
    detail: str | None
    truncated: tuple[Stream, ...] = ()


@dataclass(frozen=True, slots=True)
class Cleanup:
    """SIGKILL has not ended these processes. `Exited` comes when they are gone; until then, once a connect."""

    allocation_id: int
    pids: tuple[int, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class NotHeld:
    """The supervisor has never heard of this allocation, or has been told to forget it."""

    allocation_id: int
    request: str


Event = Gated | LaunchFailed | Opened | Discarded | Exited | Cleanup | NotHeld


def gate_message(request: GateRequest) -> protocol.Gate:
    return {
        "type": "gate",
        "allocation_id": request.allocation_id,
        "job_id": request.job_id,
        "attempt": request.attempt,
        "script": request.script,
        "work_dir": request.work_dir,
        "cpu_ids": list(request.cpu_ids),
        "set_affinity": request.set_affinity,
        "environment": dict(request.environment),
        "standard_environment": dict(request.standard_environment),
        "stdout_path": request.stdout_path,
        "stderr_path": request.stderr_path,
        "join_output": request.join_output,
        "time_limit_seconds": request.time_limit_seconds,
        "kill_grace_seconds": request.kill_grace_seconds,
        "prologue": request.prologue,
        "stop_when_untrusted": request.stop_when_untrusted,
        "warn_signal": request.warn_signal,
        "warn_seconds": request.warn_seconds,
        "warn_batch_only": request.warn_batch_only,
        "output_limit_bytes": request.output_limit_bytes,
        "memory_mb": request.memory_mb,
        "run_as": None if request.run_as is None else _run_as(request.run_as),
        "limits": dict(request.limits),
    }


def _run_as(account: RunAs) -> protocol.RunAs:
    return {
        "user_name": account.user_name,
        "uid": account.uid,
        "gid": account.gid,
        "groups": list(account.groups),
        "home": account.home,
    }


def held_attempt(attempt: protocol.Held) -> HeldAttempt:
    process = attempt["process"]
    return HeldAttempt(
        attempt["allocation_id"],
        attempt["job_id"],
        attempt["attempt"],
        attempt["stage"],
        None if process is None else ProcessIdentity(**process),
    )


def event_of(message: protocol.Event) -> Event:
    allocation_id = message["allocation_id"]
    match message["type"]:
        case "gated":
            return Gated(allocation_id, ProcessIdentity(**message["process"]))
        case "launch_failed":
            return LaunchFailed(allocation_id, message["reason"], message.get("cause"))
        case "opened":
            return Opened(allocation_id)
        case "discarded":
            return Discarded(allocation_id)
        case "exited":
            return _exited(message)
        case "cleanup":
            return Cleanup(allocation_id, tuple(message["pids"]), message["detail"])
        case "not_held":
            return NotHeld(allocation_id, message["request"])
        case unknown:
            assert_never(unknown)


def _exited(message: protocol.Exited) -> Exited:
    return Exited(
        message["allocation_id"],
        message["exit_code"],
        message["exit_signal"],
        message["cpu_seconds"],
        message["memory_peak_mb"],
        message["cause"],
        message["detail"],
        tuple(message.get("truncated", ())),  # an older supervisor's journal says nothing of it
    )
