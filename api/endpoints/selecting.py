"""The jobs that a path names: `/jobs/42`, `/jobs/42_7`, `/jobs/42_[1-5]`.

Promises: `42` is one job, unless it heads an array: then it stands for all of its tasks where something is asked of
them, and for the first where something is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request

from api.answers.problems import Problem
from api.answers.reading import fetch, fetch_one
from api.engine import Engine
from conductor.core.identifiers import JobId
from conductor.core.job import JobState
from conductor.core.selections import Selection, selected


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """`whole`: more than one was meant, however many were found."""

    job_ids: tuple[JobId, ...]
    states: Mapping[JobId, JobState] = field(default_factory=dict)  # of an array's tasks, as they were found
    array_job_id: JobId | None = None
    whole: bool = False


def no_such_job(job_id: object) -> Problem:
    return Problem(404, "not_found", detail="no_such_job", job_id=job_id)


def selection_of(request: Request) -> Selection:
    """What is no id, or a number too large for one, is no job."""
    text = request.path_params["job_id"]
    selection = selected(text)
    if selection is None:
        raise no_such_job(text[:40])
    return selection


async def one_job(engine: Engine, request: Request) -> JobId:
    """For what is read of one job: its number. Raises a 404 problem for a task that there is not."""
    selection = selection_of(request)
    if selection.task_ids is None:
        return selection.job_id
    if selection.several:
        raise Problem(404, "not_found", detail="several_jobs", job_id=request.path_params["job_id"][:40])
    found = await fetch_one(
        engine.pool, "array_tasks", {"job_id": selection.job_id, "task_ids": list(selection.task_ids)}
    )
    if found is None:
        raise no_such_job(request.path_params["job_id"])
    return JobId(found["id"])


async def chosen_jobs(engine: Engine, request: Request) -> Chosen:
    """For what is asked of jobs: their numbers, the last task first.

    The scheduler takes tasks from the front, so whoever cancels from the back meets it but once.
    """
    selection = selection_of(request)
    wanted = None if selection.task_ids is None else list(selection.task_ids)
    rows = await fetch(engine.pool, "array_tasks", {"job_id": selection.job_id, "task_ids": wanted})
    if selection.task_ids is None and not rows:
        return Chosen(job_ids=(selection.job_id,))
    if not rows:
        raise no_such_job(request.path_params["job_id"][:40])
    return Chosen(
        job_ids=tuple(JobId(row["id"]) for row in reversed(rows)),
        states={JobId(row["id"]): JobState(row["state"]) for row in rows},
        array_job_id=selection.job_id,
        whole=selection.task_ids is None or selection.several,
    )
