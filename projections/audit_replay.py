"""The part of an audit that reads the whole log, as a program of its own: `python -m projections.audit_replay`.

Promises: takes the database's URL as a line on standard input (a process list shows arguments), prints one JSON object,
changes nothing. It runs apart because it computes for as long as the log is long, and a server must go on answering.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, LiteralString

import psycopg

from conductor.core.errors import ConductorError
from conductor.database import load_queries
from projections.audit import Finding
from projections.audit_damage import ClockStep, Context, StoredRow, digests_of, faults, place_of, row_of
from projections.replay import Difference, Report, verify
from projections.snapshot import snapshot

SQL = load_queries("projections", "audit.sql")

# A clock that is stepped back by NTP moves 128 ms at least and seldom more than that; servers of one fail-over pair
# differ by as much. Nothing here is told apart by less than a second: below it the order of the log says more.
CLOCK_TOLERANCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the replay found, and what it looked at."""

    findings: Sequence[Finding]
    events: int
    position: int
    rows: int
    differences: int  # all there are; only the first hundred are judged


def replay(database_url: str) -> Replayed:
    """Verify, and judge what differs. Raises as `snapshot`."""
    report = verify(database_url)
    with snapshot(database_url) as connection:
        steps = [
            ClockStep(position, seconds)
            for position, seconds in _all(
                connection, SQL["clock_steps"], {"tolerance_seconds": CLOCK_TOLERANCE_SECONDS}
            )
        ]
        context = context_of(connection, report.differences) if report.differences else Context()
    return Replayed(
        findings=faults(report.differences, steps, context),
        events=report.events,
        position=report.position,
        rows=_rows_compared(report),
        differences=report.differences_total,
    )


def _rows_compared(report: Report) -> int:
    return sum(report.rows.values())


def _all(
    connection: psycopg.Connection[Any], query: LiteralString, values: dict[str, Any] | None = None
) -> list[Any]:
    return connection.execute(query, values).fetchall()


def context_of(connection: psycopg.Connection[Any], differences: Sequence[Difference]) -> Context:
    """Looked up only when something differs, so it may read more than is quick."""
    by_place = [d for d in differences if d.subject.startswith("position ")]
    positions = {place_of(d.subject)[0] for d in by_place}
    missing = [place_of(d.subject)[0] for d in by_place if d.code == "position_missing"]
    at = {"positions": sorted(positions | {position - 1 for position in positions})}
    events_at = {p: (stream, node) for p, stream, node in _all(connection, SQL["events_at"], at)}
    gaps: frozenset[str] = frozenset()
    if any(d.code in ("position_missing", "hash_broken") for d in by_place):
        gaps = frozenset(stream for (stream,) in _all(connection, SQL["streams_with_gaps"]))
    rows = _stored_rows(connection, {row_of(d) for d in differences if d.code.startswith("row_")})
    streams = {stream for stream, _ in events_at.values()} | {one.stream for one in rows.values()}
    scripts = [digests_of(d)[0] for d in differences if d.code == "script_altered"]
    return Context(
        next_positions={position: _next(connection, position) for position in missing},
        streams_with_gaps=gaps,
        events_at=events_at,
        rows=rows,
        log_versions=dict(
            _all(connection, SQL["log_versions"], {"streams": sorted({one.stream for one in rows.values()})})
        ),
        nodes_of_streams={
            stream: _nodes_of(connection, stream) for stream in (gaps | streams if by_place else ())
        },
        jobs_with_script=dict(_all(connection, SQL["jobs_with_script"], {"sha256s": scripts})),
        acknowledged=acknowledged(connection),
    )


def acknowledged(connection: psycopg.Connection[Any]) -> frozenset[tuple[str, str]]:
    """(code, subject) of every finding that somebody left as it is."""
    return frozenset((code, subject) for code, subject in _all(connection, SQL["acknowledged"]))


def _next(connection: psycopg.Connection[Any], position: int) -> int:
    [(there,)] = _all(connection, SQL["next_position"], {"position": position - 1})
    return int(there) if there is not None else position + 1


def _nodes_of(connection: psycopg.Connection[Any], stream: str) -> frozenset[str]:
    found = _all(connection, SQL["nodes_of_streams"], {"streams": [stream]})
    return frozenset(node for (node,) in found if node is not None)


def _stored_rows(connection: psycopg.Connection[Any], subjects: set[str]) -> dict[str, StoredRow]:
    """Every row that differs, with its stream; of one that is missing the stream alone."""
    keys = [subject.partition(" ") for subject in sorted(subjects)]
    allocations = [int(key) for table, _, key in keys if table.endswith("_allocations")]
    wanted = {
        "jobs": [int(key) for table, _, key in keys if table == "jobs"],
        "nodes": [key for table, _, key in keys if table == "nodes"],
        "allocations": allocations,
    }
    promised = dict(_all(connection, SQL["streams_of_allocations"], {"allocations": allocations}))
    stored = {}
    for table, _, key in keys:
        stream = {"jobs": f"job-{key}", "nodes": f"node-{key}"}.get(table) or promised.get(int(key), "")
        stored[f"{table} {key}"] = StoredRow(stream, None)
    for subject, stream, version in _all(connection, SQL["row_versions"], wanted):
        if subject in stored:
            stored[subject] = StoredRow(stream, version)
    return stored


_COLLECTIONS: Mapping[str, type[Any]] = {
    "streams": tuple,
    "positions": tuple,
    "commands": tuple,
    "rests_on": frozenset,
}


def to_json(replayed: Replayed) -> str:
    return json.dumps(asdict(replayed), default=list)


def from_json(text: str | bytes) -> Replayed:
    """What the program printed. Raises `ValueError`, `KeyError`, `TypeError` when it is something else."""
    told = json.loads(text)
    findings = [
        Finding(**{**one, **{name: kind(one[name]) for name, kind in _COLLECTIONS.items()}})
        for one in told.pop("findings")
    ]
    return Replayed(findings=findings, **told)


def main() -> int:
    """0 and a JSON object on standard output, or 1 and a sentence on standard error."""
    try:
        print(to_json(replay(sys.stdin.readline().strip())))
    except (ConductorError, psycopg.Error) as error:
        print(str(error).strip(), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
