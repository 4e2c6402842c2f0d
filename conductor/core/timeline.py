"""A job's life as steps: what happened, how long after the step before, who did it, and what caused it.

Made of the events of the job's own stream as they are stored, so that the API's answers, the log and a case file may
all be read. Promises: a step for every event, also of a type that is not known here. Refuses to know any language:
`what` is a stable code, `details` its values; sentences are made elsewhere.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Protocol

from conductor.core.events import ImportOutcome

What = Literal[
    "submitted",
    "held",
    "held_automatically",
    "unheld",
    "reprioritized",
    "reserved",
    "started",
    "cancel_requested",
    "requeue_requested",
    "cleanup_blocked",
    "dependency_met",
    "never_starts",
    "cancelled_waiting",
    "cancelled_reserved",
    "cancelled_running",
    "finished",
    "timed_out",
    "out_of_memory",
    "launch_failed",
    "expired",
    "reservation_lost",
    "node_lost",
    "repaired",
    "requeued",
    "requeued_as_asked",
    "requeued_automatically",
    "late_report",
    "imported",
    "imported_closed",
    "other",
]
Data = Mapping[str, Any]


class StoredEvent(Protocol):
    """An event as it is stored, whoever read it."""

    @property
    def position(self) -> int: ...
    @property
    def stream(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def data(self) -> Data: ...
    @property
    def metadata(self) -> Data: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event as a step. `delay_seconds` is None for the first.

    `caused_by` is the causing event's stream and version (none: a request); its position is known when it is of the
    same stream.
    """

    position: int
    version: int
    type: str
    at: datetime
    delay_seconds: float | None
    attempt: int
    what: What
    actor: str | None
    channel: str | None
    caused_by: str | None
    caused_by_position: int | None
    details: Data

    def to_json(self) -> dict[str, Any]:
        return {
            "position": self.position,
            "at": self.at.isoformat(),
            "delay_seconds": self.delay_seconds,
            "attempt": self.attempt,
            "what": self.what,
            "type": self.type,
            "actor": self.actor,
            "channel": self.channel,
            "caused_by": self.caused_by,
            "caused_by_position": self.caused_by_position,
            "details": dict(self.details),
        }


@dataclass(slots=True, kw_only=True)
class _SoFar:
    """What later steps need of earlier ones."""

    attempt: int = 1
    node_name: str | None = None
    pid: int | None = None
    time_limit_seconds: int | None = None
    reserved_at: datetime | None = None
    expires_in_seconds: float | None = None
    started_at: datetime | None = None
    asked: StoredEvent | None = None  # the CancelRequested of this attempt
    positions: dict[str, int] = field(default_factory=dict)  # of the events by their references
    nodes: dict[int, str] = field(default_factory=dict)  # by allocation


Told = tuple[What, Data]


def timeline(events: Iterable[StoredEvent]) -> tuple[Step, ...]:
    """The steps of one job's stream, given from its first event on."""
    steps: list[Step] = []
    so_far = _SoFar()
    for event in events:
        what, details = _TELLERS.get(event.type, _other)(event, so_far)
        if what == "imported" and event.data.get("outcome") != ImportOutcome.WAITING and steps:
            steps[-1] = _without_hold(steps[-1])
        so_far.positions[f"{event.stream}@{event.version}"] = event.position
        caused_by = event.metadata.get("causation")
        steps.append(
            Step(
                position=event.position,
                version=event.version,
                type=event.type,
                at=event.at,
                delay_seconds=_between(steps[-1].at, event.at) if steps else None,
                attempt=so_far.attempt,
                what=what,
                actor=event.metadata.get("actor"),
                channel=event.metadata.get("channel"),
                caused_by=caused_by,
                caused_by_position=so_far.positions.get(caused_by) if caused_by else None,
                details={name: value for name, value in details.items() if value is not None},
            )
        )
    return tuple(steps)


def _without_hold(submitted: Step) -> Step:
    """An imported job is held from its first event on; one that had ended there never waited held."""
    return replace(submitted, details={name: it for name, it in submitted.details.items() if name != "held"})


def _between(earlier: datetime | None, later: datetime) -> float | None:
    """Seconds, to the microsecond."""
    return None if earlier is None else round((later - earlier).total_seconds(), 6)


def _submitted(event: StoredEvent, so_far: _SoFar) -> Told:
    data = event.data
    so_far.time_limit_seconds = data.get("time_limit_seconds")
    return "submitted", {
        "name": data.get("name"),
        "user_name": data.get("user_name"),
        "cpus": (data.get("ntasks_per_node") or 1) * (data.get("cpus_per_task") or 1),
        "held": data.get("held") or None,
        "begin_time": data.get("begin_time"),
        "dependency": data.get("dependency"),
        "task": data.get("array_task_id"),
        "array": data.get("array_job_id"),
    }


def _held(event: StoredEvent, so_far: _SoFar) -> Told:
    return "held_automatically" if event.data.get("automatic") else "held", _reason(event)


def _unheld(event: StoredEvent, so_far: _SoFar) -> Told:
    return "unheld", _reason(event)


def _reprioritized(event: StoredEvent, so_far: _SoFar) -> Told:
    return "reprioritized", {"priority": event.data.get("priority")}


def _reserved(event: StoredEvent, so_far: _SoFar) -> Told:
    data = event.data
    so_far.node_name, so_far.pid = data.get("node_name"), None
    so_far.reserved_at, so_far.started_at, so_far.asked = event.at, None, None
    so_far.expires_in_seconds = _until(event.at, data.get("expires_at"))
    if so_far.node_name is not None and isinstance(data.get("allocation_id"), int):
        so_far.nodes[data["allocation_id"]] = so_far.node_name
    return "reserved", {
        "node_name": so_far.node_name,
        "cpu_ids": list(data.get("cpu_ids") or ()),
        "expires_in_seconds": so_far.expires_in_seconds,
    }


