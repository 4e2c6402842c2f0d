"""Calls about jobs: submit, read, change."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict, cast

import httpx

from conductor.client.calls import (
    API,
    Call,
    JobName,
    Moment,
    Params,
    Stream,
    as_bytes,
    as_json,
    as_object,
    as_shape,
    as_text,
    encoded_lines,
    get,
    if_version,
    part,
    post,
    repeat_key,
)
from conductor.client.errors import UnexpectedAnswer
from conductor.client.models import (
    Changed,
    EventPage,
    Job,
    JobPage,
    Raw,
    Submission,
    Submitted,
    SubmittedBatch,
    read,
)
from conductor.wire.why import Explanation

# A batch of more jobs is sent as lines, which neither side holds twice.
MOST_IN_ONE_OBJECT = 100
# The server's limit for one batch.
BATCH = 10_000


class JobFilters(TypedDict, total=False):
    """Which jobs to list. `fold="array"`: the waiting tasks of an array as one."""

    states: Sequence[str]
    user_name: str | None
    name: str | None
    node_name: str | None
    array_job_id: int | None
    fold: Literal["array"] | None
    since: datetime | None
    until: datetime | None


def submit(submission: Submission, idempotency_key: str | None) -> Call[Submitted]:
    return post(
        f"{API}/jobs/submit",
        as_shape(Submitted),
        submission.to_json(),
        headers=repeat_key(idempotency_key),
    )


def submit_batch(submissions: Iterable[Submission], idempotency_key: str | None) -> Call[SubmittedBatch]:
    jobs = [submission.to_json() for submission in submissions]
    path, headers = f"{API}/jobs/submit/batch", repeat_key(idempotency_key)
    if len(jobs) <= MOST_IN_ONE_OBJECT:
        return post(path, as_shape(SubmittedBatch), {"jobs": jobs}, headers=headers)
    return Call(
        method="POST",
        path=path,
        reads=as_shape(SubmittedBatch),
        body=encoded_lines(jobs),
        headers={**headers, "Content-Type": "application/x-ndjson"},
    )


def jobs(
    limit: int | None, cursor: str | int | None, as_of: Moment | None, filters: JobFilters
) -> Call[JobPage]:
    unknown = sorted(filters.keys() - JobFilters.__annotations__.keys())
    if unknown:
        raise TypeError(f"{unknown[0]} is no filter of jobs; known: {', '.join(JobFilters.__annotations__)}")
    given: dict[str, Any] = {**filters}
    states = given.pop("states", ())
    params: Params = {
        **{name: _as_param(value) for name, value in given.items()},
        "state": ",".join([states] if isinstance(states, str) else states) or None,
        "limit": limit,
        "cursor": cursor,
    }
    return get(f"{API}/jobs", as_shape(JobPage), params, as_of=as_of)


def _as_param(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def moment_of(page: JobPage, as_of: Moment | None) -> Moment | None:
    """What the next page is asked of: a time still to come would be another moment a page later."""
    return as_of if as_of is None else int(page.raw["as_of"]["position"])


def one_page(pages: Sequence[JobPage]) -> JobPage:
    """Several pages, which follow each other, as one."""
    told = {name: pages[0].raw[name] for name in ("as_of",) if name in pages[0].raw}
    raw = [job for page in pages for job in page.raw["jobs"]]
    found = tuple(job for page in pages for job in page.jobs)
    return JobPage(jobs=found, next=pages[-1].next, raw={**told, "jobs": raw, "next": pages[-1].next})


def job(job_id: JobName, as_of: Moment | None) -> Call[Job]:
    return get(f"{API}/jobs/{part(job_id)}", as_shape(Job), as_of=as_of)


def job_in_state(job_id: JobName, states: str | Sequence[str], timeout_seconds: float) -> Call[Job]:
    """A long poll: the job once it is in one of the states or has ended, or as it is after this time."""
    names = states if isinstance(states, str) else ",".join(states)
    params: Params = {"wait": names, "timeout": timeout_seconds}
    return get(f"{API}/jobs/{part(job_id)}", as_shape(Job), params, patience_seconds=timeout_seconds)


def script(job_id: JobName) -> Call[str]:
    return get(f"{API}/jobs/{part(job_id)}/script", as_text)


def environment(job_id: JobName) -> Call[Mapping[str, str]]:
    def reads(answer: httpx.Response) -> Mapping[str, str]:
        values = as_object(answer).get("environment")
        if not isinstance(values, dict):
            raise UnexpectedAnswer("the answer about an environment names none; are both of one version?")
        return cast(dict[str, str], values)

    return get(f"{API}/jobs/{part(job_id)}/environment", reads)


def why(job_id: JobName, as_of: Moment | None) -> Call[Explanation]:
    return get(f"{API}/jobs/{part(job_id)}/why", as_shape(Explanation), as_of=as_of)


def job_events(job_id: JobName, after: int, limit: int | None) -> Call[EventPage]:
    params: Params = {"after": after, "limit": limit}
    return get(f"{API}/jobs/{part(job_id)}/events", as_shape(EventPage), params)


def output(job_id: JobName, stream: Stream, offset: int, limit: int | None) -> Call[bytes]:
    params: Params = {"stream": stream, "offset": offset, "limit": limit}
    return get(f"{API}/jobs/{part(job_id)}/output", as_bytes, params)


def followed_output(job_id: JobName, stream: Stream, offset: int, follow: bool) -> Call[bytes]:
    params: Params = {"stream": stream, "offset": offset, "follow": 1 if follow else None}
    return get(f"{API}/jobs/{part(job_id)}/output", as_bytes, params)


def send_output(job_id: JobName, data: bytes, stream: Stream, offset: int, attempt: int | None) -> Call[int]:
    """The length that the stream has then."""

    def reads(answer: httpx.Response) -> int:
        return int(as_object(answer)["offset"])

    return Call(
        method="PUT",
        path=f"{API}/jobs/{part(job_id)}/output",
        reads=reads,
        params={"stream": stream, "offset": offset, "attempt": attempt},
        body=data,
        headers={"Content-Type": "application/octet-stream"},
    )


def cancel(
    job_id: JobName, reason: str | None, wait_seconds: float | None, expected_version: int | None
) -> Call[Changed]:
    return post(
        f"{API}/jobs/{part(job_id)}/cancel",
        _changed(job_id),
        said(reason),
        params={"wait": wait_seconds},
        headers=if_version(expected_version),
        patience_seconds=wait_seconds or 0.0,
    )


def change(
    job_id: JobName,
    verb: Literal["hold", "unhold", "requeue"],
    reason: str | None,
    expected_version: int | None,
) -> Call[Changed]:
    path = f"{API}/jobs/{part(job_id)}/{verb}"
    return post(path, _changed(job_id), said(reason), headers=if_version(expected_version))


def reprioritize(job_id: JobName, priority: int, expected_version: int | None) -> Call[Changed]:
    path, body = f"{API}/jobs/{part(job_id)}/reprioritize", {"priority": priority}
    return post(path, _changed(job_id), body, headers=if_version(expected_version))


def said(reason: str | None) -> Raw | None:
    return None if reason is None else {"reason": reason}


def _changed(job_id: JobName) -> Callable[[httpx.Response], Changed]:
    def reads(answer: httpx.Response) -> Changed:
        raw = as_json(answer)
        if not isinstance(raw, dict):
            return read(Changed, raw)
        if raw.get("jobs"):
            return read(Changed, {**raw["jobs"][0], **raw})
        # The answer to a write may be the job itself, which calls its number `id`.
        return read(Changed, {"job_id": job_id, **raw})

    return reads
