"""Waiting for jobs by long polls, one after the other.

Promises: a wait outlives a server that is away for less than the patience it was given, and ends at its deadline
with the job as it is then. How many requests it takes to wait for many does not grow with how long they take.
"""

# Made from `aio/waiting.py` by `scripts/write_sync_client.py`; change it there.

import math
import time
from collections.abc import Generator, Iterable, Sequence

from conductor.client import job_calls, paging
from conductor.client.calls import PAGE, Call, JobName, T
from conductor.client.connection import Connection
from conductor.client.errors import ClientError
from conductor.client.models import ACTIVE_STATES, Job
from conductor.client.patience import AWAY_PAUSE_SECONDS, Patience

# One long poll; shorter than what proxies in between usually allow.
LONG_POLL_SECONDS = 20.0
# Of one among many: how late the end of another may be noticed.
LOOK_SECONDS = 2.0
# Between two looks at many.
PACE_SECONDS = 0.2


def wait_for_state(
    connection: Connection,
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
        job = _asked(connection, poll, patience)
        if job.final or job.state in names or time.monotonic() >= deadline:
            return job


def wait_for_each(
    connection: Connection,
    job_ids: Iterable[JobName],
    timeout_seconds: float | None,
    patience_seconds: float,
) -> Generator[Job, None, None]:
    """The jobs as they end, as a listing shows them; those that have not ended when the time is up are left out."""
    deadline = _deadline(timeout_seconds)
    patience = Patience(patience_seconds, deadline=deadline)
    left: set[int] = set()
    for name in job_ids:
        named = isinstance(name, str) and not name.isdecimal()
        job_id = _asked(connection, job_calls.job(name, None), patience).id if named else int(name)
        left.add(job_id)
    while left:
        for job in _read(connection, left, patience):
            if job.final:
                left.discard(job.id)
                yield job
        seconds = deadline - time.monotonic()
        if not left or seconds <= 0:
            return
        most = LONG_POLL_SECONDS if len(left) == 1 else LOOK_SECONDS
        poll = job_calls.job_in_state(min(left), "final", min(seconds, most))
        _asked(connection, poll, patience)
        connection.sleep(PACE_SECONDS)


def wait_for_tasks(connection: Connection, array_job_id: int, patience_seconds: float) -> tuple[Job, ...]:
    """Every task of an array once all have ended.

    As long as they end in about their order, few requests do: it waits for the last that has not ended, and reads them
    all once, at the end.
    """
    patience = Patience(patience_seconds)
    unfinished: job_calls.JobFilters = {"array_job_id": array_job_id, "states": ACTIVE_STATES}
    while _anything_left(connection, array_job_id, patience):
        for last in _asked(connection, job_calls.jobs(1, None, None, unfinished), patience).jobs:
            poll = job_calls.job_in_state(last.id, "final", LONG_POLL_SECONDS)
            _asked(connection, poll, patience)
        connection.sleep(PACE_SECONDS)
    return paging.all_jobs(connection, None, None, {"array_job_id": array_job_id}).jobs


def _anything_left(connection: Connection, array_job_id: int, patience: Patience) -> bool:
    job = _asked(connection, job_calls.job(array_job_id, None), patience)
    by_state = job.raw["array"]["jobs_by_state"]
    return any(by_state.get(state) for state in ACTIVE_STATES)


def _read(connection: Connection, job_ids: set[int], patience: Patience) -> list[Job]:
    """These jobs from as few pages of the listing as it takes, newest first. Raises `Refused` for one there is not."""
    found: list[Job] = []
    left = sorted(job_ids)
    while left:
        last = left[-1]
        # Jobs of others may lie in between; far apart, each is read alone.
        limit = min(PAGE, 2 * len(left), last - left[0] + 1)
        page = _asked(connection, job_calls.jobs(limit, last + 1, None, {}), patience)
        found += [job for job in page.jobs if job.id in job_ids]
        if not page.jobs or page.jobs[0].id != last:
            found.append(_asked(connection, job_calls.job(last, None), patience))
        reached = min([last, *(job.id for job in page.jobs)])
        left = [job_id for job_id in left if job_id < reached]
    return found


def _asked(connection: Connection, call: Call[T], patience: Patience) -> T:
    while True:
        try:
            answer = connection.ask(call)
        except ClientError as error:
            patience.check(error)
            connection.sleep(AWAY_PAUSE_SECONDS)
        else:
            patience.answered()
            return answer


def _deadline(timeout_seconds: float | None) -> float:
    return math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
