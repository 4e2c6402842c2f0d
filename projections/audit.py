"""The audit's judgement of what is true now: rows, leases and what executors saw become findings.

Pure: rows and a time in, findings out. Promises: every fault is named once, by its cause; what follows from it (the
cancel that a lost node cannot carry out) is not named beside it. A system that is merely busy has no findings: each
margin is larger than the time in which a working part reacts.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from conductor.core.identifiers import JobId, NodeName, job_stream, node_stream

# A leader looks at every notification and once a poll interval (about 1 s); a standby takes over within 3 s.
SCHEDULER_REACTS_SECONDS = 15.0
# After the grace the supervisor kills, and tells within 5 s more what it cannot kill.
CANCEL_REACTS_SECONDS = 30.0
# Executors look every 30 s; what was seen longer ago than a few of those says nothing about now.
OBSERVATION_FRESH_SECONDS = 120.0
# What is released while something of it runs is ended by its node at the next comparison with the log (30 s).
STRAY_ENDS_SECONDS = 60.0

Row = Mapping[str, Any]
Command = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not as it should be. `subject` names it for people and for `conductor repair`."""

    code: str
    subject: str
    parameters: Mapping[str, Any]
    streams: tuple[str, ...] = ()  # whose last events led there
    positions: tuple[int, ...] = ()  # events that led there
    rests_on: frozenset[str] = frozenset()  # rows that say so, as `TABLE KEY`
    commands: tuple[Command, ...] = ()  # what mends it, as `POST /api/v1/commands` takes them


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One snapshot: rows as the named queries of `audit.sql` give them, and the database's time."""

    now: datetime
    position: int
    allocations: Sequence[Row]
    nodes: Sequence[Row]
    strays: Sequence[Row]
    memories: Sequence[Row]
    imported: Sequence[Row] = ()
    acknowledgements: Sequence[Row] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """Times after which a working system would have reacted, in seconds."""

    lease_seconds: float
    kill_grace_seconds: float

    @property
    def lost(self) -> float:
        """From a lease's end until a leader that had itself to return to the database has declared the node lost."""
        declared = max(self.kill_grace_seconds, self.lease_seconds / 2)
        return declared + self.lease_seconds + SCHEDULER_REACTS_SECONDS

    @property
    def cancel(self) -> float:
        return self.kill_grace_seconds + CANCEL_REACTS_SECONDS


def judge(seen: Seen, margins: Margins) -> list[Finding]:
    """What is wrong now."""
    absent = list(_absent_nodes(seen, margins))
    away = {finding.parameters["node_name"]: finding.code for finding in absent}
    held = [f for row in seen.allocations if (f := _of_allocation(row, seen, margins, away)) is not None]
    forked = (_forked(row, seen.position) for row in seen.memories)
    leaked = map(_never_released, seen.imported)
    return [*held, *absent, *map(_stray, _true_strays(seen)), *leaked, *forked]


def _of_allocation(row: Row, seen: Seen, margins: Margins, away: Mapping[str, str]) -> Finding | None:
    """The one thing that is wrong with a live allocation: the first of these is the cause of the others."""
    if row["job_state"] is None:
        return None  # the row of its job is missing: that is the finding, and replay has it
    if row["final"]:
        return _of_finished_job(row)
    if away.get(row["node_name"]) == "allocation_on_lost_node":
        return None
    if row["status"] == "reserved":
        late = seen.now - row["expires_at"] > timedelta(seconds=SCHEDULER_REACTS_SECONDS)
        return _on_allocation("reservation_expired", row, expires_at=row["expires_at"]) if late else None
    if row["node_name"] in away:
        return None
    if _is_missing(row, seen.now):
        return _on_allocation("process_missing", row, pid=row["process_id"], observed_at=row["observed_at"])
    if row["job_reason"] == "Cleanup":
        return _on_allocation("cleanup_blocked", row, pids=row["blocked_pids"] or [])
    asked_at = row["cancel_requested_at"]
    if asked_at is not None and seen.now - asked_at > timedelta(seconds=margins.cancel):
        return _on_allocation("cancel_stuck", row, pid=row["process_id"], cancel_requested_at=asked_at)
    return None


def _is_missing(row: Row, now: datetime) -> bool:
    """Seen lately, by the node's newest incarnation, and after the process was allocated."""
    return bool(
        row["missing"]
        and row["observed_at"] > row["allocation_time"]
        and now - row["observed_at"] < timedelta(seconds=OBSERVATION_FRESH_SECONDS)
    )


