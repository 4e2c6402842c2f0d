"""The log as a stream: every event in order, with the bytes its hash is made of.

Promises: memory does not grow with the log. Refuses to know what events mean.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from conductor.core.events import RecordedEvent
from conductor.database import load_queries
from conductor.log import recorded_event

SQL = load_queries("projections", "log_stream.sql")

_FETCH = 5000


class LogEvent(NamedTuple):
    """An event as it is stored. `text` is what is hashed after the previous hash, see `event_text`."""

    position: int
    stream: str
    version: int
    type: str
    schema_version: int
    at: datetime
    recorded_at: datetime
    data: dict[str, Any]
    metadata: dict[str, Any]
    hash: bytes
    text: str

    def recorded(self) -> RecordedEvent:
        """Decoded. Raises `UnknownEvent`, `ValueError`."""
        return recorded_event(self[:9])


def read_log(
    connection: psycopg.Connection[Any], *, after: int = 0, until: int | None = None
) -> Iterator[LogEvent]:
    """Events after a position, up to and with another, as one snapshot sees them; inside a transaction."""
    with connection.cursor(name="log_stream") as cursor:
        cursor.itersize = _FETCH
        cursor.execute(SQL["log"], {"after": after, "until": until})
        for row in cursor:
            yield LogEvent(*row)


def last_position(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(SQL["last_position"]).fetchone()
    assert row is not None
    return int(row[0])
