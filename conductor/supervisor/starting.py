"""Gate, open, discard: the way of an attempt from a request to the first line of its script.

Intents are in the journal before anything is forked, openings before a gate is opened. Children are spawned
one at a time between two looks at the socket, so that a long list of starts does not hold up what has ended
or may go on. The script's file appears only when its gate opens.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence

from conductor.supervisor import protocol
from conductor.supervisor.account import (
    AccountRefused,
    checked_account,
    personal_environment,
    require_passage,
)
from conductor.supervisor.attempt import Attempt
from conductor.supervisor.crash_point import crash_point
from conductor.supervisor.environment import EnvironmentRefused, base_environment, before_the_gate
from conductor.supervisor.gate import OPEN_SESAME, Gate, LaunchRefused, Place, gate_code, start_for
from conductor.supervisor.journal import Intent
from conductor.supervisor.mark import Mark
from conductor.supervisor.output_caps import capped
from conductor.supervisor.process_identity import read_stat
from conductor.supervisor.resource_limits import LimitsRefused, limit
from conductor.supervisor.roster import Roster
from conductor.supervisor.signals import signal_own_group
from conductor.supervisor.spool import OutputRefused
from conductor.supervisor.terms import asked_terms

_WHAT_TO_DO = {
    errno.ENOSPC: "The node's disk is full; free space there and requeue the job.",
    errno.EDQUOT: "The node's disk quota is used up; free space there and requeue the job.",
    errno.EMFILE: "The supervisor has no file descriptor left; raise its limit (ulimit -n) and requeue.",
    errno.ENFILE: "The node has no file descriptor left; raise fs.file-max there and requeue the job.",
    errno.EAGAIN: "The node can start no more processes; raise that limit (ulimit -u, pids.max) and requeue.",
    errno.ENOMEM: "The node has no memory left to start a process; requeue the job.",
}


class Starting:
    __slots__ = ("_base", "_gate", "_life", "_roster", "_spawned", "_waiting", "_watch")

    def __init__(self, roster: Roster, gate: Gate, watch: Callable[[Attempt], None]) -> None:
        """`watch` is told of every attempt whose script now runs."""
        self._roster = roster
        self._watch = watch
        self._gate = gate
        self._base = base_environment()
        # `secrets` would do the same and bring in OpenSSL: 4 MB.
        self._life = os.urandom(8).hex()
        self._waiting: deque[Attempt] = deque()
        self._spawned: list[Attempt] = []

    @property
    def waiting(self) -> bool:
        return bool(self._waiting or self._spawned)

    def gate(self, messages: Sequence[protocol.Gate]) -> None:
        """A repeat is answered with what has happened."""
        roster, intended = self._roster, []
        for message in messages:
            if (known := roster.attempts.get(message["allocation_id"])) is not None:
                roster.tell(known)
                continue
            attempt = self._attempt(message)
            roster.add(attempt)
            roster.journal.gated(attempt.intent)
            intended.append(attempt)
        self._write_journal_or_fail(intended)
        crash_point("supervisor.gating_written")
        self._waiting += intended

    @property
    def identifying(self) -> bool:
        return bool(self._spawned)

    def resume(self, attempt: Attempt) -> None:
        """It waited to be spawned when this process became a newer program."""
        self._waiting.append(attempt)

    def advance(self, *, spawn: bool = True) -> None:
        """Identifies the last turn's child, spawns one more."""
        spawned, self._spawned = self._spawned, []
        for attempt in spawned:
            self._or_fail(attempt, self._identify)
        if self._waiting and spawn:
            attempt = self._waiting.popleft()
            if attempt.discarded:
                self._roster.discarded(attempt)
            elif attempt.outcome is None:
                self._or_fail(attempt, self._spawn)

    def _or_fail(self, attempt: Attempt, step: Callable[[Attempt], None]) -> None:
        try:
            step(attempt)
        except (LaunchRefused, OutputRefused, EnvironmentRefused, AccountRefused, LimitsRefused) as refusal:
            self.fail(attempt, str(refusal))
        except Exception as error:  # whatever it was: it is this attempt's failure, and somebody waits for it
            self.fail(attempt, _why(error))

    def open(self, attempts: Sequence[Attempt]) -> None:
        """A repeat is answered with what has happened."""
        opening = [attempt for attempt in attempts if _may_open(attempt)]
        for attempt in opening:
            if attempt.time_limit_seconds is not None:
                _set_deadline(attempt, time.monotonic(), attempt.time_limit_seconds)
            self._roster.journal.opened(attempt.allocation_id, attempt.opening())
        self._write_journal_or_fail(opening)
        crash_point("supervisor.opening_written")
        for attempt in attempts:
            if attempt not in opening:
                self._roster.tell(attempt)
            elif attempt.failure is None:
                self._open(attempt)

    def discard(self, attempt: Attempt) -> None:
        """Only what has not been opened; anything else is told as it is."""
        if attempt.stage == "gated":
            attempt.discarded = True
            self._kill_gated(attempt)
        else:
            self._roster.tell(attempt)

    def _attempt(self, message: protocol.Gate) -> Attempt:
        allocation_id = message["allocation_id"]
        mark = Mark(allocation_id, self._roster.spool.unique_name, self._life).text()
        attempt = Attempt(Intent(allocation_id, message["job_id"], message["attempt"], mark), "gated")
        attempt.gate = message
        attempt.time_limit_seconds = message["time_limit_seconds"]
        attempt.kill_grace_seconds = message["kill_grace_seconds"]
        attempt.terms = asked_terms(message)
        return attempt

    def _spawn(self, attempt: Attempt) -> None:
        message, spool = attempt.gate, self._roster.spool
        assert message is not None
        job_id, own, standard = message["job_id"], message["environment"], message["standard_environment"]
        account = attempt.terms["run_as"] = checked_account(message["run_as"])
        work_dir, base = message["work_dir"], self._base
        if account is not None:
            base = {**base, **personal_environment(account)}
            require_passage(account, os.path.dirname(spool.script_path(job_id)))
        if work_dir is None:
            work_dir = spool.make_work_folder(job_id, account)
            attempt.own_work_folder = True
        environment = before_the_gate(base, standard, attempt.intent.mark, work_dir)
        script_path, prologue = spool.script_path(job_id), message["prologue"]
        start = start_for(message["script"], script_path, own, environment["PATH"], prologue)
        code = gate_code(own, standard, prologue, bash_gate=start.bash_gate)
        spool.remove_script(job_id)
        stdout, stderr = spool.open_outputs(
            job_id, message["stdout_path"], message["stderr_path"], account, join=message["join_output"]
        )
        try:
            attempt.terms["outputs"] = capped((stdout, stderr), message["output_limit_bytes"])
            place = Place(work_dir, stdout.descriptor, stderr.descriptor, account)
            attempt.pid, attempt.gate_pipe = self._gate.spawn(start, code, environment, place)
        finally:
            for descriptor in {stdout.descriptor, stderr.descriptor}:
                os.close(descriptor)
        crash_point("supervisor.spawned")
        self._roster.leaders[attempt.pid] = attempt
        # Its /proc entry cannot be read until its exec is over; meanwhile there is other work.
        self._spawned.append(attempt)

    def _identify(self, attempt: Attempt) -> None:
        if attempt.gate_pipe is None:
            return  # it has ended already, or has been discarded
        message, stat = attempt.gate, read_stat(attempt.leader)
        assert message is not None
        assert stat is not None  # not reaped: at the least its zombie is there
        attempt.process = {
            "pid": stat.pid,
            "boot_id": self._roster.boot_id,
            "start_ticks": stat.start_ticks,
            "pid_namespace": self._roster.pid_namespace,
        }
        if message["set_affinity"]:
            _bind(attempt.leader, message["cpu_ids"])
        limit(attempt.leader, message["limits"])
        if self._roster.cgroups.enter(attempt.intent.mark, attempt.leader, message["memory_mb"]):
            attempt.terms["memory_mb"] = None  # the kernel watches
        crash_point("supervisor.identified")
        self._roster.outbox.append(attempt.gated_message())

    def _open(self, attempt: Attempt) -> None:
        assert attempt.gate is not None
        assert attempt.gate_pipe is not None
        try:
            self._roster.spool.write_script(
                attempt.intent.job_id, attempt.gate["script"], attempt.terms["run_as"]
            )
            crash_point("supervisor.script_written")
            os.write(attempt.gate_pipe, OPEN_SESAME)
            crash_point("supervisor.opened")
        except BrokenPipeError:
            return  # it has died; its end is about to be told
        except Exception as error:
            self.fail(attempt, _why(error))
            return
        os.close(attempt.gate_pipe)
        attempt.gate_pipe = attempt.gate = None
        attempt.stage = "running"
        self._watch(attempt)
        self._roster.outbox.append({"type": "opened", "allocation_id": attempt.allocation_id})

    def _write_journal_or_fail(self, attempts: Sequence[Attempt]) -> None:
        try:
            self._roster.journal.write()
        except OSError as error:
            for attempt in attempts:
                self.fail(attempt, _why(error))

    def fail(self, attempt: Attempt, reason: str) -> None:
        """Told at once when there is no child yet, otherwise when the child is gone."""
        if attempt.pid is None:
            self._roster.launch_failed(attempt, reason)
        else:
            attempt.failure = reason
            self._kill_gated(attempt)

    def _kill_gated(self, attempt: Attempt) -> None:
        if attempt.gate_pipe is not None:
            os.close(attempt.gate_pipe)
            attempt.gate_pipe = None
        if attempt.pid is not None:
            signal_own_group(attempt.leader, signal.SIGKILL)


def _set_deadline(attempt: Attempt, now: float, time_limit_seconds: float) -> None:
    attempt.deadline = now + time_limit_seconds
    gate = attempt.gate
    if gate is not None and attempt.terms["warn_signal"] is not None:
        attempt.terms["warn_at"] = max(now, attempt.deadline - gate["warn_seconds"])


def _may_open(attempt: Attempt) -> bool:
    """Identified, and its gate not closed by a discard or a failure."""
    return attempt.stage == "gated" and attempt.process is not None and attempt.gate_pipe is not None


def _bind(pid: int, cpu_ids: list[int]) -> None:
    try:
        os.sched_setaffinity(pid, cpu_ids)
    except OSError as error:
        reason = f"The process cannot be bound to the CPUs {cpu_ids} ({error.strerror}); see TOTAL_CPUS."
        raise LaunchRefused(reason) from error


def _why(error: Exception) -> str:
    if not isinstance(error, OSError):
        return f"The job cannot be started as submitted: {str(error) or repr(error)}."
    known = _WHAT_TO_DO.get(error.errno or 0)
    named = f" ({error.filename})" if error.filename else ""
    return known or f"The node could not start the job{named}: {error.strerror}."