def _until(now: datetime, later: object) -> float | None:
    """Stored times are texts."""
    if isinstance(later, str):
        try:
            later = datetime.fromisoformat(later)
        except ValueError:
            return None
    return _between(now, later) if isinstance(later, datetime) else None


def _allocated(event: StoredEvent, so_far: _SoFar) -> Told:
    process = event.data.get("process") or {}
    so_far.pid, so_far.started_at = process.get("pid"), event.at
    return "started", {"node_name": so_far.node_name, "pid": so_far.pid}


def _cancel_requested(event: StoredEvent, so_far: _SoFar) -> Told:
    so_far.asked = event
    return "requeue_requested" if event.data.get("requeue") else "cancel_requested", _reason(event)


def _cleanup_blocked(event: StoredEvent, so_far: _SoFar) -> Told:
    data = event.data
    return "cleanup_blocked", {
        "node_name": so_far.node_name,
        "pids": list(data.get("pids") or ()),
        "reason": data.get("detail"),
    }


def _dependency_met(event: StoredEvent, so_far: _SoFar) -> Told:
    return "dependency_met", {"dependency": event.data.get("dependency")}


def _cancelled(event: StoredEvent, so_far: _SoFar) -> Told:
    """By somebody, or because what it waited for can never come."""
    if event.data.get("unmet") is not None:
        return "never_starts", {"unmet": event.data["unmet"]}
    return "cancelled_waiting", _reason(event)


def _released(event: StoredEvent, so_far: _SoFar) -> Told:
    data = event.data
    reason = str(data.get("reason"))
    asked_at = so_far.asked.at if so_far.asked else None
    told = {
        "node_name": so_far.node_name,
        "pid": so_far.pid,
        "held_seconds": _between(so_far.reserved_at, event.at),
        "ran_seconds": _between(so_far.started_at, event.at),
        "after_seconds": _between(asked_at, event.at),
        "time_limit_seconds": so_far.time_limit_seconds if reason == "timed_out" else None,
        "expires_in_seconds": so_far.expires_in_seconds if reason == "expired" else None,
        "reason": data.get("detail"),
        **{name: data.get(name) for name in ("exit_code", "exit_signal", "cpu_seconds", "memory_peak_mb")},
    }
    return _end(reason, ran=so_far.started_at is not None), told


def _end(reason: str, *, ran: bool) -> What:
    match reason:
        case "cancelled":
            return "cancelled_running" if ran else "cancelled_reserved"
        case "node_lost":
            return "node_lost" if ran else "reservation_lost"
        case "finished" | "timed_out" | "out_of_memory" | "launch_failed" | "expired" | "repaired":
            return reason
        case _:
            return "other"


def _requeued(event: StoredEvent, so_far: _SoFar) -> Told:
    """Begins the next attempt; `by` is who asked for it before, when what ran had to be ended first."""
    data, asked = event.data, so_far.asked
    so_far.attempt = data.get("attempt") or so_far.attempt + 1
    so_far.asked = so_far.pid = so_far.started_at = None
    if data.get("automatic"):
        return "requeued_automatically", _reason(event)
    if asked is not None and asked.data.get("requeue") and event.metadata.get("causation"):
        by = {"by": asked.metadata.get("actor"), "through": asked.metadata.get("channel")}
        return "requeued_as_asked", _reason(event) | by
    return "requeued", _reason(event)


def _late_report(event: StoredEvent, so_far: _SoFar) -> Told:
    data = event.data
    names = ("incarnation", "exit_code", "exit_signal")
    node_name = so_far.nodes.get(data.get("allocation_id") or 0)
    return "late_report", {"node_name": node_name, "outcome": data.get("reason")} | {
        name: data.get(name) for name in names
    }


def _imported(event: StoredEvent, so_far: _SoFar) -> Told:
    data = event.data
    known = data.get("allocation") or {}
    return "imported", {
        "name": data.get("source"),
        "state": data.get("state"),
        "submitted_at": data.get("submitted_at"),
        "started_at": data.get("started_at"),
        "ended_at": data.get("ended_at"),
        "node_name": known.get("node_name"),
        "pid": known.get("pid"),
        "never_given_back": bool(known and not known.get("given_back")) or None,
        "reason": data.get("error"),
        "exit_code": data.get("exit_code"),
        "exit_signal": data.get("exit_signal"),
    }


def _imported_closed(event: StoredEvent, so_far: _SoFar) -> Told:
    data = event.data
    return "imported_closed", {"allocation_id": data.get("allocation_id"), "reason": data.get("detail")}


def _other(event: StoredEvent, so_far: _SoFar) -> Told:
    return "other", event.data


def _reason(event: StoredEvent) -> dict[str, Any]:
    return {"reason": event.data.get("reason")}


_TELLERS: Mapping[str, Callable[[StoredEvent, _SoFar], Told]] = {
    "JobSubmitted": _submitted,
    "JobHeld": _held,
    "JobUnheld": _unheld,
    "JobReprioritized": _reprioritized,
    "ResourcesReserved": _reserved,
    "ResourcesAllocated": _allocated,
    "DependencyMet": _dependency_met,
    "CancelRequested": _cancel_requested,
    "CleanupBlocked": _cleanup_blocked,
    "ResourcesReleased": _released,
    "JobCancelled": _cancelled,
    "JobRequeued": _requeued,
    "LateReport": _late_report,
    "JobImported": _imported,
    "ImportedAllocationClosed": _imported_closed,
}
