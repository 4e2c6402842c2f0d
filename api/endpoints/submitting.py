"""`POST /api/v1/jobs/submit` and `/submit/batch`: scripts in, job numbers out.

Promises: a batch is one transaction, all or none, and so is an array; with an `Idempotency-Key` a repeat is answered
with the first jobs and another wish under the same key is refused.
"""

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.answers.problems import FieldError, Problem, invalid, refused
from api.answers.reading import answer, fetch_one, header_of
from api.answers.texts import Language
from api.engine import Engine, engine_of
from api.guard.security import Caller, caller_of
from api.identity import Identity
from api.requests.bodies import MANY_JOBS, ONE_JOB, json_body, lines_or_jobs
from api.requests.directives import warnings_of
from api.requests.original_bodies import submission_of_original
from api.requests.submission import JOBS_AT_ONCE, Wanted, submission_of, submissions_of
from api.requests.validation import refuse_query
from conductor.codec import encode
from conductor.completing import Request as Wish
from conductor.core.arrays import tasks_of
from conductor.core.commands import Submit
from conductor.core.errors import Rejection
from conductor.core.events import JobSubmitted
from conductor.core.identifiers import JobId
from conductor.core.job import JobState
from conductor.crash_points import crash_point
from conductor.database import DatabaseUnavailable
from conductor.handler import Accepted, Outcome
from conductor.refusing import NOT_DONE

MOST_BYTES_OF_TASKS = (
    64 * 2**20
)  # in the log, where each task has all that was asked for but script and environment

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_KEYS = uuid.UUID("6e1c1f0e-4f7b-5b5e-9d4c-0a86f1f0c7d2")  # the name space of idempotency keys


async def submit(request: Request) -> Response:
    """201 with the job's number. The original system's wrapping `{"job": {...}}` gets its 200."""
    refuse_query(request)
    value = await json_body(request, ONE_JOB)
    wrapped = isinstance(value, dict) and "job" in value
    wanted = submission_of(submission_of_original(value))
    return answer(await submitted(request, wanted), 200 if wrapped else 201)


async def submitted(request: Request, wanted: Wanted) -> dict[str, Any]:
    """Hand one submission to the handler and tell of the job. Raises the rejection as a problem."""
    caller = caller_of(request)
    key = _key(request, caller.identity)
    _check_weight([wanted], caller, lambda _: "array")
    wishes = _wishes(wanted, caller, _command_id(key, 0) if key else None)
    await engine_of(request).queue_limit.admit(caller.identity, [wish.command for wish in wishes])
    crash_point("api.submission_checked")
    outcomes = await engine_of(request).handler.handle_requests(wishes, atomic=True)
    crash_point("api.submitted")
    rejected = [one for one in outcomes if isinstance(one, Rejection)]
    if rejected:
        raise _refused(next((one for one in rejected if one is not NOT_DONE), rejected[0]), None)
    accepted = [one for one in outcomes if isinstance(one, Accepted)]
    told = _job(wishes, accepted, wanted, caller.language)
    return {**told, "position": _position(accepted)}


async def submit_batch(request: Request) -> Response:
    refuse_query(request)
    value = await lines_or_jobs(request, MANY_JOBS)
    wanted = submissions_of(_jobs_of(value), most=JOBS_AT_ONCE)
    caller = caller_of(request)
    key = _key(request, caller.identity)
    engine = engine_of(request)
    if key is not None:
        await _check_repeat(engine, key, len(wanted))
    _check_weight(wanted, caller, lambda index: f"jobs[{index}].array")
    groups = await _groups(engine, wanted, caller, key)
    wishes = [wish for group in groups for wish in group]
    await engine.queue_limit.admit(caller.identity, [wish.command for wish in wishes])
    outcomes = await engine.handler.handle_requests(wishes, atomic=True)
    accepted = iter(_all_or_problem(outcomes, groups))
    told = [[next(accepted) for _ in group] for group in groups]
    jobs = [_job(*one, caller.language) for one in zip(groups, told, wanted, strict=True)]
    return answer({"jobs": jobs, "position": max(_position(one) for one in told)}, 201)


async def _groups(
    engine: Engine, wanted: Sequence[Wanted], caller: Caller, key: str | None
) -> list[list[Wish]]:
    """Each submission's wishes. With a key, what was asked is remembered as it came, without a number."""
    if key is not None or any(one.submission.array is not None for one in wanted):
        return [
            _wishes(one, caller, _command_id(key, index) if key else None) for index, one in enumerate(wanted)
        ]
    numbers = iter(await _numbers(engine, len(wanted)))
    provenance, rights = caller.provenance(), caller.identity.rights
    commands = (one.submission.command(caller.identity, next(numbers, None)) for one in wanted)
    return [[Wish(command=command, provenance=provenance, rights=rights)] for command in commands]


async def _numbers(engine: Engine, count: int) -> list[JobId]:
    """Drawn at once, or none: then the handler draws them, which has more patience."""
    try:
        return await engine.handler.draw_job_ids(count)
    except DatabaseUnavailable:
        return []


