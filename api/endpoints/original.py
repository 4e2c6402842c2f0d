"""The original system's paths and its five states, for the clients that know no others."""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.answers.reading import answer
from api.endpoints import jobs
from api.endpoints.acting import acted
from api.endpoints.selecting import one_job
from api.endpoints.stats import stats
from api.endpoints.submitting import submitted
from api.engine import engine_of
from api.guard.security import caller_of
from api.requests.bodies import ONE_JOB, json_body
from api.requests.original_bodies import submission_of_original, with_original_message, with_original_words
from api.requests.submission import submission_of
from conductor.core.job import JobState

_FAILED = (JobState.TIMEOUT, JobState.NODE_FAIL, JobState.OUT_OF_MEMORY)
# A state that the five do not have -> the one of them that it shows as
_SHOWN_AS = {JobState.RESERVED: JobState.PENDING, **dict.fromkeys(_FAILED, JobState.FAILED)}


def in_five_states(document: dict[str, Any]) -> dict[str, Any]:
    """The same document, its state one of the five; the reason keeps what that hides."""
    state = JobState(document["state"])
    reason = document.get("reason") or (str(state) if state in _FAILED else None)
    return {**document, "state": _SHOWN_AS.get(state, state), "reason": reason}


async def submit(request: Request) -> Response:
    value = await json_body(request, ONE_JOB)
    return answer(await submitted(request, submission_of(submission_of_original(value))))


async def query(request: Request) -> Response:
    engine = engine_of(request)
    job_id = await one_job(engine, request)
    document = await jobs.job_document(engine, job_id, caller_of(request).language)
    return answer(with_original_words(in_five_states(document), now=datetime.now(UTC)))


async def cancel(request: Request) -> Response:
    done = with_original_message(await acted("cancel", request), caller_of(request).language)
    if "jobs" not in done:
        return answer(in_five_states(done))
    tasks = [in_five_states(task) for task in done["jobs"]]  # an array, which those clients did not know
    return answer({**done, "state": tasks[0]["state"], "jobs": tasks})


async def get_stats(request: Request) -> Response:
    found = await stats(engine_of(request))
    by_state = {str(state): 0 for state in JobState if state not in _SHOWN_AS}
    for state, count in found["jobs_by_state"].items():
        by_state[str(_SHOWN_AS.get(JobState(state), state))] += count
    waiting = by_state[JobState.PENDING]
    return answer({**found, "jobs_by_state": by_state, "pending_jobs": waiting, "reserved_jobs": 0})
