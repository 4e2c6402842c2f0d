"""The moments at which a process of ours may be made to die, for tests of what is left; all of them are listed here.

`CONDUCTOR_CRASH_AT=executor.allocated` ends the process with SIGKILL when it first gets there, `executor.allocated:3`
at the third time; `executor.allocated:1:stop` stops it there instead (SIGSTOP), so that a test may end something else
meanwhile and let it go on. Only that setting switches this on; without it, passing a point costs one comparison.

The supervisor, which imports nothing of ours, has a twin of this (`supervisor/crash_point.py`) behind `--crash-at`.
"""

import os
import re
import signal
from dataclasses import dataclass, field

CRASH_POINTS = {
    "api.submission_checked": "A submission is in order; the handler has not seen it.",
    "api.submitted": "The job is in the log; the client has not been told.",
    "handler.decided": "A batch is decided; nothing of it has been sent to PostgreSQL.",
    "handler.committed": "A batch is in the log; nobody who waits for it has been told.",
    "scheduler.elected": "A new term has begun; the cluster has not been loaded, or not been followed to here.",
    "scheduler.planned": "Jobs have their places; nothing has been reserved.",
    "scheduler.reserved": "Reservations are in the log; the scheduler's memory has not followed.",
    "scheduler.resolving": "Dependencies have come true, or never can; the log does not know it.",
    "executor.registered": "A new incarnation is in the log; the supervisor has not heard of it.",
    "executor.connected": "The supervisor obeys this incarnation; nothing has been taken over or taken on.",
    "executor.lease_renewed": "The lease is renewed; nobody has been told.",
    "executor.reservations_read": "There are reservations; the supervisor has not been asked to start anything.",
    "executor.gated": "A gated process exists; the log does not know it.",
    "executor.allocated": "The process is in the log; its gate is closed.",
    "executor.opened": "The supervisor says that the gate is open.",
    "executor.cancels_read": "A cancel is in the log; the supervisor has not been asked to stop anything.",
    "executor.exit_heard": "An end was told; the log does not know it.",
    "executor.released": "The end is in the log; the supervisor still remembers it.",
    "supervisor.gating_written": "The intent is in the journal; nothing has been forked.",
    "supervisor.spawned": "A gated process exists; nobody knows its number.",
    "supervisor.identified": "The gated process has its identity; nobody has been told.",
    "supervisor.opening_written": "The opening is in the journal; the gate is closed.",
    "supervisor.script_written": "The script's file is there; the gate is closed.",
    "supervisor.opened": "The gate is open; nobody has been told.",
    "supervisor.exit_noticed": "The script's process has ended and is not reaped.",
    "supervisor.reaped": "The script's process is reaped; its end is nowhere.",
    "supervisor.turn_written": "What this turn brought is in the journal; nobody has been told.",
    "supervisor.signalled": "SIGTERM has been sent; the grace has begun.",
    "supervisor.forgotten": "The attempt has been dropped; the journal still has it.",
}

_SPELLING = re.compile(r"(?P<name>[a-z_.]+)(:(?P<times>[1-9]\d*)(?P<stop>:stop)?)?")


@dataclass(slots=True)
class _Trigger:
    """What this process was told to die of, and how many times it will still pass by."""

    name: str = ""
    passes_left: int = 0
    number: signal.Signals = field(default=signal.SIGKILL)


_trigger = _Trigger()


def checked(text: str) -> str:
    """The text, if it names a point as described above. Raises ValueError with a sentence."""
    _parsed(text)
    return text


def arm(text: str | None) -> None:
    """Make this process die (or stop) where the setting says; once, when it starts."""
    _trigger.name, _trigger.passes_left, _trigger.number = _parsed(text) if text else ("", 0, signal.SIGKILL)


def crash_point(name: str) -> None:
    """The end of this process, if it was told so; nothing otherwise."""
    if _trigger.name != name:
        return
    _trigger.passes_left -= 1
    if _trigger.passes_left == 0:
        os.kill(os.getpid(), _trigger.number)


def _parsed(text: str) -> tuple[str, int, signal.Signals]:
    found = _SPELLING.fullmatch(text)
    if found is None or found["name"] not in CRASH_POINTS:
        raise ValueError(
            "must be NAME, NAME:TIMES or NAME:TIMES:stop, with a name from conductor/crash_points.py"
        )
    return found["name"], int(found["times"] or 1), signal.SIGSTOP if found["stop"] else signal.SIGKILL
