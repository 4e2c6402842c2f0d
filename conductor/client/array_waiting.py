"""Waiting for every task of an array.

Promises: how many requests it takes does not grow with the tasks, as long as they end in about their order: it waits
for the last that has not ended, and reads them all once, at the end.
"""

import time

from conductor.client.client import AWAY_PAUSE_SECONDS, LONG_POLL_SECONDS, Client
from conductor.client.errors import Unreachable
from conductor.client.models import Job
from conductor.core.job import JobState

PACE_SECONDS = 0.2  # between two looks at an array whose tasks end in another order
_UNFINISHED = tuple(state for state in JobState if not state.final)


def wait_for_array(client: Client, array_job_id: int, *, patience_seconds: float) -> tuple[Job, ...]:
    """All tasks once they have ended. `patience_seconds` is how long the server may be away meanwhile."""
    answered_at = time.monotonic()
    while True:
        try:
            if not _anything_left(client, array_job_id):
                return client.all_jobs(array_job_id=array_job_id).jobs
            for last in client.jobs(array_job_id=array_job_id, states=_UNFINISHED, limit=1).jobs:
                client.wait_once(last.id, LONG_POLL_SECONDS)
        except Unreachable:
            if time.monotonic() - answered_at >= patience_seconds:
                raise
            time.sleep(AWAY_PAUSE_SECONDS)
            continue
        answered_at = time.monotonic()
        time.sleep(PACE_SECONDS)


def _anything_left(client: Client, array_job_id: int) -> bool:
    by_state = client.job(array_job_id).raw["array"]["jobs_by_state"]
    return any(by_state.get(state) for state in _UNFINISHED)
