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
from conductor.supervisor.attempt import Attempt
from conductor.supervisor.environment import EnvironmentRefused, base_environment, before_the_gate
from conductor.supervisor.gate import OPEN_SESAME, Gate, LaunchRefused, gate_code, start_for
from conductor.supervisor.journal import Intent
from conductor.supervisor.process_identity import read_stat
from conductor.supervisor.roster import Roster
from conductor.supervisor.signals import signal_own_group
from conductor.supervisor.spool import OutputRefused

_WHAT_TO_DO = {
    errno.ENOSPC: "The node's disk is full; free space there and requeue the job.",
    errno.EDQUOT: "The node's disk quota is used up; free space there and requeue the job.",
    errno.EMFILE: "The supervisor has no file descriptor left; raise its limit (ulimit -n) and requeue.",
    errno.ENFILE: "The node has no file descriptor left; raise fs.file-max there and requeue the job.",
    errno.EAGAIN: "The node can start no more processes; raise that limit (ulimit -u, pids.max) and requeue.",
    errno.ENOMEM: "The node has no memory left to start a process; requeue the job.",
}


class Starting:
    __slots__ = ("_base", "_gate", "_marks_of_this_life", "_roster", "_spawned", "_waiting")

    def __init__(self, roster: Roster, gate: Gate) -> None:
        self._roster = roster
        self._gate = gate
        self._base = base_environment()
        # Allocation numbers repeat between databases; marks must not, not even between supervisors. (`secrets` would
        # do the same and bring in OpenSSL: 4 MB.)
        self._marks_of_this_life = os.urandom(8).hex()
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
        self._waiting += intended

    def advance(self) -> None:
        """Identifies the last turn's child, spawns one more."""
        spawned, self._spawned = self._spawned, []
        for attempt in spawned:
            self._or_fail(attempt, self._identify)
        if self._waiting:
            attempt = self._waiting.popleft()
            if attempt.discarded:
                self._roster.discarded(attempt)
            elif attempt.outcome is None:
                self._or_fail(attempt, self._spawn)

    def _or_fail(self, attempt: Attempt, step: Callable[[Attempt], None]) -> None:
        try:
            step(attempt)
        except (LaunchRefused, OutputRefused, EnvironmentRefused) as refusal:
            self._fail(attempt, str(refusal))
        except Exception as error:  # whatever it was: it is this attempt's failure, and somebody waits for it
            self._fail(attempt, _why(error))

    def open(self, attempts: Sequence[Attempt]) -> None:
        """A repeat is answered with what has happened."""
        opening = [attempt for attempt in attempts if _may_open(attempt)]
        for attempt in opening:
            if attempt.time_limit_seconds is not None:
                attempt.deadline = time.monotonic() + attempt.time_limit_seconds
            self._roster.journal.opened(attempt.allocation_id, attempt.opening())
        self._write_journal_or_fail(opening)
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
        mark = f"{allocation_id}.{self._marks_of_this_life}"
        attempt = Attempt(Intent(allocation_id, message["job_id"], message["attempt"], mark), "gated")
        attempt.gate = message
        attempt.time_limit_seconds = message["time_limit_seconds"]
        attempt.kill_grace_seconds = message["kill_grace_seconds"]
        return attempt

    def _spawn(self, attempt: Attempt) -> None:
        message, spool = attempt.gate, self._roster.spool
        assert message is not None
        job_id, own, standard = message["job_id"], message["environment"], message["standard_environment"]
        work_dir = message["work_dir"]
        if work_dir is None:
            work_dir = spool.make_work_folder(job_id)
            attempt.own_work_folder = True
        environment = before_the_gate(self._base, standard, attempt.intent.mark, work_dir)
        script_path, prologue = spool.script_path(job_id), message["prologue"]
        start = start_for(message["script"], script_path, own, environment["PATH"], prologue)
        code = gate_code(own, standard, prologue, bash_gate=start.bash_gate)
        spool.remove_script(job_id)
        stdout, stderr = spool.open_outputs(
            job_id, message["stdout_path"], message["stderr_path"], join=message["join_output"]
        )
        try:
            attempt.pid, attempt.gate_pipe = self._gate.spawn(
                start, code, environment, work_dir, stdout, stderr
            )
        finally:
            os.close(stdout)
            if stderr != stdout:
                os.close(stderr)
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
        self._roster.outbox.append(attempt.gated_message())

    def _open(self, attempt: Attempt) -> None:
        assert attempt.gate is not None
        assert attempt.gate_pipe is not None
        try:
            self._roster.spool.write_script(attempt.intent.job_id, attempt.gate["script"])
            os.write(attempt.gate_pipe, OPEN_SESAME)
        except BrokenPipeError:
            return  # it has died; its end is about to be told
        except Exception as error:
            self._fail(attempt, _why(error))
            return
        os.close(attempt.gate_pipe)
        attempt.gate_pipe = attempt.gate = None
        attempt.stage = "running"
        if attempt.deadline is not None:
            self._roster.look_at(attempt, attempt.deadline)
        self._roster.outbox.append({"type": "opened", "allocation_id": attempt.allocation_id})

    def _write_journal_or_fail(self, attempts: Sequence[Attempt]) -> None:
        try:
            self._roster.journal.write()
        except OSError as error:
            for attempt in attempts:
                self._fail(attempt, _why(error))

    def _fail(self, attempt: Attempt, reason: str) -> None:
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
