"""Ending jobs for what happens to their node: it lost touch for a whole lease, or its container is being stopped.

Nothing here depends on an executor being there; that it is not may be the reason.
"""

from __future__ import annotations

import time

from conductor.supervisor import protocol
from conductor.supervisor.attempt import Attempt
from conductor.supervisor.ending import Ending
from conductor.supervisor.journal import Trust
from conductor.supervisor.roster import Roster
from conductor.supervisor.starting import Starting

_UNTRUSTED = (
    "The node was out of touch for its whole lease while the process waited at its gate; "
    "nothing of the script ran."
)
_NODE_STOPPED = "The node was stopped while the process waited at its gate; nothing of the script ran."
# What stops a container gives it ten seconds, unless told otherwise.
_CONTAINER_GRACE_SECONDS = 8.0


class Withdrawal:
    __slots__ = ("_ending", "_enforced", "_roster", "_starting", "node_stops")

    def __init__(self, roster: Roster, starting: Starting, ending: Ending) -> None:
        self._roster, self._starting, self._ending = roster, starting, ending
        self._enforced = False
        self.node_stops = False

    def trusted(self, request: protocol.Trust) -> None:
        """Counted from when the executor spoke, however long its words took to be read.

        A lease shorter than two graces shortens the grace: what is left at its end is killed in any case.
        """
        seconds = request["seconds"]
        until = min(time.monotonic(), request["sent_at"]) + seconds
        trust = Trust(until, min(request["margin_seconds"], seconds / 2), self._roster.boot_id)
        self._roster.journal.trusted(trust)
        self._enforced = False

    def gated_anew(self) -> None:
        """Something waits at a gate that did not when trust ended."""
        self._enforced = False

    def next_look(self) -> float | None:
        trust = self._trust()
        return None if trust is None or self._enforced else trust.stops_at

    def look(self, now: float) -> None:
        """Nothing is sure while trust lasts, or when none was ever given."""
        trust = self._trust()
        if self.node_stops:
            self._fail_gated(_NODE_STOPPED, "node_stopped")
        elif trust is not None and not self._enforced and now >= trust.stops_at:
            self._enforced = True
            self._fail_gated(_UNTRUSTED, "untrusted")
            for attempt in self._running():
                if attempt.terms["stop_when_untrusted"]:
                    self._ending.stop(attempt, "untrusted", max(0.0, trust.until - now))

    def stop_node(self) -> None:
        self.node_stops = True
        self._fail_gated(_NODE_STOPPED, "node_stopped")
        for attempt in self._running():
            grace = min(attempt.kill_grace_seconds, _CONTAINER_GRACE_SECONDS)
            self._ending.stop(attempt, "node_stopped", grace)

    def _trust(self) -> Trust | None:
        trust = self._roster.journal.trust
        return trust if trust is not None and trust.boot_id == self._roster.boot_id else None

    def _fail_gated(self, reason: str, cause: protocol.Cause) -> None:
        for attempt in list(self._roster.attempts.values()):
            if attempt.stage == "gated" and not attempt.discarded and attempt.failure is None:
                attempt.cause = cause
                self._starting.fail(attempt, reason)

    def _running(self) -> list[Attempt]:
        return [
            attempt
            for attempt in self._roster.attempts.values()
            if attempt.outcome is None and attempt.stage in ("running", "stopping")
        ]