def _on_allocation(code: str, row: Row, **more: Any) -> Finding:
    command = {
        "type": "Repair",
        "allocation_id": row["id"],
        "finding": code,
        "expected_version": row["job_version"],
    }
    return Finding(
        code=code,
        subject=f"allocation {row['id']}",
        parameters={**_place(row), **more},
        streams=(job_stream(row["job_id"]),),
        rests_on=_rows(row),
        commands=(command,),
    )


def _of_finished_job(row: Row) -> Finding:
    return Finding(
        code="allocation_of_finished_job",
        subject=f"allocation {row['id']}",
        parameters={**_place(row), "state": row["job_state"], "status": row["status"]},
        streams=(job_stream(row["job_id"]),),
        rests_on=frozenset({f"resource_allocations {row['id']}", f"jobs {row['job_id']}"}),
    )


def _place(row: Row) -> dict[str, Any]:
    names = ("job_id", "attempt", "node_name", "cpu_ids")
    return {"allocation_id": row["id"], **{name: row[name] for name in names}}


def _rows(row: Row) -> frozenset[str]:
    return frozenset(
        {f"resource_allocations {row['id']}", f"jobs {row['job_id']}", f"nodes {row['node_name']}"}
    )


def _absent_nodes(seen: Seen, margins: Margins) -> Iterator[Finding]:
    """Nodes that are out of touch, and that nobody has drawn the consequences for."""
    held: dict[str, list[Row]] = defaultdict(list)
    for row in seen.allocations:
        if row["final"] is False:
            held[row["node_name"]].append(row)
    for node in seen.nodes:
        if not node["in_log"]:
            yield _ghost(node)
        elif node["state"] in ("UP", "DRAINED"):
            if _stale_since(node, seen.now, margins):
                yield _stale(node)
        elif held[node["name"]] and _settled(node, seen.now):
            yield _still_held(node["name"], str(node["state"]), held[node["name"]], lost=node)
    for name in sorted(held.keys() - {node["name"] for node in seen.nodes}):
        if held[name]:
            yield _still_held(name, "unknown", held[name])


def _settled(node: Row, now: datetime) -> bool:
    """Long enough for the scheduler to have taken back what it may take back by itself."""
    since = node["left_at"]
    return since is None or now - since > timedelta(seconds=SCHEDULER_REACTS_SECONDS)


def _stale_since(node: Row, now: datetime, margins: Margins) -> bool:
    """A node that never renewed counts from its registration."""
    own = node["lease_expires_at"] if node["lease_incarnation"] == node["incarnation"] else None
    registered = node["registered_at"] + timedelta(seconds=margins.lease_seconds)
    ended = max(own, registered) if own else registered
    return bool(now - ended > timedelta(seconds=margins.lost))


def _ghost(node: Row) -> Finding:
    """Of a node that never registered: no command finds it, and whatever its row says follows from the row."""
    row = f"nodes {node['name']}"
    return Finding(
        code="row_unexpected",
        subject=row,
        parameters={"node_name": node["name"], "table": "nodes", "key": node["name"]},
        rests_on=frozenset({row}),
    )


def _stale(node: Row) -> Finding:
    name = node["name"]
    return Finding(
        code="node_lease_stale",
        subject=node_stream(name),
        parameters={
            "node_name": name,
            "node_state": node["state"],
            "incarnation": node["incarnation"],
            "expires_at": node["lease_expires_at"],
        },
        streams=(node_stream(name),),
        rests_on=frozenset({f"nodes {name}"}),
        commands=({"type": "DeclareNodeLost", "node_name": name, "reason": "node_lease_stale"},),
    )


def _still_held(name: str, state: str, held: Sequence[Row], lost: Row | None = None) -> Finding:
    """A person's word ends every job of a lost node; elsewhere, and where that was said, each is taken back."""
    word: Command = {
        "type": "DeclareNodeLost",
        "node_name": name,
        "jobs_lost": True,
        "reason": "allocation_on_lost_node",
    }
    one_by_one = tuple(
        {
            "type": "Repair",
            "allocation_id": row["id"],
            "finding": "allocation_on_lost_node",
            "expected_version": row["job_version"],
        }
        for row in held
    )
    told = lost is not None and lost["jobs_lost"]
    return Finding(
        code="allocation_on_lost_node",
        subject=node_stream(NodeName(name)),
        parameters={
            "node_name": name,
            "node_state": state,
            "allocation_ids": [row["id"] for row in held],
            "job_ids": [row["job_id"] for row in held],
        },
        streams=(node_stream(NodeName(name)), *(job_stream(JobId(row["job_id"])) for row in held[:3])),
        rests_on=frozenset().union(*map(_rows, held)),
        commands=(word,) if state == "LOST" and not told else one_by_one,
    )


