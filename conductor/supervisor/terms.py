"""What was agreed for an attempt besides its time limit, kept in the journal for the next supervisor."""

from __future__ import annotations

from typing import TypedDict

from conductor.supervisor import protocol


class CappedOutput(TypedDict):
    """A file that may grow to `begin + limit_bytes`; device and inode say which file is meant.

    `mark_bytes` is the length of the line that says so, once it was cut.
    """

    stream: protocol.Stream
    path: str
    device: int
    inode: int
    begin: int
    limit_bytes: int
    mark_bytes: int
    in_spool: bool


class Terms(TypedDict):
    """Instants are of the monotonic clock. `memory_mb` is what has to be watched, not what a cgroup enforces.

    `stopped_because` is written before the first signal, so that whoever takes over knows whose end it was.
    """

    stop_when_untrusted: bool
    warn_signal: int | None
    warn_at: float | None
    warn_batch_only: bool
    memory_mb: int | None
    outputs: list[CappedOutput]
    run_as: protocol.RunAs | None
    stopped_because: protocol.Cause | None


def no_terms() -> Terms:
    return {
        "stop_when_untrusted": False,
        "warn_signal": None,
        "warn_at": None,
        "warn_batch_only": False,
        "memory_mb": None,
        "outputs": [],
        "run_as": None,
        "stopped_because": None,
    }


def asked_terms(gate: protocol.Gate) -> Terms:
    """`warn_at` is known when the gate opens, `outputs` when they are open."""
    return {
        "stop_when_untrusted": gate["stop_when_untrusted"],
        "warn_signal": gate["warn_signal"],
        "warn_at": None,
        "warn_batch_only": gate["warn_batch_only"],
        "memory_mb": gate["memory_mb"],
        "outputs": [],
        "run_as": gate["run_as"],
        "stopped_because": None,
    }
