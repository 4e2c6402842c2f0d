"""Calls about the log and what it proves: commands, events, audit, processes."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import httpx

from conductor.client.calls import API, Call, Params, as_bytes, as_object, as_shape, get, post
from conductor.client.errors import UnexpectedAnswer
from conductor.client.models import Event, EventPage, ProcessPage, Raw, read
from conductor.wire.audit import Audit
from conductor.wire.commands import CommandAccepted, CommandRejected

CommandAnswer = CommandAccepted | CommandRejected

# A log of some ten million events.
AUDIT_PATIENCE_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An event that the client has seen, by which the server tells whether history is still the same."""

    position: int
    hash: str | None = None


def known(event: Event) -> Known:
    return Known(position=event.position, hash=event.hash)


def command(command: Raw) -> Call[CommandAccepted]:
    return post(f"{API}/commands", as_shape(CommandAccepted), _repeatable(command))


def commands(commands: Sequence[Raw], atomic: bool) -> Call[tuple[CommandAnswer, ...]]:
    def reads(answer: httpx.Response) -> tuple[CommandAnswer, ...]:
        answers = as_object(answer).get("answers")
        if not isinstance(answers, list):
            raise UnexpectedAnswer("the answer to a list of commands is no list; are both of one version?")
        return tuple(_command_answer(one) for one in answers)

    body = {"commands": [_repeatable(one) for one in commands], "atomic": atomic}
    return post(f"{API}/commands", reads, body)


def _command_answer(raw: object) -> CommandAnswer:
    accepted = isinstance(raw, dict) and raw.get("ok") is True
    return read(CommandAccepted, raw) if accepted else read(CommandRejected, raw)


def _repeatable(command: Raw) -> Raw:
    return {"command_id": str(uuid.uuid4()), **command}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilters:
    """Which events: of one stream, of these types, of one node; None is all."""

    stream: str | None = None
    event_type: str | Sequence[str] | None = None
    node_name: str | None = None

    def params(self) -> dict[str, str | int | float | None]:
        return {"stream": self.stream, "type": _names(self.event_type), "node": self.node_name}


def events(after: Known, filters: EventFilters, limit: int | None) -> Call[EventPage]:
    params: Params = {"after": after.position, "hash": after.hash, **filters.params(), "limit": limit}
    return get(f"{API}/events", as_shape(EventPage), params)


def event_lines(after: Known, filters: EventFilters) -> Call[bytes]:
    """All there are up to the end of the log, one a line."""
    params: Params = {"after": after.position, "hash": after.hash, **filters.params()}
    call = get(f"{API}/events", as_bytes, params)
    return replace(call, headers={"Accept": "application/x-ndjson"})


def event_stream(position: int, last: Known | None, filters: EventFilters) -> Call[bytes]:
    """Server-sent events after this position; `last` is the last event that came, at most there."""
    of_last: Params = {} if last is None else {"after": last.position, "hash": last.hash}
    return Call(
        method="GET",
        path=f"{API}/events/stream",
        reads=as_bytes,
        params={**of_last, **filters.params()},
        headers={"Accept": "text/event-stream", "Last-Event-ID": str(position)},
    )


def _names(event_type: str | Sequence[str] | None) -> str | None:
    return event_type if event_type is None or isinstance(event_type, str) else ",".join(event_type)


def audit(replay: bool) -> Call[Audit]:
    params: Params = {"replay": "true" if replay else "false"}
    patience_seconds = AUDIT_PATIENCE_SECONDS if replay else 0.0
    return get(f"{API}/audit", as_shape(Audit), params, patience_seconds=patience_seconds)


def processes(
    pid: int | None, node_name: str | None, at: datetime | None, limit: int | None, cursor: int | None
) -> Call[ProcessPage]:
    params: Params = {
        "pid": pid,
        "node_name": node_name,
        "at": at.isoformat() if at else None,
        "limit": limit,
        "cursor": cursor,
    }
    return get(f"{API}/pids", as_shape(ProcessPage), params)
