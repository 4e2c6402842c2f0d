"""Waiting for jobs by long polls, one after the other.

Promises: a wait outlives a server that is away for less than the patience it was given, and ends at its deadline
with the job as it is then. How many requests it takes to wait for many does not grow with how long they take.
"""

import math
import time
from collections.abc import AsyncGenerator, Iterable, Sequence

from conductor.client import job_calls
from conductor.client.aio import paging
from conductor.client.aio.connection import AsyncConnection
from conductor.client.calls import PAGE, Call, JobName, T
from conductor.client.errors import ClientError
from conductor.client.models import ACTIVE_STATES, Job
from conductor.client.patience import AWAY_PAUSE_SECONDS, Patience

# One long poll; shorter than what proxies in between usually allow.
LONG_POLL_SECONDS = 20.0
# Of one among many: how late the end of another may be noticed.
LOOK_SECONDS = 2.0
# Between two looks at many.
PACE_SECONDS = 0.2


async def wait_for_state(
    connection: AsyncConnection,
    job_id: JobName,
    states: str | Sequence[str],
    timeout_seconds: float | None,
    patience_seconds: float,
) -> Job:
    """The job once it is in one of the states or has ended, or as it is when the time is up."""
    deadline = _deadline(timeout_seconds)
    patience = Patience(patience_seconds, deadline=deadline)
    names = [name.strip().upper() for name in (states.split(",") if isinstance(states, str) else states)]
    while True:
        left = max(0.0, deadline - time.monotonic())
        poll = job_calls.job_in_state(job_id, states, min(left, LONG_POLL_SECONDS))
        job = await _asked(connection, poll, patience)
        if job.final or job.state in names or time.monotonic() >= deadline:
            return job


async def wait_for_each(
    connection: AsyncConnection,
    job_ids: Iterable[JobName],
    timeout_seconds: float | None,
    patience_seconds: float,
) -> AsyncGenerator[Job, None]:
    """The jobs as they end, as a listing shows them; those that have not ended when the time is up are left out."""
    deadline = _deadline(timeout_seconds)
    patience = Patience(patience_seconds, deadline=deadline)
    left: set[int] = set()
    for name in job_ids:
        named = isinstance(name, str) and not name.isdecimal()
        job_id = (await _asked(connection, job_calls.job(name, None), patience)).id if named else int(name)
        left.add(job_id)
    while left:
        for job in await _read(connection, left, patience):
            if job.final:
                left.discard(job.id)
                yield job
        seconds = deadline - time.monotonic()
        if not left or seconds <= 0:
            return
        most = LONG_POLL_SECONDS if len(left) == 1 else LOOK_SECONDS
        poll = job_calls.job_in_state(min(left), "final", min(seconds, most))
        await _asked(connection, poll, patience)
        await connection.sleep(PACE_SECONDS)


async def wait_for_tasks(
    connection: AsyncConnection, array_job_id: int, patience_seconds: float
) -> tuple[Job, ...]:
    """Every task of an array once all have ended.

    As long as they end in about their order, few requests do: it waits for the last that has not ended, and reads them
    all once, at the end.
    """
    patience = Patience(patience_seconds)
    unfinished: job_calls.JobFilters = {"array_job_id": array_job_id, "states": ACTIVE_STATES}
    while await _anything_left(connection, array_job_id, patience):
        for last in (await _asked(connection, job_calls.jobs(1, None, None, unfinished), patience)).jobs:
            poll = job_calls.job_in_state(last.id, "final", LONG_POLL_SECONDS)
            await _asked(connection, poll, patience)
        await connection.sleep(PACE_SECONDS)
    return (await paging.all_jobs(connection, None, None, {"array_job_id": array_job_id})).jobs


async def _anything_left(connection: AsyncConnection, array_job_id: int, patience: Patience) -> bool:
    job = await _asked(connection, job_calls.job(array_job_id, None), patience)
    by_state = job.raw["array"]["jobs_by_state"]
    return any(by_state.get(state) for state in ACTIVE_STATES)


async def _read(connection: AsyncConnection, job_ids: set[int], patience: Patience) -> list[Job]:
    """These jobs from as few pages of the listing as it takes, newest first. Raises `Refused` for one there is not."""
    found: list[Job] = []
    left = sorted(job_ids)
    while left:
        last = left[-1]
        # Jobs of others may lie in between; far apart, each is read alone.
        limit = min(PAGE, 2 * len(left), last - left[0] + 1)
        page = await _asked(connection, job_calls.jobs(limit, last + 1, None, {}), patience)
        found += [job for job in page.jobs if job.id in job_ids]
        if not page.jobs or page.jobs[0].id != last:
            found.append(await _asked(connection, job_calls.job(last, None), patience))
        reached = min([last, *(job.id for job in page.jobs)])
        left = [job_id for job_id in left if job_id < reached]
    return found


async def _asked(connection: AsyncConnection, call: Call[T], patience: Patience) -> T:
    while True:
        try:
            answer = await connection.ask(call)
        except ClientError as error:
            patience.check(error)
            await connection.sleep(AWAY_PAUSE_SECONDS)
        else:
            patience.answered()
            return answer


def _deadline(timeout_seconds: float | None) -> float:
    return math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
