"""Calls about the log and what it proves: commands, events, audit, processes."""

import uuid
from collections.abc import Sequence
from datetime import datetime

import httpx

from conductor.client.calls import API, Call, Params, as_bytes, as_object, as_shape, get, post
from conductor.client.errors import UnexpectedAnswer
from conductor.client.models import EventPage, ProcessPage, Raw, read
from conductor.client.shapes import CommandAnswer

# A log of some ten million events.
AUDIT_PATIENCE_SECONDS = 600.0


def command(command: Raw) -> Call[Raw]:
    return post(f"{API}/commands", as_object, _repeatable(command))


def commands(commands: Sequence[Raw], atomic: bool) -> Call[tuple[CommandAnswer, ...]]:
    def reads(answer: httpx.Response) -> tuple[CommandAnswer, ...]:
        answers = as_object(answer).get("answers")
        if not isinstance(answers, list):
            raise UnexpectedAnswer("the answer to a list of commands is no list; are both of one version?")
        return tuple(read(CommandAnswer, one) for one in answers)

    body = {"commands": [_repeatable(one) for one in commands], "atomic": atomic}
    return post(f"{API}/commands", reads, body)


def _repeatable(command: Raw) -> Raw:
    return {"command_id": str(uuid.uuid4()), **command}


def events(
    after: int,
    stream: str | None,
    event_type: str | Sequence[str] | None,
    node_name: str | None,
    limit: int | None,
) -> Call[EventPage]:
    kinds = _names(event_type)
    params: Params = {"after": after, "stream": stream, "type": kinds, "node": node_name, "limit": limit}
    return get(f"{API}/events", as_shape(EventPage), params)


def event_stream(
    after: int, stream: str | None, event_type: str | Sequence[str] | None, node_name: str | None
) -> Call[bytes]:
    """Server-sent events, after this position."""
    return Call(
        method="GET",
        path=f"{API}/events/stream",
        reads=as_bytes,
        params={"stream": stream, "type": _names(event_type), "node": node_name},
        headers={"Accept": "text/event-stream", "Last-Event-ID": str(after)},
    )


def _names(event_type: str | Sequence[str] | None) -> str | None:
    return event_type if event_type is None or isinstance(event_type, str) else ",".join(event_type)


def audit(replay: bool) -> Call[Raw]:
    params: Params = {"replay": "true" if replay else "false"}
    patience_seconds = AUDIT_PATIENCE_SECONDS if replay else 0.0
    return get(f"{API}/audit", as_object, params, patience_seconds=patience_seconds)


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
