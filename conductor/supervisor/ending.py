"""Signals, exits, and what a job leaves behind.

An attempt is over when its own process has ended *and* nothing of it is left: no process in its group or
session, none that descends from it, none that carries its mark. Until then its leader stays a zombie, which
pins the group's number. Most jobs leave nothing, and seeing that costs one look at the list of our own
children.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from contextlib import suppress

from conductor.supervisor import protocol
from conductor.supervisor.attempt import Attempt
from conductor.supervisor.crash_point import crash_point
from conductor.supervisor.kernel import Kernel
from conductor.supervisor.leftovers import Leftovers
from conductor.supervisor.memory_watch import MemoryWatch
from conductor.supervisor.output_caps import OutputCaps
from conductor.supervisor.process_identity import is_alive, open_verified
from conductor.supervisor.roster import Roster, log_signal
from conductor.supervisor.signals import signal_own_group, signal_process

_KILL_PAUSE_LIMIT_SECONDS = 2.0
# What SIGKILL has not ended after this long waits in the kernel, and somebody should know.
_CLEANUP_AFTER_SECONDS = 5.0
# How often an adopted attempt is looked at: its end sends us no signal, and without pidfds not even an event.
_ADOPTED_LOOK_SECONDS = 0.1
_ENDED = os.WEXITED | os.WNOHANG | os.WNOWAIT


class Ending:
    __slots__ = ("_caps", "_closing", "_leftovers", "_memory", "_pidfds", "_roster", "_selector")

    def __init__(self, roster: Roster, selector: selectors.BaseSelector, kernel: Kernel) -> None:
        self._roster = roster
        self._selector = selector
        self._pidfds = kernel.pidfds
        self._leftovers = Leftovers(roster, child_list=kernel.child_list)
        self._caps = OutputCaps()
        self._memory = MemoryWatch(roster)
        self._closing: dict[int, Attempt] = {}  # own children whose leader has ended and that left something

    # Watching

    def watch(self, attempt: Attempt) -> None:
        """Its script runs, or may have run: from now on its limits count."""
        for when in (attempt.deadline, attempt.terms["warn_at"], attempt.kill_at):
            if when is not None:
                self._roster.look_at(attempt, when)
        self._caps.watch(attempt)
        self._memory.watch(attempt, time.monotonic())

    def next_look(self) -> float | None:
        looks = [self._roster.next_look(), self._caps.next_look(), self._memory.next_look]
        return min((when for when in looks if when is not None), default=None)

    def look(self, now: float) -> None:
        for attempt in self._roster.due(now):
            self._look_at(attempt, now)
        self._caps.look(now)
        for attempt in self._memory.too_big(now):
            self._kill(attempt, "out_of_memory")

    def cleanups(self) -> list[protocol.Cleanup]:
        """What has been told as unkillable and is still there."""
        told = [one for one in self._roster.attempts.values() if one.cleanup_told and one.outcome is None]
        return [self._cleanup(attempt) for attempt in told]

    # Stopping

    def stop(self, attempt: Attempt, cause: protocol.Cause, grace_seconds: float | None = None) -> None:
        """SIGTERM and SIGCONT to all of it, SIGKILL after the grace; the cause counts while the script runs."""
        if attempt.stage not in ("running", "stopping"):
            self._roster.tell(attempt)
            return
        self._notice_end(attempt)
        if attempt.outcome is not None:
            return
        grace = attempt.kill_grace_seconds if grace_seconds is None else grace_seconds
        if attempt.stage == "stopping":
            self._kill_at(attempt, min(attempt.kill_at or 0.0, time.monotonic() + grace))
            return
        self._because(attempt, cause)
        self._begin_stopping(attempt, grace)

    def stop_again(self, attempt: Attempt) -> None:
        """An older supervisor had begun; how far it came nobody knows."""
        self._notice_end(attempt)
        if attempt.outcome is None and attempt.stage == "running":
            attempt.cause = attempt.terms["stopped_because"]
            self._begin_stopping(attempt, attempt.kill_grace_seconds)

    def _because(self, attempt: Attempt, cause: protocol.Cause) -> None:
        """Before the first signal. A disk that is full keeps nothing from being stopped."""
        attempt.cause = attempt.terms["stopped_because"] = cause
        self._roster.journal.opened(attempt.allocation_id, attempt.opening())
        with suppress(OSError):
            self._roster.journal.write()

    def _look_at(self, attempt: Attempt, now: float) -> None:
        """A timer of this attempt rang."""
        warn_at = attempt.terms["warn_at"]
        if attempt.kill_at is not None and now >= attempt.kill_at:
            self._send_kill(attempt, now)
        elif attempt.stage == "running" and attempt.deadline is not None and now >= attempt.deadline:
            self.stop(attempt, "timed_out")
        elif attempt.stage == "running" and warn_at is not None and now >= warn_at:
            self._warn(attempt)
        if not attempt.own_child and attempt.outcome is None:
            self._look_at_adopted(attempt, now)

    def _begin_stopping(self, attempt: Attempt, grace: float) -> None:
        attempt.stage = "stopping"
        self._signal(attempt, signal.SIGTERM, signal.SIGCONT)
        if attempt.cause != "cancelled":  # that one the executor tells of, who knows by whose wish
            log_signal(attempt, "SIGTERM", attempt.cause or "left_behind")
        crash_point("supervisor.signalled")
        self._kill_at(attempt, time.monotonic() + grace)

    def _warn(self, attempt: Attempt) -> None:
        """Once; a supervisor that takes over in this moment may do it again."""
        number, attempt.terms["warn_at"] = attempt.terms["warn_signal"], None
        self._roster.journal.opened(attempt.allocation_id, attempt.opening())
        assert number is not None
        assert attempt.process is not None
        if attempt.terms["warn_batch_only"]:
            told = {attempt.leader: attempt.process["start_ticks"]}
        else:
            told = self._leftovers.members(attempt)
            told.pop(attempt.leader, None)
        for pid, start_ticks in told.items():
            signal_process(pid, start_ticks, number, pidfds=self._pidfds)

    def _kill(self, attempt: Attempt, cause: protocol.Cause) -> None:
        """No SIGTERM, no grace."""
        self._notice_end(attempt)
        if attempt.outcome is None:
            if attempt.stage == "running":
                self._because(attempt, cause)
                attempt.stage = "stopping"
            self._send_kill(attempt, time.monotonic())

    def _send_kill(self, attempt: Attempt, now: float) -> None:
        self._signal(attempt, signal.SIGKILL)
        self._roster.cgroups.kill(attempt.intent.mark)
        if attempt.killed_at is None:
            log_signal(attempt, "SIGKILL", attempt.cause or "left_behind")
        attempt.killed_at = attempt.killed_at or now
        self._kill_at(attempt, now + attempt.kill_pause_seconds)
        attempt.kill_pause_seconds = min(2 * attempt.kill_pause_seconds, _KILL_PAUSE_LIMIT_SECONDS)
        if not attempt.cleanup_told and now - attempt.killed_at >= _CLEANUP_AFTER_SECONDS:
            attempt.cleanup_told = True
            self._roster.outbox.append(self._cleanup(attempt))

    def _cleanup(self, attempt: Attempt) -> protocol.Cleanup:
        pids = set(self._leftovers.members(attempt))
        if not attempt.leader_ended:
            pids.add(attempt.leader)
        detail = (
            "SIGKILL has not ended these processes; they wait in the kernel, usually for a disk, a network file "
            "system or a driver. Their CPUs stay taken until they are gone."
        )
        return {
            "type": "cleanup",
            "allocation_id": attempt.allocation_id,
            "pids": sorted(pids),
            "detail": detail,
        }

    def _kill_at(self, attempt: Attempt, when: float) -> None:
        attempt.kill_at = when
        self._roster.look_at(attempt, when)

    def _signal(self, attempt: Attempt, *numbers: int) -> None:
        if attempt.own_child:
            for number in numbers:
                signal_own_group(attempt.leader, number)
        for pid, start_ticks in self._leftovers.members(attempt, beyond_group=attempt.own_child).items():
            for number in numbers:
                signal_process(pid, start_ticks, number, pidfds=self._pidfds)

    # Own children

    def reap(self) -> None:
        """Takes note of every child that has ended."""
        while not self._closing:
            try:
                ended = os.waitid(os.P_ALL, 0, _ENDED)
            except ChildProcessError:
                return
            if ended is None:
                return
            attempt = self._roster.leaders.get(ended.si_pid)
            if attempt is None:
                self._leftovers.reap(ended.si_pid)
            else:
                self._leader_ended(attempt, ended)
        self._reap_around_pinned()

    def _reap_around_pinned(self) -> None:
        """A pinned zombie is always the first that waitid finds, so each child is asked for by number."""
        for attempt in list(self._roster.leaders.values()):
            self._notice_end(attempt)
        self._leftovers.reap_all()
        for attempt in list(self._closing.values()):
            self._close_if_empty(attempt)

    def _notice_end(self, attempt: Attempt) -> None:
        """So that a script that has ended by itself is not said to have been stopped."""
        if not attempt.own_child:
            if not attempt.leader_ended and not self._alive(attempt):
                self._adopted_leader_ended(attempt)
        elif not attempt.leader_ended and (ended := os.waitid(os.P_PID, attempt.leader, _ENDED)) is not None:
            self._leader_ended(attempt, ended)

    def _leader_ended(self, attempt: Attempt, ended: os.waitid_result) -> None:
        crash_point("supervisor.exit_noticed")
        left = attempt.stage != "gated" and self._leftovers.any_of(attempt)
        attempt.leader_ended = True
        if ended.si_code == os.CLD_EXITED:
            attempt.exit_code = ended.si_status
        else:
            attempt.exit_signal = ended.si_status
        if attempt.stage == "gated":
            self._gated_ended(attempt)
        elif left:
            self._closing[attempt.allocation_id] = attempt
            if attempt.stage == "running":
                self._begin_stopping(attempt, attempt.kill_grace_seconds)
        else:
            self._finish(attempt)

    def _gated_ended(self, attempt: Attempt) -> None:
        self._reap_leader(attempt)
        if attempt.gate_pipe is not None:
            os.close(attempt.gate_pipe)
            attempt.gate_pipe = None
        if attempt.discarded:
            self._roster.discarded(attempt)
            return
        how = (
            f"exit code {attempt.exit_code}"
            if attempt.exit_signal is None
            else f"signal {attempt.exit_signal}"
        )
        reason = f"The process ended ({how}) before its gate was opened; nothing of the script ran."
        self._roster.launch_failed(attempt, attempt.failure or f"{reason} Requeue the job.")

    def _close_if_empty(self, attempt: Attempt) -> None:
        if not self._leftovers.any_of(attempt) and not self._leftovers.members(attempt):
            del self._closing[attempt.allocation_id]
            self._finish(attempt)

    def _finish(self, attempt: Attempt) -> None:
        self._reap_leader(attempt)
        crash_point("supervisor.reaped")
        self._roster.exited(attempt)

    def _reap_leader(self, attempt: Attempt) -> None:
        del self._roster.leaders[attempt.leader]
        attempt.account(os.wait4(attempt.leader, 0)[2])

    # Adopted: an older supervisor's children, now somebody else's

    def watch_adopted(self, attempt: Attempt) -> None:
        """Alive or not: the next look finds out."""
        if self._pidfds and attempt.process is not None:
            attempt.watch = open_verified(attempt.leader, attempt.process["start_ticks"])
            if attempt.watch is not None:
                self._selector.register(attempt.watch, selectors.EVENT_READ, attempt)
        self._leftovers.members(attempt)
        self._roster.look_at(attempt, time.monotonic())

    def adopted_ended(self, attempt: Attempt) -> None:
        """Its pidfd says so."""
        if attempt.outcome is None:
            self._look_at_adopted(attempt, time.monotonic())

    def _look_at_adopted(self, attempt: Attempt, now: float) -> None:
        self._notice_end(attempt)
        if attempt.leader_ended and not self._leftovers.members(attempt):
            self._roster.exited(attempt)
        elif (attempt.leader_ended or attempt.watch is None) and attempt.next_look <= now:
            attempt.next_look = now + _ADOPTED_LOOK_SECONDS
            self._roster.look_at(attempt, attempt.next_look)

    def _adopted_leader_ended(self, attempt: Attempt) -> None:
        attempt.leader_ended = True
        if attempt.watch is not None:
            self._selector.unregister(attempt.watch)
            os.close(attempt.watch)
            attempt.watch = None
        if attempt.stage == "running":
            self._begin_stopping(attempt, attempt.kill_grace_seconds)
        self._roster.look_at(attempt, time.monotonic())

    def _alive(self, attempt: Attempt) -> bool:
        process = attempt.process
        return process is not None and is_alive(process, self._roster.boot_id, self._roster.pid_namespace)
