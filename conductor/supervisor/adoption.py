"""What a new supervisor makes of an older one's journal.

Outcomes are told again. What waited at a gate has ended, having run nothing, when the pipe to its supervisor
closed. What was opened is watched if exactly that process still runs; how it ends nobody can learn any more,
so its outcome is unknown, never success. After a reboot, or in another PID namespace, there is nothing to
look for.
"""

from __future__ import annotations

from conductor.supervisor.attempt import Attempt
from conductor.supervisor.ending import Ending
from conductor.supervisor.journal import Remembered
from conductor.supervisor.roster import Roster

_NOTHING_RAN = (
    "The node's supervisor ended while the process waited at its gate; nothing of the script ran. "
    "Requeue the job."
)


def adopt(roster: Roster, ending: Ending) -> None:
    for remembered in list(roster.journal.remembered.values()):
        adopt_one(roster, ending, remembered)
    roster.outbox.clear()  # nobody is connected yet; every hello is answered with all outcomes


def adopt_one(roster: Roster, ending: Ending, remembered: Remembered) -> None:
    intent, opening, outcome = remembered
    attempt = Attempt(intent, "gated")
    if outcome is not None:
        attempt.stage, attempt.outcome = outcome["type"], outcome
        roster.attempts[intent.allocation_id] = attempt
        return
    roster.add(attempt)
    if opening is None:
        roster.launch_failed(attempt, _NOTHING_RAN)
        return
    attempt.stage, attempt.own_child = "running", False
    attempt.process, attempt.deadline, attempt.kill_grace_seconds, attempt.terms = opening
    attempt.cpu_seconds = attempt.peak_kib = None
    process = opening.process
    attempt.pid = process["pid"]
    if process["boot_id"] == roster.boot_id and process["pid_namespace"] == roster.pid_namespace:
        attempt.cause = attempt.terms["stopped_because"]
        ending.watch_adopted(attempt)
        ending.watch(attempt)
        if attempt.cause is not None:
            ending.stop_again(attempt)
    else:
        roster.exited(attempt)
