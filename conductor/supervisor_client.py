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
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from conductor.supervisor import protocol
from conductor.supervisor.client_values import (
    Cleanup,
    Discarded,
    Event,
    Exited,
    Gated,
    GateRequest,
    HeldAttempt,
    LaunchFailed,
    NotHeld,
    Opened,
    ProcessIdentity,
    RunAs,
    event_of,
    gate_message,
    held_attempt,
)
from conductor.supervisor.launch import start_detached
from conductor.supervisor.protocol import Cause
from conductor.supervisor.spool import SOCKET_NAME, open_folder

__all__ = [
    "Cleanup",
    "Discarded",
    "Event",
    "Exited",
    "GateRequest",
    "Gated",
    "HeldAttempt",
    "LaunchFailed",
    "NotHeld",
    "Opened",
    "ProcessIdentity",
    "RunAs",
    "SupersededExecutor",
    "SupervisorClient",
    "SupervisorGone",
    "SupervisorRefused",
    "ensure_supervisor",
]

_READ_BYTES = 256 * 1024
_PAUSES_SECONDS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
_UPGRADE_PATIENCE_SECONDS = 30.0


class SupervisorGone(Exception):
    """No supervisor answers on this spool (any more). Its jobs may well be running; connect again."""


class SupersededExecutor(Exception):
    """An executor with a higher incarnation has taken over this node; this one must stop."""


class SupervisorRefused(Exception):
    """The supervisor did not understand a request: the two speak different versions."""


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
        self.held = tuple(held_attempt(attempt) for attempt in welcome["attempts"])

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
        self._ask(gate_message(request))

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
            self._received.append(event_of(cast(protocol.Event, answer)))


async def ensure_supervisor(spool: Path, incarnation: int) -> SupervisorClient:
    """Connects, starting a supervisor that outlives us when there is none.

    One that speaks an older protocol is asked to become the program now installed, which keeps its jobs.
    """
    try:
        return await SupervisorClient.connect(spool, incarnation)
    except SupervisorGone:
        await asyncio.to_thread(start_detached, spool)
    except SupervisorRefused:
        await _ask_to_upgrade(spool)
    # It listens when start_detached returns. Had another just taken the spool, it will in a moment.
    for pause_seconds in _PAUSES_SECONDS:
        await asyncio.sleep(pause_seconds)
        try:
            return await SupervisorClient.connect(spool, incarnation)
        except (SupervisorGone, SupervisorRefused) as error:
            last = error
    raise last


async def _ask_to_upgrade(spool: Path) -> None:
    """On a connection of its own, that ends when there is a newer program or when there cannot be one."""
    reader, writer = await _open_connection(spool)
    writer.write(protocol.frame([protocol.Upgrade(type="upgrade")]))
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(_UPGRADE_PATIENCE_SECONDS):
            await reader.read(_READ_BYTES)
    writer.close()


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
