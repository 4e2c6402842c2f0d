"""The log folded stream by stream, and the rows that come of it.

Promises: memory does not grow with the log, because a stream is done with before the next begins; what is read
inside one transaction is one snapshot. Refuses to know: what the rows are compared with, or put into.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from conductor.codec import encode
from conductor.core.decider import State
from conductor.core.errors import ConductorError
from conductor.core.identifiers import StreamName
from conductor.database import load_queries
from projections.folded import EVER, states_before
from projections.log_stream import ILLEGAL, LogEvent, fold_logged
from projections.tables import TABLES, TableRow, rows_of

SQL = load_queries("projections", "stream_folds.sql")

_FETCH = 5000
_STREAMS_AT_ONCE = 500

Connection = psycopg.Connection[Any]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Some streams' states, and every row that they stand for. A stream that has no event has no state."""

    streams: tuple[StreamName, ...]
    states: Mapping[StreamName, State]
    rows: Mapping[str, list[TableRow]] = field(init=False)

    def __post_init__(self) -> None:
        rows: dict[str, list[TableRow]] = {table: [] for table in TABLES}
        for state in self.states.values():
            for table, row in rows_of(state):
                rows[table].append(row)
        object.__setattr__(self, "rows", rows)

    @property
    def versions(self) -> Mapping[StreamName, int]:
        return {
            stream: self.states[stream].version if stream in self.states else 0 for stream in self.streams
        }

    def owners(self, table: str) -> list[str]:
        """Names of nodes, or numbers of jobs: what the rows of this table belong to."""
        prefix = "node-" if table == "nodes" else "job-"
        return [stream.removeprefix(prefix) for stream in self.streams if stream.startswith(prefix)]

    def json(self, table: str) -> str:
        return encode(self.rows[table]).decode()


def fold_streams(connection: Connection, streams: Iterable[StreamName]) -> Folded:
    """These streams, whole. Raises `ConductorError` when an event is not legal where it stands."""
    wanted = tuple(sorted(set(streams)))
    try:
        found = dict(states_before(connection, wanted, EVER))
    except ILLEGAL as error:
        raise ConductorError(f"The log cannot be folded. {error}") from error
    return Folded(streams=wanted, states={name: state for name, state in found.items() if state is not None})


def folded_log(
    connection: Connection, progress: Progress | None = None, broken: set[StreamName] | None = None
) -> Iterator[Folded]:
    """Every stream of the log, some at a time. Inside a transaction.

    Streams that cannot be folded are left out and put into `broken`; without it, it raises like `fold_streams`.
    """
    total, _ = extent(connection)
    done = 0
    states: dict[StreamName, State] = {}
    with connection.cursor(name="log_by_stream") as cursor:
        cursor.itersize = _FETCH
        cursor.execute(SQL["log_by_stream"])
        for row in cursor:
            if len(states) >= _STREAMS_AT_ONCE and row[1] not in states:
                yield Folded(streams=tuple(states), states=states)
                states = {}
                if progress is not None:
                    progress(done, total)
            done += 1
            if broken is not None and row[1] in broken:
                continue
            try:
                fold_logged(states, LogEvent._make(row))
            except ILLEGAL as error:
                if broken is None:
                    raise ConductorError(f"The log cannot be folded at position {row[0]}. {error}") from error
                broken.add(row[1])
                states.pop(row[1], None)
    if states:
        yield Folded(streams=tuple(states), states=states)
    if progress is not None:
        progress(total, total)


def portions(streams: Sequence[StreamName], size: int) -> Iterator[Sequence[StreamName]]:
    """So many at a time."""
    for first in range(0, len(streams), size):
        yield streams[first : first + size]


def extent(connection: Connection) -> tuple[int, int]:
    """How many events there are, and the last one's position."""
    row = connection.execute(SQL["extent"]).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def moved_streams(connection: Connection, after: int) -> list[StreamName]:
    """Streams that have an event after a position."""
    return [StreamName(stream) for (stream,) in connection.execute(SQL["moved_streams"], {"after": after})]
