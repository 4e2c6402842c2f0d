"""A case file, written: events of the log as lines that can be checked and read without the cluster.

Promises: one snapshot, bounded memory, each event with the very bytes that its hash is made of. Script bodies and
environments are left out unless they are asked for. The shape is described in `case_file`.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import psycopg

from conductor.core.selections import Selection as Named
from conductor.database import load_queries
from conductor.evidence_texts import EvidenceError
from projections.case_file import FORMAT, VERSION, end_line
from projections.snapshot import LogHead, array_tasks, cluster_id, log_head, snapshot

SQL = load_queries("projections", "case_export.sql")

_FETCH = 2000
_MISSING_SHOWN = 5

Write = Callable[[bytes], object]


class CannotExport(EvidenceError):
    """What was asked for is not in the log; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Some jobs, or else a range of positions. `last` None: up to the end of the log."""

    jobs: Sequence[int] = ()
    tasks: Sequence[Named] = ()  # of arrays, by the array's number and their own
    first: int = 1
    last: int | None = None
    scripts: bool = False
    environments: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written, in lines by kind. `damage`: code and position of the first event that does not follow."""

    events: int
    scripts: int
    environments: int
    sha256: str
    damage: tuple[str, int] | None


def export_case(
    database_url: str, selection: Selection, *, write: Write, release: str, now: datetime
) -> Exported:
    """Write a case file, piece by piece. Raises `CannotExport` before the first piece, as `snapshot` at any."""
    with snapshot(database_url) as connection:
        head = log_head(connection)
        if head is None:
            raise CannotExport("export_empty")
        selection = _by_number(connection, selection)
        wanted = _wanted(connection, selection, head)
        lines = _Lines(write)
        lines.put(_header(connection, selection, wanted, head, release, now))
        events, damage = _events(connection, wanted, lines)
        scripts = _bodies(connection, "scripts", wanted, lines) if selection.scripts else 0
        environments = _bodies(connection, "environments", wanted, lines) if selection.environments else 0
        digest = lines.end()
    return Exported(events=events, scripts=scripts, environments=environments, sha256=digest, damage=damage)


class _Lines:
    """Lines on their way out, and the digest of all of them."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._digest = hashlib.sha256()
        self._count = 0

    def put(self, content: dict[str, Any]) -> None:
        line = json.dumps(content, ensure_ascii=False).encode() + b"\n"
        self._write(line)
        self._digest.update(line)
        self._count += 1

    def end(self) -> str:
        digest = self._digest.hexdigest()
        self._write(end_line(self._count, digest))
        return digest


def _by_number(connection: psycopg.Connection[Any], selection: Selection) -> Selection:
    """With each task's own number, read from the log."""
    numbers = list(selection.jobs)
    for named in selection.tasks:
        task_ids = list(named.task_ids or ())
        found = array_tasks(connection, named.job_id, task_ids)
        missing = [f"{named.job_id}_{task_id}" for task_id in task_ids if task_id not in found]
        if missing:
            shown = ", ".join(missing[:_MISSING_SHOWN])
            raise CannotExport(
                "export_no_job", jobs=shown + (", ..." if len(missing) > _MISSING_SHOWN else "")
            )
        numbers += found.values()
    return replace(selection, jobs=numbers, tasks=())


def _wanted(connection: psycopg.Connection[Any], selection: Selection, head: LogHead) -> dict[str, Any]:
    """Parameters of the queries: first and last position, and the positions between them unless it is all."""
    if selection.jobs:
        jobs = {"jobs": list(selection.jobs)}
        missing = [str(row[0]) for row in connection.execute(SQL["jobs_missing"], jobs)]
        if missing:
            raise CannotExport("export_no_job", jobs=", ".join(missing))
        positions = [row[0] for row in connection.execute(SQL["positions_of_jobs"], jobs)]
        return {"first": positions[0], "last": positions[-1], "positions": positions}
    last = head.position if selection.last is None else selection.last
    if last > head.position or selection.first > last:
        raise CannotExport("export_no_events", first=selection.first, last=last, head=head.position)
    return {"first": selection.first, "last": last, "positions": None}


def _header(
    connection: psycopg.Connection[Any],
    selection: Selection,
    wanted: dict[str, Any],
    head: LogHead,
    release: str,
    now: datetime,
) -> dict[str, Any]:
    asked = (
        {"jobs": sorted(set(selection.jobs))}
        if selection.jobs
        else {"from": wanted["first"], "to": wanted["last"]}
    )
    return {
        "format": FORMAT,
        "version": VERSION,
        "cluster_id": cluster_id(connection),
        "selection": asked,
        "head": {"position": head.position, "hash": head.hash.hex()},
        "exported_at": now.astimezone(UTC).isoformat(),
        "release": release,
        "scripts": selection.scripts,
        "environments": selection.environments,
    }


def _events(
    connection: psycopg.Connection[Any], wanted: dict[str, Any], lines: _Lines
) -> tuple[int, tuple[str, int] | None]:
    """How many there are, and the first damage among them. The event after a gap names no event before it."""
    count, damage = 0, None
    for position, text, event_hash, previous_hash in _rows(connection, "texts", wanted):
        lines.put({"event": text, "previous_hash": previous_hash.hex(), "hash": event_hash.hex()})
        count += 1
        if damage is None and hashlib.sha256(previous_hash + text.encode()).digest() != event_hash:
            lacking = position > 1 and not previous_hash
            damage = ("position_missing", position - 1) if lacking else ("hash_broken", position)
    return count, damage


def _bodies(connection: psycopg.Connection[Any], kind: str, wanted: dict[str, Any], lines: _Lines) -> int:
    count = 0
    for key, body in _rows(connection, kind, wanted):
        script = kind == "scripts"
        lines.put(
            {"script": {"sha256": key, "body": body}}
            if script
            else {"environment": {"id": key, "values": body}}
        )
        count += 1
    return count


def _rows(
    connection: psycopg.Connection[Any], query: str, wanted: dict[str, Any]
) -> Iterator[tuple[Any, ...]]:
    with connection.cursor(name=query) as cursor:
        cursor.itersize = _FETCH
        cursor.execute(SQL[query], wanted)
        yield from cursor