def _jobs_of(value: Any) -> list[Any]:
    if not isinstance(value, dict):
        raise invalid(FieldError(field="body", code="not_an_object"))
    unknown = [name for name in value if name != "jobs"]
    if unknown:
        raise invalid(FieldError(field=unknown[0][:80], code="unknown_field", values={"nearest": "jobs"}))
    jobs = value.get("jobs")
    if not isinstance(jobs, list):
        raise invalid(FieldError(field="jobs", code="missing" if jobs is None else "not_a_list"))
    if not jobs:
        raise invalid(FieldError(field="jobs", code="too_few", values={"least": 1}))
    if len(jobs) > JOBS_AT_ONCE:
        raise invalid(FieldError(field="jobs", code="too_many", values={"most": JOBS_AT_ONCE}))
    return jobs


def _check_weight(wanted: Sequence[Wanted], caller: Caller, field: Callable[[int], str]) -> None:
    """What all arrays of a request come to in the log, before any is told out. Raises a problem."""
    tasks = size = 0
    for index, one in enumerate(wanted):
        if one.submission.array is None:
            continue
        command = one.submission.command(caller.identity)
        tasks += one.tasks
        size += (one.tasks - 1) * len(encode(replace(command, script="", environment={})))
        if size > MOST_BYTES_OF_TASKS:
            values = {"tasks": tasks, "most": f"{MOST_BYTES_OF_TASKS // 2**20} MiB"}
            raise invalid(FieldError(field=field(index), code="array_too_large", values=values))


def _wishes(wanted: Wanted, caller: Caller, command_id: str | None) -> list[Wish]:
    """One job, or every task of an array. The first task's `command_id` stands for all: they are recorded at once."""
    first, *others = tasks_of(wanted.submission.command(caller.identity))
    rights = caller.identity.rights
    head = Wish(command=first, provenance=caller.provenance(command_id), rights=rights)
    provenance = caller.provenance()
    return [head, *(Wish(command=task, provenance=provenance, head=head, rights=rights) for task in others)]


def _all_or_problem(outcomes: Sequence[Outcome], groups: Sequence[Sequence[Wish]]) -> list[Accepted]:
    """All accepted, or a problem that names the submissions at fault; the others were merely in the same list."""
    accepted = [one for one in outcomes if isinstance(one, Accepted)]
    if len(accepted) == len(outcomes):
        return accepted
    places = [index for index, group in enumerate(groups) for _ in group]
    rejected = [
        (place, one) for place, one in zip(places, outcomes, strict=True) if isinstance(one, Rejection)
    ]
    at_fault = [(place, one) for place, one in rejected if one is not NOT_DONE] or rejected
    first_of = dict(reversed(at_fault))  # one task speaks for its array
    problems = [_refused(first_of[place], f"jobs[{place}]") for place in sorted(first_of)]
    first = problems[0]
    first.errors = tuple(error for problem in problems for error in problem.errors)
    raise first


def _refused(rejection: Rejection, job: str | None) -> Problem:
    if rejection.field == "command_id":
        return invalid(FieldError(field="Idempotency-Key", code="key_reused"))
    field = rejection.field or "script"
    return refused(rejection, field=f"{job}.{field}" if job else rejection.field)


def _job(
    wishes: Sequence[Wish], accepted: Sequence[Accepted], wanted: Wanted, language: Language
) -> dict[str, Any]:
    """`array_tasks` only of an array, `warnings` only when there are some."""
    array = {"array_tasks": len(wishes)} if wanted.submission.array is not None else {}
    told = {"warnings": warnings_of(wanted.remarks, language)} if wanted.remarks else {}
    job_id = _job_id(accepted[0], wishes[0])
    return {"job_id": job_id, "state": JobState.PENDING, **array, **told}


def _job_id(accepted: Accepted, wish: Wish) -> JobId | None:
    """Of the first try, if this was a repeat; and if that one's answer was lost, the number drawn for it."""
    if not accepted.events:
        return wish.command.job_id if isinstance(wish.command, Submit) else None
    event = accepted.events[0].event
    assert isinstance(event, JobSubmitted)
    return event.job_id


def _position(accepted: Sequence[Accepted]) -> int:
    """The last event's of what was recorded at once; a repeat names the first only."""
    head = accepted[0]
    if head.events:
        return head.events[0].position + len(accepted) - 1
    return max(one.position for one in accepted)


def _key(request: Request, identity: Identity) -> str | None:
    """The request's Idempotency-Key, made the caller's own."""
    given = header_of(request, "idempotency-key")
    if given is None:
        return None
    if not _KEY.fullmatch(given):
        raise invalid(FieldError(field="Idempotency-Key", code="bad_key"))
    return f"{identity.name}\n{given}"


def _command_id(key: str, index: int) -> str:
    """No UUID by itself: a `command_id` of a command is one, so that nobody else can use it up."""
    return "key-" + str(uuid.uuid5(_KEYS, f"{key}\n{index}"))


async def _check_repeat(engine: Engine, key: str, count: int) -> None:
    """A repeat of a batch has as many jobs as the first: neither only its beginning, nor more."""
    edges = [_command_id(key, 0), _command_id(key, count - 1), _command_id(key, count)]
    first, last, beyond = [await _is_recorded(engine, command_id) for command_id in edges]
    if beyond or first != last:
        raise invalid(FieldError(field="Idempotency-Key", code="key_reused"))


async def _is_recorded(engine: Engine, command_id: str) -> bool:
    row = await fetch_one(engine.pool, "count_recorded_commands", {"command_ids": [command_id]})
    return row is not None and row["recorded"] > 0
