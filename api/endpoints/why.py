"""`GET /api/v1/jobs/{id}/why`: why a job waits, now or at a moment of the past; or what came of it.

The answer is `conductor.core.why`'s, asked of the picture that the API keeps, or of one folded up to that moment.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.answers.problems import Problem
from api.answers.reading import answer, fetch, fetch_one
from api.endpoints.as_of import moment_of, state_then
from api.endpoints.awaiting import awaited
from api.endpoints.jobs import MomentQuery
from api.endpoints.said import said
from api.endpoints.selecting import no_such_job, one_job, selection_of
from api.engine import Engine, engine_of
from api.guard.security import caller_of
from api.requests.validation import validated_query
from api.services.leaving import while_wanted
from conductor.core.fair_share import counted_until, half_life_seconds
from conductor.core.identifiers import POLICY_STREAM, JobId
from conductor.core.job import Job
from conductor.core.policy import PolicyInForce
from conductor.core.sentences import Language
from conductor.core.why import of_job
from conductor.core.why_catalogue import sentence
from conductor.log import reachable
from projections.fair_share import read_fair_share
from projections.moment import Moment, read_state

Document = dict[str, Any]
_LOOKS = 5
_SHOWN_FIRST = ("PENDING", "RESERVED", "RUNNING")  # of an array's tasks


async def get_why(request: Request) -> Response:
    query = validated_query(MomentQuery, request)
    engine = engine_of(request)
    if query.as_of is not None:
        _, moment = await moment_of(request, query.as_of, at_least=query.at_least)
        document = await _then(request, engine, await one_job(engine, request), moment)
    else:
        await engine.caught_up(query.at_least)
        document = await _now_of(engine, request)
    return answer(worded(document, caller_of(request).language))


async def _now_of(engine: Engine, request: Request) -> Document:
    """Of one job. A number that heads an array asks for the whole: its tasks are counted, and the first of those
    that wait, else run, is explained.
    """
    job_id = await one_job(engine, request)
    whole = selection_of(request).task_ids is None
    rows = await fetch(engine.pool, "array_overview", {"job_id": job_id}) if whole else []
    if not rows:
        return await _now(request, engine, job_id)
    first = {row["state"]: row["first_id"] for row in rows}
    shown = next((first[state] for state in _SHOWN_FIRST if state in first), job_id)
    tasks = {row["state"]: row["jobs"] for row in rows}
    return {**await _now(request, engine, JobId(shown)), "array": {"job_id": job_id, "tasks": tasks}}


async def _now(request: Request, engine: Engine, job_id: JobId) -> Document:
    """By the log. Looked at once more when the job moves between two looks."""
    for _ in range(_LOOKS):
        row = await fetch_one(engine.pool, "job", {"job_id": job_id})
        head = await fetch_one(engine.pool, "head")  # not before the row, which may be newer
        if row is None or head is None:
            raise no_such_job(job_id)
        position, at = head["position"], datetime.now(UTC)
        job = await state_then(engine, job_id, Moment(position=position, at=at, head=position))
        why = of_job(job, at, silent=row["reason"] == "NodeDown")
        if why is not None:
            return _document(job, why.to_json(), position, at, leases="known")
        explained = await while_wanted(request, engine.picture.explain(job_id))
        if explained is not None:
            why, position = explained.why, explained.position
            document = _document(job, why.to_json(), position, explained.at, leases="known")
            document["said"] = await said(engine, job, document, position)
            if why.reason == "Dependency":
                document["awaited"] = await awaited(engine, job)
            return document
    raise Problem(503, "replay_failed", why="the job moves faster than it can be looked at")


async def _then(request: Request, engine: Engine, job_id: JobId, moment: Moment) -> Document:
    job = await state_then(engine, job_id, moment)
    at = moment.at or datetime.now(UTC)
    why = of_job(job, at)
    if why is not None:
        document = why.to_json()
    else:
        shares = await _fair_share_then(engine, moment.position, at)
        document = await engine.past.why(request, moment.position, at, job_id, shares)
    document = _document(job, document, moment.position, at, leases="unknown")
    document["said"] = await said(engine, job, document, moment.position)
    row = await fetch_one(engine.pool, "job", {"job_id": job_id})
    if row is None or row["final"]:  # no command would help it any more
        document["remedies"] = [{**one, "command": None} for one in document["remedies"]]
    return {**document, "as_of": moment.told()}


async def _fair_share_then(engine: Engine, position: int, at: datetime) -> Mapping[str, float]:
    """The accounts' factors, where the policy of then gave them weight."""
    async with reachable(engine.pool) as connection:
        policy = await read_state(connection, POLICY_STREAM, position)
        half_life = half_life_seconds(policy.policy) if isinstance(policy, PolicyInForce) else None
        if half_life is None:
            return {}
        share = await read_fair_share(connection, until=counted_until(at), half_life=half_life)
    return share.factors


def _document(job: Job, why: Document, position: int, at: datetime, *, leases: str) -> Document:
    """`leases` "unknown": every node that was up counts as heard from."""
    task: Document = {
        "array_job_id": job.submitted.array_job_id,
        "array_task_id": job.submitted.array_task_id,
        "awaited": [],
        "said": [],
    }
    return {**why, **task, "position": position, "at": at.isoformat(), "leases": leases}


def worded(document: Document, language: Language) -> Document:
    """With the sentence beside every code."""
    told = _worded(document["told"], language)
    return {
        **document,
        "sentence": told["sentence"],
        "told": told,
        "starts_by_told": document["starts_by_told"] and _worded(document["starts_by_told"], language),
        "protection_told": document["protection_told"] and _worded(document["protection_told"], language),
        "said": [_worded(one, language) for one in document["said"]],
        "awaited": [_worded(one, language) for one in document["awaited"]],
        "remedies": [_worded(one, language) for one in document["remedies"]],
    }


def _worded(told: Document, language: Language) -> Document:
    return {**told, "sentence": sentence(told["code"], told["parameters"], language)}
