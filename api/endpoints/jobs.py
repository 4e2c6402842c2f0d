"""What can be read of jobs."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.answers.reading import Row, answer, fetch, fetch_one, page_of
from api.answers.texts import PHRASES, Language, say
from api.endpoints.as_of import AsOf, job_then, jobs_then, moment_of
from api.endpoints.folding import can_fold, folded_page
from api.endpoints.output import Tail, find_place, read_tail, why_none
from api.endpoints.reach import own_environment, own_job
from api.endpoints.selecting import no_such_job, one_job
from api.engine import Engine, engine_of
from api.guard.security import caller_of
from api.requests.conditions import tag_of, unchanged
from api.requests.fields import Count, Id, Instant, Line, NodeNameText, UserName
from api.requests.submission import STRICT
from api.requests.validation import complaint, validated_query
from api.requests.wire import Reason
from api.services.node_output import NodeSilent
from conductor.core.identifiers import JobId
from conductor.core.job import FINAL_STATES, JobState
from conductor.database import Pool
from conductor.output_file import Missing, Stream, is_joined, output_path

QUERY = ConfigDict(extra="forbid", frozen=True)
_NARROWING = {"user_name", "name", "node_name", "array_job_id"}
LONGEST_WAIT_SECONDS = 300.0
_OUTPUT_PATIENCE_SECONDS = 2.0  # a job can be shown without its output


def _states(given: Any) -> list[str]:
    """Names of states, with commas between; `final` stands for every end."""
    found: list[str] = []
    for name in str(given).split(","):
        if name.strip().lower() == "final":
            found += sorted(FINAL_STATES)
        elif name.strip().upper() in JobState.__members__:
            found.append(name.strip().upper())
        else:
            raise complaint("not_one_of", expected=", ".join([*JobState.__members__, "final"]))
    return found


_Named = Annotated[str, Field(json_schema_extra={"enum": [*JobState.__members__, "final"]})]
States = Annotated[
    list[str],
    BeforeValidator(_states, json_schema_input_type=Annotated[list[_Named], Field(min_length=1)]),
]
WaitSeconds = Annotated[float, Field(ge=0, le=LONGEST_WAIT_SECONDS, allow_inf_nan=False)]


class ListQuery(BaseModel):
    model_config = QUERY

    state: States | None = None
    user_name: UserName | None = None
    name: Line | None = None
    node_name: NodeNameText | None = None
    since: Instant | None = None
    until: Instant | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    array_job_id: Id | None = None
    fold: Literal["array"] | None = None
    cursor: Id | None = None
    at_least: Count | None = None
    as_of: AsOf | None = None


class JobQuery(BaseModel):
    model_config = QUERY

    wait: States | None = None
    timeout: WaitSeconds = 30.0
    at_least: Count | None = None
    as_of: AsOf | None = None


class ReadQuery(BaseModel):
    """What every other read takes."""

    model_config = QUERY

    at_least: Count | None = None


class MomentQuery(BaseModel):
    """What a read takes that can look back."""

    model_config = QUERY

    at_least: Count | None = None
    as_of: AsOf | None = None


class Why(BaseModel):
    model_config = STRICT

    reason: Reason = None


async def list_jobs(request: Request) -> Response:
    query = validated_query(ListQuery, request)
    filters = {
        **query.model_dump(exclude={"state", "cursor", "limit", "at_least", "as_of", "fold"}),
        "states": query.state,
    }
    if query.as_of is not None:
        engine, moment = await moment_of(request, query.as_of, at_least=query.at_least, fold=query.fold)
        return await jobs_then(request, engine, moment, filters, query.cursor, query.limit)
    engine = engine_of(request)
    await engine.caught_up(query.at_least)
    if query.fold is not None and can_fold(filters):
        rows, more = await folded_page(engine.pool, filters, query.cursor, query.limit)
    else:
        found = await listed(engine.pool, {**filters, "cursor": query.cursor, "limit": query.limit + 1})
        rows, more = page_of(found, query.limit)
    return answer({"jobs": await _with_opinions(engine, rows), "next": more})


async def listed(pool: Pool, filters: Mapping[str, Any], ids: Sequence[JobId] | None = None) -> list[Row]:
    """A page of jobs. Jobs that have not ended are few, so by their states they are found whatever else is asked."""
    asked = {name for name, value in filters.items() if value is not None and name in _NARROWING}
    states = filters["states"]
    by_state = states is not None and ids is None and (not asked or not FINAL_STATES.intersection(states))
    by_user = not by_state and ids is None and asked == {"user_name"}
    values = {**filters, "ids": ids, "by_state": by_state, "by_user": by_user}
    return await fetch(pool, "jobs", values, planned_anew=True)


async def get_job(request: Request) -> Response:
    query = validated_query(JobQuery, request)
    engine = engine_of(request)
    if query.as_of is not None:
        job_id = await one_job(engine, request)
        await own_job(engine, request, job_id)
        _, moment = await moment_of(request, query.as_of, at_least=query.at_least, wait=query.wait)
        return await job_then(engine, job_id, moment)
    await engine.caught_up(query.at_least)
    job_id = await one_job(engine, request)
    await own_job(engine, request, job_id)
    if query.wait is not None:
        await _wait_for(engine, job_id, query.wait, query.timeout)
        await own_job(engine, request, job_id)  # it may have moved to another node meanwhile
    if (same := await _unchanged(engine, job_id, request)) is not None:
        return same
    document = await job_document(engine, job_id, caller_of(request).language)
    if "array" in document:  # of which the first task's version says nothing
        return answer(document)
    return answer(document, headers={"ETag": tag_of(document["version"])})


async def _unchanged(engine: Engine, job_id: JobId, request: Request) -> Response | None:
    """304 for a client that knows this version of the job, before its outputs are looked for."""
    if "if-none-match" not in request.headers:
        return None
    row = await fetch_one(engine.pool, "job_after_command", {"job_id": job_id})
    return unchanged(request, row["version"]) if row and row["array_job_id"] != job_id else None


async def _wait_for(engine: Engine, job_id: JobId, states: list[str], timeout_seconds: float) -> None:
    """Until the job is in one of the states, or has ended and can only reach them by a requeue."""
    if await fetch_one(engine.pool, "job_after_command", {"job_id": job_id}) is None:
        raise no_such_job(job_id)
    with engine.waits.held():
        await engine.watch.wait(job_id, lambda row: row["state"] in states or row["final"], timeout_seconds)


async def job_document(engine: Engine, job_id: JobId, language: Language) -> dict[str, Any]:
    """Every column, the allocation, and the ends of both outputs; of an array's first task, the array as well."""
    row = await fetch_one(engine.pool, "job", {"job_id": job_id})
    if row is None:
        raise no_such_job(job_id)
    await _with_opinions(engine, [row])
    array = {"array": await _array(engine, job_id)} if row["array_job_id"] == job_id else {}
    return {**row, **array, **await _outputs(engine, row, language)}


