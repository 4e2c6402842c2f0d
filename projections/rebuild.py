"""Mend the tables by the log: find the rows that differ, and make just those anew.

Promises: nothing is written but in calls of `mend_rows`, each of which appends the event that says so; a row that
live work changed meanwhile is read again, never overwritten; every call is short, so that live work never waits
long. A log that is itself broken is refused, until somebody has acknowledged how; then rows of streams that cannot be
folded any more are left as they are. Refuses to know: how a command is decided.
"""

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import ClientCursor, sql

from conductor.codec import SCHEMA_VERSIONS, encode, encode_provenance, event_type
from conductor.core.errors import ConductorError
from conductor.core.events import ProjectionsRebuilt, Provenance
from conductor.core.identifiers import PROJECTIONS_STREAM, JobId, Position, StreamName, job_stream
from conductor.database import connect_error, load_queries
from conductor.log import LOG_CHANNEL, SCHEDULER_CHANNEL, node_channel
from projections.audit import Finding
from projections.audit_damage import faults
from projections.audit_replay import context_of
from projections.log_stream import last_position
from projections.replay import Report, verify
from projections.snapshot import lock_tables, snapshot
from projections.stream_folds import (
    Connection,
    Folded,
    Progress,
    extent,
    fold_streams,
    folded_log,
    moved_streams,
    portions,
)
from projections.tables import TABLES

SQL = load_queries("projections", "rebuild.sql")

# Two calls a job in the worst case: about 20 ms with a hundred streams, of which the door is held for a fraction.
STREAMS_A_CALL = 50
_TRIES = 200
_PAUSE_SECONDS = (0.01, 0.25)
_CONFLICTS = ("CN409", "23505", "23P01", "40001", "40P01", "55P03")
_COLLISIONS = ("23505", "23P01")
# What a verification calls that which is wrong with the log itself.
_OF_THE_LOG = ("position_missing", "hash_broken", "event_illegal", "conservation_broken")


class RebuildError(ConductorError):
    """The tables could not be mended; what was mended before stays mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A row that is not as the log says: `missing`, `unexpected` or `differing`."""

    table: str
    key: int | str
    kind: str