def _true_strays(seen: Seen) -> Iterable[Row]:
    """Seen lately, and not on their way out: what is released while it runs is ended by its node."""
    for row in seen.strays:
        fresh = seen.now - row["observed_at"] < timedelta(seconds=OBSERVATION_FRESH_SECONDS)
        released = row["release_time"]
        ending = released is not None and row["observed_at"] - released < timedelta(
            seconds=STRAY_ENDS_SECONDS
        )
        if fresh and not row["live"] and not ending:
            yield row


def _stray(row: Row) -> Finding:
    names = (
        "node_name",
        "pid",
        "start_ticks",
        "command",
        "job_id",
        "attempt",
        "allocation_id",
        "observed_at",
    )
    known = row["job_id"] is not None
    marked = row["mark"] is not None
    return Finding(
        code="process_stray" if marked else "process_unmarked",
        subject=f"{node_stream(row['node_name'])} pid {row['pid']} start {row['start_ticks']}",
        parameters={name: row[name] for name in names},
        streams=(job_stream(row["job_id"]),) if known else (node_stream(row["node_name"]),),
    )


def _never_released(row: Row) -> Finding:
    """History of another system: nothing is held here, but somebody should know where its CPUs went."""
    names = ("job_id", "node_name", "allocated_cpus", "state", "status", "source")
    return Finding(
        code="imported_never_released",
        subject=f"allocation {row['id']}",
        parameters={
            "allocation_id": row["id"],
            **{name: row[name] for name in names},
            "pid": row["process_id"],
            "since": row["reservation_time"],
        },
        streams=(job_stream(row["job_id"]),),
        rests_on=frozenset({f"{table} {row['id']}" for table in ("resource_allocations", "past_allocations")})
        | {f"jobs {row['job_id']}"},
        commands=(
            {
                "type": "Repair",
                "allocation_id": row["id"],
                "finding": "imported_never_released",
                "expected_version": row["job_version"],
            },
        ),
    )


def _forked(row: Row, head: int) -> Finding:
    """Each executor is a witness of its own: it goes on remembering until its own finding is acknowledged."""
    name, position = row["node_name"], row["remembered_position"]
    return Finding(
        code="history_forked",
        subject=f"{node_stream(name)} position {position}",
        parameters={
            "node_name": name,
            "position": position,
            "remembered_hash": row["remembered_hash"],
            "hash": row["hash"],
            "head": head,
        },
        positions=(position - 1, position, position + 1),
    )


def together(
    live: Sequence[Finding],
    replayed: Sequence[Finding],
    acknowledged: Collection[tuple[str, str]] = (),
) -> list[Finding]:
    """What is wrong now and what replay found, without what follows from something else.

    From what is `acknowledged`, by code and subject, nothing follows any more.

    A row that differs from the log misleads whoever reads it, so what only such a row says is no finding of its own,
    but for the live allocation of a finished job: there the row is the finding, and the better name for it.
    """
    rows = {f.subject for f in replayed if f.code.startswith("row_")}
    better = {row for f in live if f.code == "allocation_of_finished_job" for row in f.rests_on}
    forks = [f for f in live if f.code == "history_forked"]
    cut = any(f.parameters["hash"] is None and (f.code, f.subject) not in acknowledged for f in forks)
    kept = [f for f in live if f.code == "allocation_of_finished_job" or not f.rests_on & rows]
    kept = [
        f for f in kept if f.code != "history_forked" or not _in_damage(f.parameters["position"], replayed)
    ]
    found = [
        f
        for f in replayed
        if not (f.code.startswith("row_") and (f.subject in better or (cut and f.parameters.get("ahead"))))
    ]
    return [*kept, *found]


def _in_damage(position: int, replayed: Sequence[Finding]) -> bool:
    """The remembered event is among those that are missing or altered anyway."""
    damage = (f.parameters for f in replayed if f.code in ("hash_broken", "position_missing"))
    return any(one["position"] - 1 <= position <= one["last"] for one in damage)
