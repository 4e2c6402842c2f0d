"""The executor's side of the supervisor's socket: requests out, events in, both typed.

Requests are gathered and leave in one frame a turn of the event loop, so asking is never waiting. Events are
handed over as they have arrived, many at a time. It promises no order between different allocations, and
knows nothing of the log: what an event means for a job is the executor's business.

Every `Exited` and `LaunchFailed` comes again after each connect until it is forgotten, so the executor
forgets it only when it is in the log. A `LaunchFailed` may still come after a `Gated`: the child died before
its gate was opened.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, assert_never, cast

from conductor.supervisor import protocol
from conductor.supervisor.launch import start_detached
from conductor.supervisor.protocol import Cause, Stage, Stream
from conductor.supervisor.spool import SOCKET_NAME, open_folder

_READ_BYTES = 256 * 1024


class SupervisorGone(Exception):
    """No supervisor answers on this spool (any more). Its jobs may well be running; connect again."""


class SupersededExecutor(Exception):
    """An executor with a higher incarnation has taken over this node; this one must stop."""


class SupervisorRefused(Exception):
    """The supervisor did not understand a request: the two speak different versions."""


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


class SupervisorClient:
    """One connection. After SupervisorGone make another, and compare what it holds with the log."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, welcome: protocol.Welcome
    ) -> None:
        self._reader, self._writer = reader, writer
        self._frames = protocol.FrameReader()
        self._requests: list[protocol.Request] = []
        self._received: list[Event] = []
        self.supervisor_pid = welcome["pid"]
        self.boot_id = welcome["boot_id"]
        self.pid_namespace = welcome["pid_namespace"]
        self.cpu_ids_of_machine = tuple(welcome["cpu_ids_of_machine"])
        self.held = tuple(_held(attempt) for attempt in welcome["attempts"])

    @classmethod
    async def connect(cls, spool: Path, incarnation: int) -> SupervisorClient:
        reader, writer = await _open_connection(spool)
        try:
            frames = protocol.FrameReader()
            hello = protocol.Hello(type="hello", protocol=protocol.PROTOCOL_VERSION, incarnation=incarnation)
            writer.write(protocol.frame([hello]))
            messages: list[dict[str, Any]] = []
            while not messages:
                messages = frames.feed(await _receive(reader))
            client = cls(reader, writer, _welcome(cast(protocol.Answer, messages[0])))
            client._frames = frames
            client._take(messages[1:])
        except BaseException:
            writer.close()
            raise
        return client

    def gate(self, request: GateRequest) -> None:
        self._ask(_gate(request))

    def open(self, allocation_id: int) -> None:
        self._ask({"type": "open", "allocation_id": allocation_id})

    def discard(self, allocation_id: int) -> None:
        self._ask({"type": "discard", "allocation_id": allocation_id})

    def stop(
        self, allocation_id: int, *, cause: Cause = "cancelled", grace_seconds: float | None = None
    ) -> None:
        """What still waits at its gate is discarded instead."""
        self._ask(
            {"type": "stop", "allocation_id": allocation_id, "cause": cause, "grace_seconds": grace_seconds}
        )

    def forget(self, allocation_id: int) -> None:
        """Only once its outcome is in the log."""
        self._ask({"type": "forget", "allocation_id": allocation_id})

    def trust(self, seconds: float, kill_grace_seconds: float) -> None:
        """The node's lease is good for so many seconds from now: what is left of it since its renewal was sent.

        When no newer call comes, the supervisor fails what waits at its gate and stops what was gated with
        `stop_when_untrusted`, so that it is gone by then; `kill_grace_seconds` before that it begins. What
        is gated after that fails at once, so a new lease is told before anything is gated.
        """
        self._ask(
            {
                "type": "trust",
                "seconds": seconds,
                "margin_seconds": kill_grace_seconds,
                "sent_at": time.monotonic(),
            }
        )

    def upgrade(self) -> None:
        """The supervisor becomes the program now installed, keeping its jobs; the connection ends."""
        self._ask({"type": "upgrade"})

    async def next_events(self) -> Sequence[Event]:
        """Everything that has arrived, at least one event. One caller at a time."""
        while not self._received:
            self._take(self._frames.feed(await _receive(self._reader)))
        received, self._received = self._received, []
        return received

    async def events(self) -> AsyncIterator[Event]:
        while True:
            for event in await self.next_events():
                yield event

    async def close(self) -> None:
        """The jobs stay; what has been asked for is still sent."""
        self._send()
        self._writer.close()
        with suppress(OSError):  # it was gone already
            await self._writer.wait_closed()

    def _ask(self, request: protocol.Request) -> None:
        if not self._requests:
            asyncio.get_running_loop().call_soon(self._send)
        self._requests.append(request)

    def _send(self) -> None:
        if self._requests:
            requests, self._requests = self._requests, []
            self._writer.write(protocol.frame(requests))

    def _take(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            answer = cast(protocol.Answer, message)
            if answer["type"] in ("welcome", "superseded", "refused"):
                raise _refusal(answer)
            self._received.append(_event(cast(protocol.Event, answer)))


async def ensure_supervisor(spool: Path, incarnation: int) -> SupervisorClient:
    """Connects, starting a supervisor that outlives us when there is none."""
    try:
        return await SupervisorClient.connect(spool, incarnation)
    except SupervisorGone:
        await asyncio.to_thread(start_detached, spool)
    # It listens when start_detached returns. Had another just taken the spool, it will in a moment.
    for pause_seconds in (0.0, 0.05, 0.1, 0.2, 0.4, 0.8):
        await asyncio.sleep(pause_seconds)
        try:
            return await SupervisorClient.connect(spool, incarnation)
        except SupervisorGone as error:
            last = error
    raise last


async def _open_connection(spool: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        folder = open_folder(str(spool))
        try:
            # By descriptor: a socket's address holds 107 bytes, a spool's path may be longer.
            connecting.connect(f"/proc/self/fd/{folder}/{SOCKET_NAME}")
        finally:
            os.close(folder)
        return await asyncio.open_unix_connection(sock=connecting, limit=_READ_BYTES)
    except OSError as error:
        connecting.close()
        raise SupervisorGone(f"No supervisor answers on the spool {spool}: {error.strerror}.") from error


async def _receive(reader: asyncio.StreamReader) -> bytes:
    try:
        data = await reader.read(_READ_BYTES)
    except OSError as error:
        raise SupervisorGone(f"The connection to the supervisor broke: {error.strerror}.") from error
    if not data:
        raise SupervisorGone("The supervisor closed the connection; its jobs may well be running.")
    return data


def _welcome(answer: protocol.Answer) -> protocol.Welcome:
    if answer["type"] != "welcome":
        raise _refusal(answer)
    return answer


def _refusal(answer: protocol.Answer) -> Exception:
    if answer["type"] == "superseded":
        return SupersededExecutor(
            f"Incarnation {answer['incarnation']} of this node's executor has taken over; this one must stop."
        )
    if answer["type"] == "refused":
        return SupervisorRefused(f"The supervisor refused a request: {answer['reason']}.")
    return SupervisorRefused(f"The supervisor sent {answer['type']} where it has no place.")


def _gate(request: GateRequest) -> protocol.Gate:
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


def _held(attempt: protocol.Held) -> HeldAttempt:
    process = attempt["process"]
    return HeldAttempt(
        attempt["allocation_id"],
        attempt["job_id"],
        attempt["attempt"],
        attempt["stage"],
        None if process is None else ProcessIdentity(**process),
    )


def _event(message: protocol.Event) -> Event:
    allocation_id = message["allocation_id"]
    match message["type"]:
        case "gated":
            return Gated(allocation_id, ProcessIdentity(**message["process"]))
        case "launch_failed":
            return LaunchFailed(allocation_id, message["reason"], message["cause"])
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
        tuple(message["truncated"]),
    )
