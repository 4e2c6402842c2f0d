"""What can be asked of jobs: cancel, hold, unhold, requeue, another priority; of one, a whole array, or some of it.

Promises: of several, one that is refused does not spare the others; each is a command of its own, and the tasks of an
array are taken from the last to the first, some hundreds in a transaction.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.answers.problems import refused
from api.answers.reading import Row, answer, fetch, fetch_one
from api.endpoints.jobs import QUERY, WaitSeconds, Why
from api.endpoints.selecting import Chosen, chosen_jobs, no_such_job
from api.engine import Engine, engine_of
from api.guard.security import caller_of
from api.requests.bodies import SMALL, json_body, optional_json_body
from api.requests.conditions import expected_version, refuse_match_of_several, tag_of
from api.requests.fields import Priority
from api.requests.submission import STRICT
from api.requests.validation import validated, validated_query
from conductor.core import commands
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.identifiers import JobId
from conductor.core.job import JobState
from conductor.handler import Accepted, Outcome

REFUSALS_LISTED = 100
AT_ONCE = 500  # a batch of the handler

Act = Literal["cancel", "hold", "unhold", "requeue", "reprioritize"]
Wish = Callable[[JobId], commands.Command]
_WAITING = frozenset({JobState.PENDING})
_ACTS: Mapping[str, Callable[..., commands.Command]] = {
    "cancel": commands.Cancel,
    "hold": commands.Hold,
    "unhold": commands.Unhold,
    "requeue": commands.Requeue,
}
# Which tasks are meant when an array is; the others are as they should be, or too far for it.
_MEANT: Mapping[Act, frozenset[JobState]] = {
    "cancel": frozenset(state for state in JobState if not state.final),
    "hold": _WAITING,
    "unhold": _WAITING,
    "reprioritize": _WAITING,
    "requeue": frozenset(JobState),
}


class ActQuery(BaseModel):
    model_config = QUERY

    wait: WaitSeconds | None = None


class NewPriority(BaseModel):
    model_config = STRICT

    priority: Priority


async def _act(act: Act, request: Request) -> Response:
    """200 when it is done; 202 when the node of a job has yet to end its processes."""
    done = await acted(act, request)
    rows = done.get("jobs") or [done]
    status = 202 if any(row["cancel_requested_at"] and not row["final"] for row in rows) else 200
    return answer(done, status, {} if "jobs" in done else {"ETag": tag_of(done["version"])})


async def acted(act: Act, request: Request) -> dict[str, Any]:
    """Do it and tell how the jobs stand now; `?wait=SECONDS` waits for their ends first."""
    query = validated_query(ActQuery, request)
    wish = await _wish(act, request)
    engine = engine_of(request)
    chosen = await chosen_jobs(engine, request)
    if chosen.whole:
        refuse_match_of_several(request, request.path_params["job_id"][:40])
        return await _several(act, request, chosen, wish, query.wait)
    [job_id] = chosen.job_ids
    expected = await expected_version(request, partial(_version, engine, job_id))
    caller = caller_of(request)
    outcome = await engine.handler.handle(
        wish(job_id), caller.provenance(), expected_version=expected, rights=caller.identity.rights
    )
    if isinstance(outcome, Rejection):
        raise no_such_job(job_id) if outcome.code is RejectionCode.NOT_FOUND else refused(outcome)
    if query.wait:
        with engine.waits.held():
            await engine.watch.wait(job_id, _settled, query.wait)
    row = await fetch_one(engine.pool, "job_after_command", {"job_id": job_id})
    if row is None:
        raise no_such_job(job_id)
    return {**row, "position": outcome.position}


async def _version(engine: Engine, job_id: JobId) -> int | None:
    row = await fetch_one(engine.pool, "job_after_command", {"job_id": job_id})
    return row["version"] if row else None


async def _wish(act: Act, request: Request) -> Wish:
    if act == "reprioritize":
        priority = validated(NewPriority, await json_body(request, SMALL)).priority
        return lambda job_id: commands.Reprioritize(job_id=job_id, priority=priority)
    why = validated(Why, await optional_json_body(request, SMALL))
    return lambda job_id: _ACTS[act](job_id=job_id, reason=why.reason)


async def _several(
    act: Act, request: Request, chosen: Chosen, wish: Wish, wait_seconds: float | None
) -> dict[str, Any]:
    """Ask each task that is meant; refused as a whole when every one is."""
    engine, caller = engine_of(request), caller_of(request)
    meant = [job_id for job_id in chosen.job_ids if chosen.states[job_id] in _MEANT[act]]
    asked = meant or (chosen.job_ids[-1:] if act in ("hold", "reprioritize") else [])
    outcomes: list[Outcome] = []
    for begin in range(0, len(asked), AT_ONCE):  # so that others' commands come in between
        asking = [wish(job_id) for job_id in asked[begin : begin + AT_ONCE]]
        outcomes += await engine.handler.handle_all(
            asking, caller.provenance(), atomic=False, rights=caller.identity.rights
        )
    refusals = _refusals(asked, outcomes)
    accepted = [one for one in outcomes if isinstance(one, Accepted)]
    if asked and not accepted:
        raise refused(refusals[0][1])
    rows = await _rows(engine, chosen)
    if wait_seconds:
        ending = [row["job_id"] for row in rows if row["cancel_requested_at"] and not row["final"]]
        with engine.waits.held():
            await asyncio.gather(*(engine.watch.wait(job_id, _settled, wait_seconds) for job_id in ending))
        rows = await _rows(engine, chosen)
    return {
        "array_job_id": chosen.array_job_id,
        "changed": sum(bool(one.events) for one in accepted),
        "jobs": rows,
        "refused": [
            {"job_id": job_id, "code": one.code, "message": one.message, "state": one.state}
            for job_id, one in refusals[:REFUSALS_LISTED]
        ],
        "position": max((one.position for one in accepted), default=await _head(engine)),
    }


def _refusals(asked: Sequence[JobId], outcomes: Sequence[Outcome]) -> list[tuple[JobId, Rejection]]:
    pairs = zip(asked, outcomes, strict=True)
    return [(job_id, one) for job_id, one in pairs if isinstance(one, Rejection)]


async def _rows(engine: Engine, chosen: Chosen) -> list[Row]:
    return await fetch(engine.pool, "jobs_after_command", {"job_ids": list(chosen.job_ids)})


async def _head(engine: Engine) -> int:
    head = await fetch_one(engine.pool, "head")
    return head["position"] if head else 0


def _settled(row: Row) -> bool:
    """Nothing is being ended any more: the job has ended, or waits for its next attempt."""
    return bool(row["final"]) or row["state"] == JobState.PENDING


cancel, hold, unhold, requeue = (partial(_act, act) for act in ("cancel", "hold", "unhold", "requeue"))
reprioritize = partial(_act, "reprioritize")
