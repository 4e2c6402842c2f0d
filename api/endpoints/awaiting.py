"""What a job that depends on others waits for: each condition, how far it has come, and which jobs it still needs.

From the tables, as they are now. Refuses to know how anything is worded.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from api.answers.reading import Row, fetch
from api.engine import Engine
from conductor.core.dependencies import Clause, Outlook, Reference, Tally, outlook_of, parsed
from conductor.core.identifiers import JobId
from conductor.core.job import Job, JobState
from conductor.core.node_use import end_of
from conductor.core.selections import job_name

CONDITIONS_SHOWN, JOBS_SHOWN = 20, 3  # jobs of each condition
_BEGAN = (JobState.RUNNING, *(state for state in JobState if state.final))

Named = tuple[int, int | None]


async def awaited(engine: Engine, job: Job) -> list[Row]:
    """The conditions in their order: `code`, `parameters`, and of an open one the first `jobs` that have not ended."""
    clauses = parsed(job.submitted.dependency or "").clauses[:CONDITIONS_SHOWN]
    named = list(dict.fromkeys(_named(clause.reference) for clause in clauses if clause.reference))
    wanted = {"job_ids": [i for i, _ in named], "task_ids": [task for _, task in named], "most": JOBS_SHOWN}
    states: dict[Named, dict[str, int]] = defaultdict(dict)
    for row in await fetch(engine.pool, "awaited_states", wanted):
        states[row["job_id"], row["task_id"]][row["state"]] = row["jobs"]
    open_jobs: dict[Named | None, list[Row]] = defaultdict(list)
    for row in await fetch(engine.pool, "awaited_open", wanted):
        open_jobs[row["job_id"], row["task_id"]].append(row)
    if any(clause.reference is None for clause in clauses):
        before = {"job_id": job.job_id, "user_name": job.submitted.user_name, "name": job.submitted.name}
        open_jobs[None] = await fetch(engine.pool, "standing_before", before | {"most": JOBS_SHOWN})
    reasons = await _reasons(engine, [row for rows in open_jobs.values() for row in rows])
    found = []
    for clause in clauses:
        key = _named(clause.reference) if clause.reference else None
        found.append(_condition(clause, states[key] if key else {}, open_jobs[key], reasons))
    return found


def _named(reference: Reference) -> Named:
    return reference.job_id, reference.task_id


async def _reasons(engine: Engine, rows: Iterable[Row]) -> dict[JobId, str]:
    """Why those wait that wait themselves, where only the rest of the cluster explains it."""
    silent = [JobId(row["id"]) for row in rows if row["state"] == "PENDING" and row["reason"] is None]
    return dict(await engine.picture.reasons(silent))


def _condition(clause: Clause, states: dict[str, int], rows: Sequence[Row], reasons: dict[JobId, str]) -> Row:
    tally = _tally(states)
    if clause.kind == "singleton":
        expected = Outlook.WAITING if rows else Outlook.MET
    else:
        expected = outlook_of(clause.kind, tally) if tally.jobs else Outlook.WAITING
    parameters: dict[str, Any] = {"condition": str(clause), "jobs": tally.jobs, "ended": tally.ended}
    code = f"awaited_{expected.value}" + ("_array" if expected is Outlook.WAITING and tally.jobs > 1 else "")
    jobs = [_job(row, reasons) for row in rows] if expected is Outlook.WAITING else []
    return {"code": code, "parameters": parameters, "jobs": jobs}


def _tally(states: dict[str, int]) -> Tally:
    return Tally(
        jobs=sum(states.values()),
        began=sum(count for state, count in states.items() if state in _BEGAN),
        ended=sum(count for state, count in states.items() if JobState(state).final),
        completed=states.get(JobState.COMPLETED, 0),
    )


def _job(row: Row, reasons: dict[JobId, str]) -> Row:
    limit, began_at = row["time_limit_seconds"], row["start_time"]
    ends_by = end_of(began_at, limit) if began_at is not None and row["state"] == "RUNNING" else None
    return {
        "job_id": row["id"],
        "name": job_name(row["id"], row["array_job_id"], row["array_task_id"]),
        "state": row["state"],
        "reason": row["reason"] or reasons.get(JobId(row["id"])),
        "ends_by": max(ends_by, datetime.now(UTC)).isoformat() if ends_by else None,
    }
