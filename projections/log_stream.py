"""The log as a stream: every event in order, with the bytes its hash is made of.

Promises: memory does not grow with the log, and the connection is free for other questions between two events.
Refuses to know what events mean.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import psycopg

from conductor.codec import decode_provenance, decode_text, parse
from conductor.core.decider import State, fold_owned
from conductor.core.errors import ConductorError
from conductor.core.events import Event, RecordedEvent
from conductor.core.identifiers import Position, StreamName, Version
from conductor.database import load_queries

SQL = load_queries("projections", "log_stream.sql")

# What an event raises that cannot be read, or is not legal where it stands.
ILLEGAL = (ConductorError, ValueError, TypeError, LookupError, OverflowError)

_FETCH = 5000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LogEvent(NamedTuple):
    """An event as it is stored; `data_text` and `metadata_text` are the JSON as PostgreSQL prints it."""

    position: int
    stream: str
    version: int
    type: str
    schema_version: int
    at: datetime
    recorded_at: datetime
    data_text: str
    metadata_text: str
    hash: bytes

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = parse(self.data_text)
        return found

    @property
    def metadata(self) -> dict[str, Any]:
        found: dict[str, Any] = parse(self.metadata_text)
        return found

    @property
    def text(self) -> str:
        """What is hashed after the previous hash: what `event_text` gives."""
        return (
            f"[{self.position}, {_quoted(self.stream)}, {self.version}, {_quoted(self.type)}, "
            f"{self.schema_version}, {_microseconds(self.at)}, {_microseconds(self.recorded_at)}, "
            f"{self.data_text}, {self.metadata_text}]"
        )

    def hash_after(self, previous: bytes) -> bytes:
        """What `hash` must be."""
        return hashlib.sha256(previous + self.text.encode()).digest()

    def event(self) -> Event:
        """Decoded. Raises `UnknownEvent`, `ValueError`."""
        return decode_text(self.type, self.schema_version, self.data_text.encode())

    def recorded(self) -> RecordedEvent:
        """Decoded whole. Raises `UnknownEvent`, `ValueError`."""
        return RecordedEvent(
            position=Position(self.position),
            stream=StreamName(self.stream),
            version=Version(self.version),
            event=self.event(),
            at=self.at,
            recorded_at=self.recorded_at,
            provenance=decode_provenance(self.metadata),
        )


def fold_logged(states: dict[StreamName, State], logged: LogEvent) -> State:
    """Fold it into `states`, which nobody else may hold. Raises one of `ILLEGAL`."""
    stream, event = StreamName(logged.stream), logged.event()
    return fold_owned(states, stream, event, at=logged.at, version=Version(logged.version))


def read_log(
    connection: psycopg.Connection[Any], *, after: int = 0, until: int | None = None
) -> Iterator[LogEvent]:
    """Events after a position, up to and with another; the end of the log as it is now when left out."""
    last = last_position(connection) if until is None else until
    with connection.cursor(binary=True) as cursor:
        while after < last:
            ahead = min(after + _FETCH, last)
            cursor.execute(SQL["log"], {"after": after, "until": ahead})
            yield from map(LogEvent._make, cursor.fetchall())
            after = ahead


def read_streams(
    connection: psycopg.Connection[Any], streams: Sequence[str], *, before: int
) -> list[LogEvent]:
    """Some streams' events before a position, each stream's in order."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute(SQL["streams"], {"streams": list(streams), "before": before})
        return [LogEvent._make(row) for row in cursor.fetchall()]


def last_position(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(SQL["last_position"]).fetchone()
    assert row is not None
    return int(row[0])


def _quoted(name: str) -> str:
    """As jsonb prints a string."""
    if name.isprintable() and '"' not in name and "\\" not in name:
        return f'"{name}"'
    return json.dumps(name, ensure_ascii=False)


@lru_cache(maxsize=64)  # the events of a batch share their times
def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
