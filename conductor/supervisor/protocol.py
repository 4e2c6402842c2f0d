"""What the executor and the supervisor say to each other, and how it is framed.

A frame is four bytes of length (big endian) and a JSON array of messages; whoever has several things to say
says them in one frame. The first message on a connection is `hello`. Every message names its `type`; the
shapes below are all there are. This module knows no socket and no process. Growing: a new message type or an
optional key keeps PROTOCOL_VERSION; anything an older peer would misunderstand raises it.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Literal, NotRequired, TypedDict

PROTOCOL_VERSION = 2
# A script is at most 1 MiB and JSON may write a character as six; the rest is room for an environment.
FRAME_LIMIT_BYTES = 64 * 1024 * 1024
_LENGTH = struct.Struct(">I")

Stage = Literal["gated", "running", "stopping", "exited", "launch_failed"]
Cause = Literal["cancelled", "timed_out", "untrusted", "out_of_memory", "node_stopped"]
Stream = Literal["stdout", "stderr"]


class Process(TypedDict):
    pid: int
    boot_id: str
    start_ticks: int
    pid_namespace: int


class Hello(TypedDict):
    type: Literal["hello"]
    protocol: int
    incarnation: int


class RunAs(TypedDict):
    """The account a job runs under; the supervisor looks nothing up."""

    user_name: str
    uid: int
    gid: int
    groups: list[int]
    home: str


class Gate(TypedDict):
    type: Literal["gate"]
    allocation_id: int
    job_id: int
    attempt: int
    script: str
    work_dir: str | None
    cpu_ids: list[int]
    set_affinity: bool
    environment: dict[str, str]
    standard_environment: dict[str, str]
    stdout_path: str | None
    stderr_path: str | None
    join_output: bool
    time_limit_seconds: float | None
    kill_grace_seconds: float
    prologue: str | None
    stop_when_untrusted: bool
    warn_signal: int | None
    warn_seconds: float
    warn_batch_only: bool
    output_limit_bytes: int | None
    memory_mb: int | None
    run_as: RunAs | None
    limits: dict[str, int]


class Open(TypedDict):
    type: Literal["open"]
    allocation_id: int


class Discard(TypedDict):
    type: Literal["discard"]
    allocation_id: int


class Stop(TypedDict):
    type: Literal["stop"]
    allocation_id: int
    cause: Cause
    grace_seconds: NotRequired[float | None]


class Forget(TypedDict):
    type: Literal["forget"]
    allocation_id: int


class Trust(TypedDict):
    """The node's lease is good for `seconds` after `sent_at` (monotonic clock, the same for both sides)."""

    type: Literal["trust"]
    seconds: float
    margin_seconds: float
    sent_at: float


class Upgrade(TypedDict):
    """Become the program that now stands where this one was started from. No hello is needed."""

    type: Literal["upgrade"]


class Held(TypedDict):
    allocation_id: int
    job_id: int
    attempt: int
    stage: Stage
    process: Process | None


class Welcome(TypedDict):
    type: Literal["welcome"]
    protocol: int
    pid: int
    boot_id: str
    pid_namespace: int
    cpu_ids_of_machine: list[int]
    attempts: list[Held]


class Superseded(TypedDict):
    type: Literal["superseded"]
    incarnation: int


class Refused(TypedDict):
    type: Literal["refused"]
    reason: str


class Gated(TypedDict):
    type: Literal["gated"]
    allocation_id: int
    process: Process


class LaunchFailed(TypedDict):
    type: Literal["launch_failed"]
    allocation_id: int
    reason: str
    cause: Cause | None


class Opened(TypedDict):
    type: Literal["opened"]
    allocation_id: int


class Discarded(TypedDict):
    type: Literal["discarded"]
    allocation_id: int


class Exited(TypedDict):
    type: Literal["exited"]
    allocation_id: int
    exit_code: int | None
    exit_signal: int | None
    cpu_seconds: float | None
    memory_peak_mb: int | None
    cause: Cause | None
    detail: str | None
    truncated: list[Stream]


class Cleanup(TypedDict):
    """SIGKILL has not ended these; the exit is told when they are gone."""

    type: Literal["cleanup"]
    allocation_id: int
    pids: list[int]
    detail: str


class NotHeld(TypedDict):
    type: Literal["not_held"]
    allocation_id: int
    request: str


Request = Hello | Gate | Open | Discard | Stop | Forget | Trust | Upgrade
Event = Gated | LaunchFailed | Opened | Discarded | Exited | Cleanup | NotHeld
Answer = Welcome | Superseded | Refused | Event

encode_json = json.JSONEncoder(separators=(",", ":")).encode
decode_json = json.JSONDecoder().decode


class BrokenFrame(Exception):
    """The peer does not speak this protocol."""


def frame(messages: list[Any]) -> bytes:
    body = encode_json(messages).encode("ascii")
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Turns received bytes into messages; keeps what is not yet whole."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        buffer = self._buffer
        buffer += data
        messages: list[dict[str, Any]] = []
        start = 0
        while len(buffer) - start >= 4:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > FRAME_LIMIT_BYTES:
                raise BrokenFrame(f"a frame of {length} bytes is longer than {FRAME_LIMIT_BYTES}")
            if len(buffer) - start - 4 < length:
                break
            messages += _messages(buffer[start + 4 : start + 4 + length])
            start += 4 + length
        del buffer[:start]
        return messages


def _messages(body: bytearray) -> list[dict[str, Any]]:
    try:
        messages = decode_json(body.decode("ascii"))
    except ValueError as error:
        raise BrokenFrame(f"a frame is not JSON: {error}") from error
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise BrokenFrame("a frame is not a JSON array of messages")
    return messages
