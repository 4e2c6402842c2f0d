"""One supervised attempt: the facts, and the messages that tell them. It does nothing itself."""

from __future__ import annotations

import resource

from conductor.supervisor import protocol
from conductor.supervisor.journal import Intent, Opening
from conductor.supervisor.terms import no_terms


class Attempt:
    """Changed only by `starting`, `ending` and `adoption`.

    `stage` walks gated -> running -> stopping -> exited, or ends as launch_failed before running.
    """

    __slots__ = (
        "cause",
        "cleanup_told",
        "cpu_seconds",
        "deadline",
        "discarded",
        "exit_code",
        "exit_signal",
        "failure",
        "gate",
        "gate_pipe",
        "intent",
        "kill_at",
        "kill_grace_seconds",
        "kill_pause_seconds",
        "killed_at",
        "leader_ended",
        "next_look",
        "outcome",
        "own_child",
        "own_work_folder",
        "peak_kib",
        "pid",
        "process",
        "seen",
        "stage",
        "terms",
        "time_limit_seconds",
        "watch",
    )

    def __init__(self, intent: Intent, stage: protocol.Stage) -> None:
        self.intent = intent
        self.stage: protocol.Stage = stage
        self.pid: int | None = None
        self.process: protocol.Process | None = None  # the same, identified
        self.outcome: protocol.Exited | protocol.LaunchFailed | None = None
        # What is still to be started: the request, then the pipe that opens the gate.
        self.gate: protocol.Gate | None = None
        self.gate_pipe: int | None = None
        self.own_work_folder = False
        # What the end of a child that is still gated means, when it was our doing.
        self.discarded = False
        self.failure: str | None = None
        # Limits; instants are of the monotonic clock.
        self.time_limit_seconds: float | None = None
        self.kill_grace_seconds = 10.0
        self.deadline: float | None = None
        self.kill_at: float | None = None
        self.kill_pause_seconds = 0.05
        self.killed_at: float | None = None  # SIGKILL was first sent
        self.cleanup_told = False
        self.cause: protocol.Cause | None = None
        self.terms = no_terms()
        # The end. An adopted attempt is nobody's child here: watched by a pidfd, members known by identity.
        self.own_child = True
        self.watch: int | None = None
        self.next_look = 0.0
        self.seen: dict[int, int] = {}
        self.leader_ended = False
        self.exit_code: int | None = None
        self.exit_signal: int | None = None
        self.cpu_seconds: float | None = 0.0
        self.peak_kib: int | None = 0

    @property
    def allocation_id(self) -> int:
        return self.intent.allocation_id

    @property
    def leader(self) -> int:
        """The script's own process; its number is its group's and its session's."""
        assert self.pid is not None
        return self.pid

    @property
    def live(self) -> bool:
        return self.outcome is None

    def account(self, usage: resource.struct_rusage) -> None:
        """CPU time adds up; of memory only the largest single process's peak is known."""
        self.cpu_seconds = (self.cpu_seconds or 0.0) + usage.ru_utime + usage.ru_stime
        self.peak_kib = max(self.peak_kib or 0, usage.ru_maxrss)

    def opening(self) -> Opening:
        assert self.process is not None
        return Opening(self.process, self.deadline, self.kill_grace_seconds, self.terms)

    def held(self) -> protocol.Held:
        return {
            "allocation_id": self.intent.allocation_id,
            "job_id": self.intent.job_id,
            "attempt": self.intent.attempt,
            "stage": self.stage,
            "process": self.process,
        }

    def gated_message(self) -> protocol.Gated:
        assert self.process is not None
        return {"type": "gated", "allocation_id": self.intent.allocation_id, "process": self.process}

    def launch_failed_message(self, reason: str) -> protocol.LaunchFailed:
        return {
            "type": "launch_failed",
            "allocation_id": self.intent.allocation_id,
            "reason": reason,
            "cause": self.cause,
        }

    def exited_message(self) -> protocol.Exited:
        unknown = self.exit_code is None and self.exit_signal is None
        return {
            "type": "exited",
            "allocation_id": self.intent.allocation_id,
            "exit_code": self.exit_code,
            "exit_signal": self.exit_signal,
            "cpu_seconds": None if self.cpu_seconds is None else round(self.cpu_seconds, 6),
            "memory_peak_mb": None if self.peak_kib is None else -(-self.peak_kib // 1024),
            "cause": self.cause,
            "detail": "unknown" if unknown else None,
            "truncated": [output["stream"] for output in self.terms["outputs"] if output["mark_bytes"]],
        }