async def _array(engine: Engine, job_id: JobId) -> dict[str, Any]:
    rows = await fetch(engine.pool, "array_states", {"job_id": job_id})
    by_state = {row["state"]: row["jobs"] for row in rows}
    return {"array_job_id": job_id, "tasks": sum(by_state.values()), "jobs_by_state": by_state}


async def _with_opinions(engine: Engine, rows: list[Row]) -> list[Row]:
    """The same rows; those that wait for no reason of their own get the cluster's, where it can be told at once."""
    now = datetime.now(UTC)
    waiting = {
        row["id"]: row
        for row in rows
        if row["state"] == JobState.PENDING
        and (row["reason"] is None or (row["reason"] == "BeginTime" and row["begin_time"] <= now))
    }
    for job_id, reason in (await engine.picture.reasons(list(waiting))).items():
        waiting[job_id]["reason"] = reason
    return rows


async def _outputs(engine: Engine, job: Row, language: Language) -> dict[str, Any]:
    """Both ends of what the last attempt that ran has written; nothing has, nothing is looked for."""
    ran = job["start_time"] is not None or job["attempt"] > 1
    place = await find_place(engine, job["id"]) if ran else None
    if place is None or place["node_name"] is None:
        return _named("stdout", "", 0, False, None) | _named("stderr", "", 0, False, None)
    if is_joined(place):
        path = output_path(place, "stdout", engine.settings.spool)
        note = say(PHRASES, "output_joined", language, path=path)
        return await _output(engine, "stdout", place, language) | _named("stderr", "", 0, False, note)
    stdout, stderr = await asyncio.gather(
        _output(engine, "stdout", place, language), _output(engine, "stderr", place, language)
    )
    return stdout | stderr


async def _output(engine: Engine, stream: Stream, place: Row, language: Language) -> dict[str, Any]:
    found: Tail | Missing | NodeSilent
    try:
        found = await read_tail(engine, place, stream, _OUTPUT_PATIENCE_SECONDS)
    except NodeSilent as silent:
        found = silent
    if isinstance(found, Tail):
        return _named(stream, found.text, found.total_bytes, found.truncated, None)
    why = why_none(found, place, engine.settings.output_keep_days, language)
    return _named(stream, None, None, False, why)


def _named(
    stream: str, text: str | None, total_bytes: int | None, truncated: bool, note: str | None
) -> dict[str, Any]:
    return {
        stream: text,
        f"{stream}_bytes": total_bytes,
        f"{stream}_truncated": truncated,
        f"{stream}_note": note,
    }


async def get_script(request: Request) -> Response:
    engine = engine_of(request)
    await engine.caught_up(validated_query(ReadQuery, request).at_least)
    job_id = await one_job(engine, request)
    await own_job(engine, request, job_id, live=True)
    row = await fetch_one(engine.pool, "script", {"job_id": job_id})
    if row is None:
        raise no_such_job(job_id)
    return PlainTextResponse(row["body"])


async def get_environment(request: Request) -> Response:
    engine = engine_of(request)
    await engine.caught_up(validated_query(ReadQuery, request).at_least)
    job_id = await one_job(engine, request)
    await own_environment(engine, request, job_id)
    row = await fetch_one(engine.pool, "environment", {"job_id": job_id})
    if row is None:
        raise no_such_job(job_id)
    return answer({"job_id": job_id, "environment": row["values"] or {}})
