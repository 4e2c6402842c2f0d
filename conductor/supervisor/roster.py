"""Every attempt this supervisor answers for, and what it has to say about them.

The one place where an attempt gets its outcome: into the journal, into the outbox, kept until forgotten. It
starts nothing and signals nothing.
"""

from __future__ import annotations

import heapq
import json
import os
import stat
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from conductor.supervisor import protocol
from conductor.supervisor.attempt import Attempt
from conductor.supervisor.cgroups import Cgroups
from conductor.supervisor.crash_point import crash_point
from conductor.supervisor.journal import Journal
from conductor.supervisor.output_caps import cut_back
from conductor.supervisor.spool import Spool

_STANDARD_ERROR = 2
_LOG_LIMIT_BYTES = 10 * 1024 * 1024


def log(line: str) -> None:
    """Standard error is the supervisor's log file; it says little, in lines shaped as everybody's."""
    _write("supervisor.said", {"message": line})


def log_signal(attempt: Attempt, name: str, why: str) -> None:
    """A signal that nobody else tells of."""
    of_it = attempt.intent
    told = {"job": of_it.job_id, "attempt": of_it.attempt, "allocation": of_it.allocation_id}
    _write("job.signalled", {**told, "signal": name, "why": why})


def _write(event: str, fields: dict[str, Any]) -> None:
    """A file that has grown too long begins anew; a disk that is full keeps a line out, and nothing else."""
    now = datetime.now(UTC).astimezone().isoformat(timespec="milliseconds")
    told = {"timestamp": now, "level": "info", "event": event, "process": "supervisor", **fields}
    with suppress(OSError):
        status = os.fstat(_STANDARD_ERROR)
        if stat.S_ISREG(status.st_mode) and status.st_size > _LOG_LIMIT_BYTES:
            os.ftruncate(_STANDARD_ERROR, 0)
        os.write(_STANDARD_ERROR, json.dumps(told, ensure_ascii=False).encode("utf-8", "replace") + b"\n")


class Roster:
    __slots__ = (
        "_timers",
        "attempts",
        "boot_id",
        "cgroups",
        "journal",
        "leaders",
        "live",
        "marks",
        "outbox",
        "pid_namespace",
        "spool",
    )

    def __init__(
        self, spool: Spool, journal: Journal, cgroups: Cgroups, boot_id: str, pid_namespace: int
    ) -> None:
        self.spool = spool
        self.cgroups = cgroups
        self.journal = journal
        self.boot_id = boot_id
        self.pid_namespace = pid_namespace
        self.attempts: dict[int, Attempt] = {}
        self.leaders: dict[int, Attempt] = {}  # own children, not yet reaped, by PID
        self.marks: dict[str, Attempt] = {}  # live ones
        self.live = 0
        self.outbox: list[protocol.Event] = []
        self._timers: list[tuple[float, int]] = []

    def add(self, attempt: Attempt) -> None:
        self.attempts[attempt.allocation_id] = attempt
        self.marks[attempt.intent.mark] = attempt
        self.live += 1

    def exited(self, attempt: Attempt) -> None:
        """Nothing of it is left that could still write."""
        attempt.stage = "exited"
        cut_back(attempt)
        if attempt.cause is None and self.cgroups.ran_out_of_memory(attempt.intent.mark):
            attempt.cause = "out_of_memory"
        self._end(attempt, attempt.exited_message())

    def launch_failed(self, attempt: Attempt, reason: str) -> None:
        attempt.stage = "launch_failed"
        self._end(attempt, attempt.launch_failed_message(reason))

    def discarded(self, attempt: Attempt) -> None:
        """Nothing ran and somebody wanted it so: there is nothing to remember."""
        self._leave(attempt)
        self._drop(attempt)
        self.outbox.append({"type": "discarded", "allocation_id": attempt.allocation_id})

    def forget(self, attempt: Attempt) -> None:
        self._drop(attempt)

    def tell(self, attempt: Attempt) -> None:
        """Says (again) what has become of an attempt."""
        if attempt.outcome is not None:
            self.outbox.append(attempt.outcome)
        elif attempt.process is not None:
            self.outbox.append(attempt.gated_message())
            if attempt.stage != "gated":
                self.outbox.append({"type": "opened", "allocation_id": attempt.allocation_id})

    def look_at(self, attempt: Attempt, when: float) -> None:
        heapq.heappush(self._timers, (when, attempt.allocation_id))

    def next_look(self) -> float | None:
        return self._timers[0][0] if self._timers else None

    def due(self, now: float) -> list[Attempt]:
        """A timer only says: look at it. One that is out of date finds nothing to do."""
        found: list[Attempt] = []
        while self._timers and self._timers[0][0] <= now:
            attempt = self.attempts.get(heapq.heappop(self._timers)[1])
            if attempt is not None and attempt.outcome is None:
                found.append(attempt)
        return found

    def _end(self, attempt: Attempt, outcome: protocol.Exited | protocol.LaunchFailed) -> None:
        attempt.outcome = outcome
        self.journal.ended(outcome)
        self.outbox.append(outcome)
        self._leave(attempt)

    def _leave(self, attempt: Attempt) -> None:
        self.live -= 1
        del self.marks[attempt.intent.mark]
        attempt.gate = None
        self.cgroups.leave(attempt.intent.mark)
        if attempt.own_work_folder:
            self.spool.leave_work_folder(attempt.intent.job_id, attempt.terms["run_as"])

    def _drop(self, attempt: Attempt) -> None:
        del self.attempts[attempt.allocation_id]
        crash_point("supervisor.forgotten")
        self.journal.forgotten(attempt.allocation_id)
