"""The past, folded: where the log stood at a position or time, and every state as it was then.

Promises: a state at position n is a fold of its stream's events among the first n, by the one `evolve`; states
come one at a time, so memory does not grow with the log. Refuses to know what is made of them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import psycopg
from psycopg.rows import dict_row

from conductor.codec import decode_text
from conductor.core.decider import State, fold_owned
from conductor.core.errors import ConductorError
from conductor.core.identifiers import StreamName
from conductor.database import load_queries

SQL = load_queries("projections", "moment.sql")

_FETCH = 5000

Progress = Callable[[int, int], None]
Row = tuple[Any, ...]


class BeyondHead(ConductorError):
    """A position that the log has not reached."""

    def __init__(self, position: int, head: int) -> None:
        super().__init__(f"The log ends at position {head}; position {position} has not happened yet.")
        self.position = position
        self.head = head


class UnreadableLog(ConductorError):
    """The log cannot be folded: an event is missing, illegal where it stands, or newer than this release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A place in the log. `at` is what durations are counted to: the time asked for (now, when that has yet to
    come), else when the event was recorded; None before the first event.
    """

    position: int
    at: datetime | None
    head: int
    in_future: bool = False

    def told(self) -> dict[str, Any]:
        """As every answer carries it."""
        return {"position": self.position, "time": self.at.isoformat() if self.at else None}


def find_moment(connection: psycopg.Connection[Any], when: int | datetime) -> Moment:
    """The moment of a position, or of an aware time. Raises `BeyondHead`."""
    return _moment(when, connection.execute(SQL["moment"], _asked(when)).fetchone())


async def read_moment(connection: psycopg.AsyncConnection[Any], when: int | datetime) -> Moment:
    """The same for whoever must not wait. Raises `BeyondHead`."""
    return _moment(when, await (await connection.execute(SQL["moment"], _asked(when))).fetchone())


def _asked(when: int | datetime) -> dict[str, object]:
    is_time = isinstance(when, datetime)
    return {"position": None if is_time else when, "instant": when if is_time else None}


def _moment(when: int | datetime, row: Row | None) -> Moment:
    assert row is not None
    head, position, recorded_at, now = row
    if position > head:
        raise BeyondHead(position, head)
    if not isinstance(when, datetime):
        return Moment(position=position, at=recorded_at, head=head)
    return Moment(
        position=position, at=min(when, now).astimezone(now.tzinfo), head=head, in_future=when > now
    )


def states_at(
    connection: psycopg.Connection[Any], until: int, *, progress: Progress | None = None
) -> Iterator[State]:
    """Every stream's state after the first `until` events; inside a transaction, which is the snapshot.

    `progress` is told (events folded, events in all). Raises `UnreadableLog`.
    """
    with connection.cursor(name="states_at", binary=True) as cursor:
        cursor.itersize = _FETCH
        cursor.execute(SQL["by_stream"], {"until": until})
        rows = cursor if progress is None else _counted(cursor, until, progress)
        for _, stream in groupby(rows, itemgetter(0)):
            yield fold_stream(stream)


def state_at(connection: psycopg.Connection[Any], stream: StreamName, until: int) -> State | None:
    """One stream's state; None when it had not begun. Raises `UnreadableLog`."""
    rows = connection.execute(SQL["one_stream"], {"stream": stream, "until": until}).fetchall()
    return fold_stream(rows) if rows else None


async def read_state(
    connection: psycopg.AsyncConnection[Any], stream: StreamName, until: int
) -> State | None:
    """The same for whoever must not wait."""
    cursor = await connection.execute(SQL["one_stream"], {"stream": stream, "until": until})
    rows = await cursor.fetchall()
    return fold_stream(rows) if rows else None


def stream_events(
    connection: psycopg.Connection[Any], stream: StreamName, until: int
) -> list[dict[str, Any]]:
    """A stream's events as they are stored, up to a position: what a timeline shows."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["stream_events"], {"stream": stream, "until": until}).fetchall()


def fold_stream(rows: Iterable[Row]) -> State:
    """The state that one whole stream, from its first event on, folds to."""
    states: dict[StreamName, State] = {}
    for stream, position, version, kind, schema_version, at, text in rows:
        try:
            event = decode_text(kind, schema_version, text.encode())
            fold_owned(states, stream, event, at=at, version=version)
        except (ConductorError, ValueError) as error:
            why = str(error).rstrip(".")
            raise UnreadableLog(
                f"The log cannot be folded beyond position {position}: {why}. "
                "`conductor replay verify` names everything that is wrong with it."
            ) from error
    [state] = states.values()
    return state


def _counted(rows: Iterable[Row], total: int, progress: Progress) -> Iterator[Row]:
    count = 0
    for count, row in enumerate(rows, 1):
        yield row
        if count % _FETCH == 0:
            progress(count, total)
    progress(count, total)
