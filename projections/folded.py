"""What the log folds to, in bounded memory: states while they change, digests of their rows once they have ended.

A finished job is about thirty values in three tables; all that is still needed of it is whether the tables say
the same. So its rows are hashed and the job is forgotten. The few that go on (requeued, or reported late) are
folded once more from their stream.
"""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import psycopg

from conductor.codec import encode
from conductor.core.decider import State, fold_owned
from conductor.core.events import Event
from conductor.core.identifiers import StreamName, Version
from conductor.core.job import Job
from projections.log_stream import LogEvent, fold_logged, read_streams
from projections.tables import TABLES, TableRow, rows_of, stream_of_row

_JUST_ENDED = 5000  # kept whole for a while: what happens to a finished job mostly happens soon

States = dict[StreamName, State]
EVER = 2**63 - 1  # before it: all there is
_STREAMS_AT_ONCE = 500


class Folded:
    """Feed it every event in order, then `finish`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._states: States = {}
        self._just_ended: OrderedDict[StreamName, Job] = OrderedDict()
        self._digests: dict[str, dict[Any, bytes]] = {table: {} for table in TABLES}
        self.columns: dict[str, tuple[str, ...]] = {}  # of the digests, in order
        self.ended: Counter[str] = Counter()  # jobs by how they ended, of those that are digests
        self.broken: set[StreamName] = set()  # streams with an event that is not legal where it stands

    def fold(self, logged: LogEvent) -> Event:
        """Raises `ConductorError` or `ValueError` for an event that is not legal where it stands."""
        event, stream = logged.event(), StreamName(logged.stream)
        if stream not in self._states and logged.version > 1:
            self._recall(stream, logged.position)
        state = fold_owned(self._states, stream, event, at=logged.at, version=Version(logged.version))
        if isinstance(state, Job) and state.state.final:
            self._ended(stream, state)
        return event

    def know(self, stream: StreamName, state: State) -> None:
        """What a stream comes to whose events are not fed."""
        self._states[stream] = state

    def gres_wanted(self, stream: str) -> Mapping[str, int]:
        """Generic resources that a job asked for, by the stream of an event that was just fed."""
        state = self._states.get(StreamName(stream)) or self._just_ended.get(StreamName(stream))
        return state.submitted.gres if isinstance(state, Job) else {}

    def give_up(self, stream: str) -> None:
        """Nobody knows any more what its rows should be."""
        self.broken.add(StreamName(stream))
        self._states.pop(StreamName(stream), None)

    def finish(self) -> None:
        """All events were fed: digests of every row are there from now on."""
        for state in (*self._states.values(), *self._just_ended.values()):
            self._digest(state)
        self._states.clear()
        self._just_ended.clear()

    def digests(self, table: str) -> dict[Any, bytes]:
        """The digest of every expected row of a table, by key."""
        return self._digests[table]

    def row_again(self, table: str, found: Mapping[str, Any]) -> TableRow:
        """The expected row in the place of a found one, folded once more."""
        state = state_before(self._connection, stream_of_row(table, found), EVER)
        rows = rows_of(state) if state is not None else ()
        key = TABLES[table]
        return next((row for name, row in rows if (name, row[key]) == (table, found[key])), {})

    def _ended(self, stream: StreamName, job: Job) -> None:
        self._just_ended[stream] = job
        del self._states[stream]
        if len(self._just_ended) > _JUST_ENDED:
            self._digest(self._just_ended.popitem(last=False)[1])

    def _digest(self, state: State) -> None:
        if isinstance(state, Job) and state.state.final:
            self.ended[state.state] += 1
        for table, row in rows_of(state):
            self.columns.setdefault(table, tuple(row))
            self._digests[table][row[TABLES[table]]] = digest_of(row.values())

    def _recall(self, stream: StreamName, before: int) -> None:
        """A stream goes on that is not held: it ended a while ago, or began before the first event fed."""
        job = self._just_ended.pop(stream, None)
        if job is not None:
            self._states[stream] = job
            return
        state = state_before(self._connection, stream, before)
        if state is not None:
            self._states[stream] = state
            if isinstance(state, Job) and state.job_id in self._digests["jobs"]:
                self.ended[state.state] -= 1
            for table, row in rows_of(state):
                self._digests[table].pop(row[TABLES[table]], None)


def state_before(connection: psycopg.Connection[Any], stream: StreamName, before: int) -> State | None:
    """A stream folded by itself, up to a position. Raises as `Folded.fold`."""
    [(_, state)] = states_before(connection, [stream], before)
    return state


def states_before(
    connection: psycopg.Connection[Any], streams: Sequence[StreamName], before: int
) -> Iterator[tuple[StreamName, State | None]]:
    """The same for many, some hundred at a time."""
    for first in range(0, len(streams), _STREAMS_AT_ONCE):
        portion = streams[first : first + _STREAMS_AT_ONCE]
        states: States = {}
        for logged in read_streams(connection, portion, before=before):
            fold_logged(states, logged)
        for stream in portion:
            yield stream, states.get(stream)


def digest_of(values: Iterable[Any]) -> bytes:
    """Of a row's values, in the order of the row function."""
    row = list(values)
    try:
        text = encode(row)
    except TypeError:  # a number that no column holds, from an event that was altered
        text = repr(row).encode()
    return hashlib.blake2b(text, digest_size=16).digest()
