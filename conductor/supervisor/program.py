"""Becoming a newer program in place: the same process, the same children, the same socket.

What only memory knew goes through a file without a name; the journal has the rest. The new program is asked
first whether it starts and reads this kind of state, because a supervisor that dies on the way would close
every gate and lose every exit code. Executors lose their connection and come back.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any, NamedTuple

from conductor.supervisor.adoption import adopt_one
from conductor.supervisor.attempt import Attempt
from conductor.supervisor.ending import Ending
from conductor.supervisor.protocol import decode_json, encode_json
from conductor.supervisor.roster import Roster
from conductor.supervisor.starting import Starting

# Raised with every change of `Resumed` or `_KEPT`: who cannot read a state refuses it before anything is lost.
STATE_VERSION = 1
CAN_RESUME = "--can-resume="
RESUME = "--resume="
_PATIENCE_SECONDS = 20.0

# Of an attempt; the rest is in the journal, or found out anew from a child that is still unreaped.
_KEPT = (
    *("stage", "pid", "process", "gate", "gate_pipe", "own_work_folder", "discarded", "failure"),
    *("time_limit_seconds", "kill_grace_seconds", "deadline", "kill_at", "kill_pause_seconds", "killed_at"),
    *("cleanup_told", "cause", "terms", "own_child", "cpu_seconds", "peak_kib"),
)


class Resumed(NamedTuple):
    """What the program before this one left to it."""

    lock: int
    listener: int
    attempts: list[dict[str, Any]]

    @property
    def descriptors(self) -> set[int]:
        pipes = {saved["gate_pipe"] for saved in self.attempts} - {None}
        return {self.lock, self.listener, *pipes}


class UpgradeRefused(Exception):
    """This process stays what it is; the text says why."""


def become_newer(command: list[str], roster: Roster, listener: int) -> None:
    """Returns only by UpgradeRefused. The journal is written, and no child is without its identity."""
    _try_out(command)
    attempts = [_saved(attempt) for attempt in roster.attempts.values() if attempt.outcome is None]
    state = Resumed(roster.spool.lock, listener, attempts)
    file = os.memfd_create("conductor-state")
    with open(file, "wb", closefd=False) as writing:
        writing.write(encode_json(list(state)).encode("ascii"))
    kept = {file, *state.descriptors}
    # A signal that came before the new program listens would end it.
    signals = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        for descriptor in kept:
            os.set_inheritable(descriptor, True)
        os.execv(command[0], [*command, f"{RESUME}{file}"])
    except OSError as error:
        for descriptor in kept:
            os.set_inheritable(descriptor, False)
        os.close(file)
        signal.pthread_sigmask(signal.SIG_SETMASK, signals)
        raise UpgradeRefused(f"{command[0]} cannot be executed: {error.strerror}") from error


def left_state(descriptor: int) -> Resumed:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, "rb") as file:
        state = Resumed(*decode_json(file.read().decode("ascii")))
    for kept in state.descriptors:
        os.set_inheritable(kept, False)
    return state


def resume(roster: Roster, starting: Starting, ending: Ending, state: Resumed) -> None:
    """The attempts as they were; children that have ended meanwhile are reaped by the caller."""
    saved = {attempt["allocation_id"]: attempt for attempt in state.attempts}
    for remembered in list(roster.journal.remembered.values()):
        known = saved.get(remembered.intent.allocation_id)
        if known is None or remembered.outcome is not None:
            adopt_one(roster, ending, remembered)
            continue
        attempt = Attempt(remembered.intent, "gated")
        for name in _KEPT:
            setattr(attempt, name, known[name])
        attempt.seen = {int(pid): ticks for pid, ticks in known["seen"].items()}
        roster.add(attempt)
        _take_up(attempt, roster, starting, ending)
    roster.outbox.clear()  # every hello is answered with all outcomes


def _take_up(attempt: Attempt, roster: Roster, starting: Starting, ending: Ending) -> None:
    if attempt.pid is None:
        starting.resume(attempt)
        return
    if attempt.own_child:
        roster.leaders[attempt.pid] = attempt
    else:
        ending.watch_adopted(attempt)
    if attempt.stage != "gated":
        ending.watch(attempt)


def _saved(attempt: Attempt) -> dict[str, Any]:
    kept = {name: getattr(attempt, name) for name in _KEPT}
    return {"allocation_id": attempt.allocation_id, "seen": attempt.seen, **kept}


def _try_out(command: list[str]) -> None:
    try:
        tried = subprocess.run(
            [*command, f"{CAN_RESUME}{STATE_VERSION}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UpgradeRefused(f"the newer program does not start: {error}") from error
    if tried.returncode != 0:
        said = tried.stderr.decode("utf-8", "replace").strip()[-2000:]
        raise UpgradeRefused(f"the newer program cannot take over (exit code {tried.returncode}): {said}")


def newer_command(spool: str, arguments: list[str]) -> list[str]:
    """How this program was started, with the spool's whole path."""
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
    options = [argument for argument in arguments if argument.startswith("--without-")]
    return [sys.executable, "-I", "-S", program, "--spool", spool, *options]