@dataclass(slots=True, kw_only=True)
class Rebuilt:
    """What was found and, unless it was only looked for, mended. `events`: positions of what says so in the log."""

    position: int = 0
    damages: list[Damage] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    not_mended: list[str] = field(default_factory=list)
    recounted: bool = False  # the counts of ended jobs were wrong
    # Streams whose rows stay: they cannot be folded, so nobody knows their rows, or those stand in the way.
    left: set[StreamName] = field(default_factory=set)

    @property
    def rows(self) -> Mapping[str, list[int | str]]:
        tables = sorted({damage.table for damage in self.damages}, key=list(TABLES).index)
        return {table: [d.key for d in self.damages if d.table == table] for table in tables}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A differing row: as which version it was seen, None when it was not there."""

    table: str
    key: str
    owner: str
    found_xmin: str | None
    said: bool

    def damage(self) -> Damage:
        kind = "unexpected" if not self.said else "missing" if self.found_xmin is None else "differing"
        return Damage(table=self.table, key=self.key if self.table == "nodes" else int(self.key), kind=kind)


def rebuild(
    database_url: str,
    *,
    provenance: Provenance,
    reason: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Rebuilt:
    """Fold the log, and mend the rows that differ from it; with `dry_run` only name them.

    Raises `RebuildError` when the log itself is broken or the role may not mend, and as `snapshot` when
    the database cannot be read.
    """
    report = verify(database_url, progress=progress)
    wrong = None if report.equal else next(iter(_faults_of_the_log(database_url, report)), None)
    if wrong is not None:
        raise RebuildError(
            f"The log itself is broken ({wrong.code}, {wrong.subject}), and no table can be made anew from it. "
            "Nothing was changed. `conductor audit` names everything; restore the log from a backup, or acknowledge "
            "what has to stay as it is (`conductor repair acknowledge`)."
        )
    rebuilt = Rebuilt(position=report.position)
    rebuilt.not_mended = [d.sentence() for d in report.differences if d.code == "script_altered"]
    if report.equal:
        return rebuilt
    with _owning(database_url) as connection:
        streams, found = _find(connection, rebuilt, report.position - report.events, progress)
        if dry_run:
            rebuilt.damages = list(dict.fromkeys(row.damage() for row in found))
        else:
            _mend(connection, rebuilt, streams, _Teller(provenance=provenance, reason=reason))
            [rebuilt.recounted] = connection.execute(SQL["recount_ended"]).fetchone() or (False,)
    return rebuilt


def _faults_of_the_log(database_url: str, report: Report) -> list[Finding]:
    """Those that nobody has acknowledged, and what follows from no other."""
    with snapshot(database_url) as connection:
        context = context_of(connection, report.differences)
    found = faults(report.differences, (), context)
    noted = context.acknowledged
    return [f for f in found if f.code in _OF_THE_LOG and (f.code, f.subject) not in noted]


@contextmanager
def _owning(database_url: str) -> Iterator[Connection]:
    """A connection as the owner of the tables."""
    try:
        connection = psycopg.connect(database_url, autocommit=True)
    except psycopg.OperationalError as error:
        raise RebuildError(connect_error(database_url, error)) from error
    with connection:
        row = connection.execute(SQL["owner"]).fetchone()
        owner = row[0] if row else "the owner"
        try:
            connection.execute(sql.SQL("SET ROLE {}; SET jit = off").format(sql.Identifier(owner)))
            connection.execute(SQL["watch_client"])
            yield connection
        except psycopg.errors.InsufficientPrivilege as error:
            raise RebuildError(
                f"Role {connection.info.user} may not mend the tables: {str(error).strip()}. Only members of {owner} "
                "may; use the database URL that `conductor migrate` is run with."
            ) from error
        except psycopg.OperationalError as error:
            raise RebuildError(f"PostgreSQL did not answer: {str(error).strip()}. Run it again.") from error


@contextmanager
def _snapshot(connection: Connection) -> Iterator[None]:
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        lock_tables(connection)
        yield


def _find(
    connection: Connection, rebuilt: Rebuilt, missing: int, progress: Progress | None
) -> tuple[list[StreamName], list[_Row]]:
    """Streams with rows that differ, and these rows, as one snapshot has them; so many `missing` events are known."""
    rows: list[_Row] = []
    with _snapshot(connection):
        events, rebuilt.position = extent(connection)
        if events != rebuilt.position - missing:
            raise RebuildError(
                f"The log has {events} events and its last position is {rebuilt.position}: some are missing. "
                "Nothing was changed."
            )
        for folded in folded_log(connection, progress, rebuilt.left):
            rows += _differing(connection, folded)
        unexplained = [StreamName(stream) for (stream,) in connection.execute(SQL["unexplained_streams"])]
        for some in portions(unexplained, 500):
            rows += _differing(connection, Folded(streams=tuple(some), states={}))
    said = {(row.table, row.key) for row in rows if row.said}
    rows = [row for row in rows if row.said or (row.table, row.key) not in said]
    return list(dict.fromkeys(map(_stream, rows))), rows


def _stream(row: _Row) -> StreamName:
    return StreamName(f"{'node' if row.table == 'nodes' else 'job'}-{row.owner}")


def _differing(connection: Connection, folded: Folded) -> list[_Row]:
    found = []
    for table in TABLES:
        wanted = {"table": table, "expected": folded.json(table), "owners": folded.owners(table)}
        for key, owner, found_xmin, said in connection.execute(SQL["differing_rows"], wanted):
            found.append(_Row(table=table, key=key, owner=owner, found_xmin=found_xmin, said=said))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Teller:
    """Who mends, and why."""

    provenance: Provenance
    reason: str | None

    def event(self, position: int, damages: Iterable[Damage], version: int) -> Mapping[str, Any]:
        rows: dict[str, list[int | str]] = {}
        for damage in damages:
            rows.setdefault(damage.table, []).append(damage.key)
        event = ProjectionsRebuilt(
            position=Position(position),
            rows={table: tuple(keys) for table, keys in rows.items()},
            reason=self.reason,
        )
        return {
            "stream": PROJECTIONS_STREAM,
            "version": version,
            "type": event_type(event),
            "schema_version": SCHEMA_VERSIONS[event_type(event)],
            "data": event,
            "metadata": encode_provenance(self.provenance),
        }


def _mend(connection: Connection, rebuilt: Rebuilt, streams: Sequence[StreamName], teller: _Teller) -> None:
    for some in portions(streams, STREAMS_A_CALL):
        _mend_streams(connection, rebuilt, set(some), teller)
    # What live work did to a wrong row while we mended others is looked at once more.
    with _snapshot(connection):
        moved = moved_streams(connection, rebuilt.position)
    for some in portions(moved, STREAMS_A_CALL):
        _mend_streams(connection, rebuilt, set(some) - {PROJECTIONS_STREAM} - rebuilt.left, teller)


def _mend_streams(
    connection: Connection,
    rebuilt: Rebuilt,
    streams: set[StreamName],
    teller: _Teller,
    *,
    alone: bool = False,
) -> None:
    """Fold, compare, mend; again when one of these streams or rows moved meanwhile."""
    for attempt in range(_TRIES):
        prepared = _prepare(connection, streams, teller)
        if prepared is None:
            return
        damages, arguments, allocations = prepared
        try:
            row = ClientCursor(connection).execute(SQL["mend_rows"], arguments).fetchone()
        except psycopg.DatabaseError as error:
            if error.sqlstate not in _CONFLICTS:
                raise
            if error.sqlstate in _COLLISIONS:
                colliding = _colliding(connection, allocations)
                if colliding & rebuilt.left:  # their rows stay, so one of these cannot come
                    _mend_or_leave(connection, rebuilt, streams, teller, alone=alone)
                    return
                streams |= colliding
            time.sleep(_pause(attempt))
            continue
        assert row is not None
        rebuilt.damages += damages
        rebuilt.events.append(row[0])
        return
    raise RebuildError(
        f"Rows of {', '.join(sorted(streams)[:3])} changed again and again while they were read. What was mended "
        f"until then stays mended ({len(rebuilt.damages)} rows). Run `conductor replay rebuild` again."
    )


def _mend_or_leave(
    connection: Connection, rebuilt: Rebuilt, streams: set[StreamName], teller: _Teller, *, alone: bool
) -> None:
    """One after the other, so that only what cannot be mended is left."""
    if alone:
        rebuilt.left |= streams
        return
    for stream in sorted(streams):
        _mend_streams(connection, rebuilt, {stream}, teller, alone=True)


def _prepare(
    connection: Connection, streams: Iterable[StreamName], teller: _Teller
) -> tuple[list[Damage], Mapping[str, Any], str] | None:
    """What differs in these streams' rows now, with the call that mends it; None when nothing does."""
    with _snapshot(connection):
        folded = fold_streams(connection, streams)
        rows = _differing(connection, folded)
        if not rows:
            return None
        position = last_position(connection)
        row = connection.execute(SQL["clock_and_version"], {"stream": PROJECTIONS_STREAM}).fetchone()
    assert row is not None
    at, version = row
    damages = [row.damage() for row in rows]
    found: dict[str, dict[str, str | None]] = {}
    for row in rows:
        found.setdefault(row.table, {})[row.key] = row.found_xmin
    wanted = {(row.table, row.key) for row in rows if row.said}
    said = {
        table: [row for row in folded.rows[table] if (table, str(row[key])) in wanted]
        for table, key in TABLES.items()
    }
    arguments = {
        "at": at,
        "streams_read": encode({**folded.versions, PROJECTIONS_STREAM: version}).decode(),
        "found": encode(found).decode(),
        "said": encode(said).decode(),
        "events": encode([teller.event(position, damages, version + 1)]).decode(),
        "channels": [LOG_CHANNEL, SCHEDULER_CHANNEL, *_nodes_told(said)],
    }
    return damages, arguments, encode(said["resource_allocations"]).decode()


def _nodes_told(said: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """An executor that looked while a reservation's row was wrong looks again."""
    names = {row["node_name"] for row in said["resource_allocations"] if row["status"] != "released"}
    return [node_channel(name) for name in sorted(names)]


def _colliding(connection: Connection, allocations: str) -> set[StreamName]:
    """Streams whose rows hold what ours need: they are wrong as well, and go in the same call."""
    rows = connection.execute(SQL["colliding_jobs"], {"expected": allocations})
    return {job_stream(JobId(job_id)) for (job_id,) in rows}


def _pause(attempt: int) -> float:
    first, longest = _PAUSE_SECONDS
    return min(longest, first * 1.5 ** min(attempt, 20)) * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load
