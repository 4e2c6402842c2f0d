"""A synchronous client of the HTTP API.

    with connect() as client:
        job = client.submit(Submission(script="#!/bin/sh\\necho hello\\n", cpus=1))
        print(client.wait(job.job_id).exit_code)

Promises: a method for each thing the API does, with its names; writes may be repeated safely.
Refuses to know: the database. Everything goes over HTTP.
"""

import math
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from ssl import SSLContext
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx

from conductor.client.connection import Connection, Params, verified_by
from conductor.client.errors import UnexpectedAnswer, Unreachable
from conductor.client.models import (
    Changed,
    Event,
    EventPage,
    Job,
    JobPage,
    Node,
    Nodes,
    ProcessPage,
    Raw,
    Stats,
    Submission,
    Submitted,
    SubmittedBatch,
    read,
)
from conductor.client.tokens import Tokens
from conductor.settings import Settings, api_url_of, load_settings, read_token

API = "/api/v1"
# One long poll; shorter than what proxies in between usually allow.
LONG_POLL_SECONDS = 20.0
# How often a server that is away is tried again.
AWAY_PAUSE_SECONDS = 0.5
# A log of some ten million events.
AUDIT_PATIENCE_SECONDS = 600.0
# The most that the server gives at once.
PAGE = 1000
EVENTS_PAGE = 10_000

# How much longer an answer about the past may take.
FOLDING_SECONDS = 300.0

JobName = int | str  # 42, or a task of an array: "42_7"; where something is asked of them, also "42_[1-5]"
Stream = Literal["stdout", "stderr"]
Moment = int | datetime  # a position of the log, or an aware time


def connect(settings: Settings | None = None, *, channel: str = "api") -> "Client":
    """A client of the server that the settings name, with the token kept beside them."""
    settings = settings or load_settings()
    url = api_url_of(settings)
    verify = verified_by(url, settings)
    return Client(url, read_token(settings), lang=settings.lang, channel=channel, verify=verify)


class Client:
    """One server. Use it in a `with` block, or close it."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        lang: str = "en",
        channel: str = "api",
        timeout_seconds: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        verify: SSLContext | None = None,
    ) -> None:
        self._connection = Connection(
            url,
            token,
            lang=lang,
            channel=channel,
            timeout_seconds=timeout_seconds,
            transport=transport,
            verify=verify,
        )
        self.tokens = Tokens(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    @property
    def url(self) -> str:
        return self._connection.url

    def submit(self, submission: Submission, *, idempotency_key: str | None = None) -> Submitted:
        """Submit one job. The same key within 24 hours answers with the same job."""
        key = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        raw = self._connection.json("POST", f"{API}/jobs/submit", body=submission.to_json(), headers=key)
        return read(Submitted, raw)

    def submit_batch(
        self, submissions: Iterable[Submission], *, idempotency_key: str | None = None
    ) -> SubmittedBatch:
        """Submit many in one transaction: all of them, or none."""
        key = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        body = {"jobs": [submission.to_json() for submission in submissions]}
        raw = self._connection.json("POST", f"{API}/jobs/submit/batch", body=body, headers=key)
        return read(SubmittedBatch, raw)

    def jobs(
        self,
        *,
        states: Sequence[str] = (),
        user_name: str | None = None,
        name: str | None = None,
        node_name: str | None = None,
        array_job_id: int | None = None,
        fold: Literal["array"] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        cursor: str | int | None = None,
        as_of: Moment | None = None,
    ) -> JobPage:
        """One page of jobs. `fold="array"`: the waiting tasks of an array as one."""
        params: Params = {
            "state": ",".join(states) or None,
            "user_name": user_name,
            "name": name,
            "node_name": node_name,
            "array_job_id": array_job_id,
            "fold": fold,
            "since": since.isoformat() if since else None,
            "until": until.isoformat() if until else None,
            "limit": limit,
            "cursor": cursor,
        }
        return read(JobPage, self._listing("/jobs", params, as_of))

    def all_jobs(self, limit: int | None = None, *, as_of: Moment | None = None, **filters: Any) -> JobPage:
        """Jobs over as many pages as it takes, as one page. Filters are those of `jobs`."""
        found: list[Job] = []
        raw: list[Raw] = []
        told: Raw = {}
        cursor: str | int | None = None
        while True:
            left = PAGE if limit is None else min(PAGE, limit - len(found))
            page = self.jobs(limit=left, cursor=cursor, as_of=as_of, **filters)
            found += page.jobs
            raw += page.raw["jobs"]
            cursor = page.next
            if as_of is not None and not told:
                told = {"as_of": page.raw["as_of"]}
                as_of = int(
                    told["as_of"]["position"]
                )  # a time still to come would be another one a page later
            if cursor is None or not page.jobs or len(found) == limit:
                return JobPage(jobs=tuple(found), next=cursor, raw={**told, "jobs": raw, "next": cursor})

    def job(self, job_id: JobName, *, as_of: Moment | None = None) -> Job:
        return read(Job, self._listing(f"/jobs/{job_id}", {}, as_of))

    def wait(
        self, job_id: JobName, *, timeout_seconds: float | None = None, patience_seconds: float = 0.0
    ) -> Job:
        """The job once it has ended, or as it is when the time is up.

        `patience_seconds` is how long the server may be away meanwhile.
        """
        deadline = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
        answered_at = time.monotonic()
        while True:
            left = max(0.0, deadline - time.monotonic())
            try:
                job = self.wait_once(job_id, min(left, LONG_POLL_SECONDS))
            except Unreachable:
                if time.monotonic() - answered_at >= patience_seconds:
                    raise
                time.sleep(AWAY_PAUSE_SECONDS)
                continue
            answered_at = time.monotonic()
            if job.final or answered_at >= deadline:
                return job

    def wait_once(self, job_id: JobName, timeout_seconds: float) -> Job:
        """One long poll: the job when it ends, or as it is after this time."""
        params: Params = {"wait": "final", "timeout": timeout_seconds}
        raw = self._connection.json(
            "GET", f"{API}/jobs/{job_id}", params=params, patience_seconds=timeout_seconds
        )
        return read(Job, raw)

    def script(self, job_id: JobName) -> str:
        return self._connection.content(f"{API}/jobs/{job_id}/script").decode("utf-8", "replace")

    def job_events(self, job_id: JobName, *, after: int = 0, limit: int | None = None) -> EventPage:
        params: Params = {"after": after, "limit": limit}
        return read(EventPage, self._connection.json("GET", f"{API}/jobs/{job_id}/events", params=params))

    def all_job_events(self, job_id: JobName) -> tuple[Event, ...]:
        """A job's whole history, however long."""
        found: list[Event] = []
        while True:
            after = found[-1].position if found else 0
            events = self.job_events(job_id, after=after, limit=EVENTS_PAGE).events
            found += events
            if len(events) < EVENTS_PAGE:
                return tuple(found)

    def output(self, job_id: JobName, *, stream: Stream = "stdout", offset: int = 0) -> bytes:
        """What the job has written so far, from a byte on."""
        params: Params = {"stream": stream, "offset": offset}
        return self._connection.content(f"{API}/jobs/{job_id}/output", params=params)

    def follow_output(
        self, job_id: JobName, *, stream: Stream = "stdout", offset: int = 0, follow: bool = True
    ) -> AbstractContextManager[Iterator[bytes]]:
        """What the job writes, as it comes, until it has ended (or, not following, until here)."""
        params: Params = {"stream": stream, "offset": offset, "follow": 1 if follow else None}
        return self._connection.stream(f"{API}/jobs/{job_id}/output", params=params)

    def cancel(
        self, job_id: JobName, *, reason: str | None = None, wait_seconds: float | None = None
    ) -> Changed:
        """Cancel: at once what waits; what runs is asked to end (and waited for, when told to)."""
        raw = self._connection.json(
            "POST",
            f"{API}/jobs/{job_id}/cancel",
            params={"wait": wait_seconds},
            body=_reason(reason),
            patience_seconds=wait_seconds or 0.0,
        )
        return _changed(job_id, raw)

    def hold(self, job_id: JobName, *, reason: str | None = None) -> Changed:
        return self._change(job_id, "hold", reason)

    def unhold(self, job_id: JobName, *, reason: str | None = None) -> Changed:
        return self._change(job_id, "unhold", reason)

    def requeue(self, job_id: JobName, *, reason: str | None = None) -> Changed:
        return self._change(job_id, "requeue", reason)

    def reprioritize(self, job_id: JobName, priority: int) -> Changed:
        path = f"{API}/jobs/{job_id}/reprioritize"
        return _changed(job_id, self._connection.json("POST", path, body={"priority": priority}))

    def command(self, command: Raw) -> Raw:
        """Send one command as the contract words it; a rejection is raised as `Refused`."""
        body = {"command_id": str(uuid.uuid4()), **command}
        answer = self._connection.json("POST", f"{API}/commands", body=body)
        if not isinstance(answer, dict):
            raise UnexpectedAnswer("the answer to a command is no JSON object")
        return answer

    def stats(self, *, as_of: Moment | None = None) -> Stats:
        return read(Stats, self._listing("/jobs/stats", {}, as_of))

    def nodes(self, *, as_of: Moment | None = None) -> Nodes:
        return read(Nodes, self._listing("/nodes", {}, as_of))

    def node(self, name: str) -> Node:
        return read(Node, self._connection.json("GET", f"{API}/nodes/{quote(name, safe='')}"))

    def drain(self, name: str, *, reason: str | None = None) -> Raw:
        """Place nothing more on this node; what runs there runs on."""
        return self._node_change(name, "drain", reason)

    def resume(self, name: str, *, reason: str | None = None) -> Raw:
        return self._node_change(name, "resume", reason)

    def policy(self, *, as_of: Moment | None = None) -> Raw:
        """How the queue is worked through, since when, by whom and why."""
        return _object(self._listing("/policy", {}, as_of))

    def change_policy(self, changes: Mapping[str, Any], *, reason: str | None = None) -> Raw:
        """Change some of its values, by name; gives it as it is then."""
        body = {"changes": dict(changes), "reason": reason}
        return _object(self._connection.json("POST", f"{API}/policy", body=body))

    def policy_history(self) -> tuple[Event, ...]:
        """Every change of the policy."""
        return self.events(stream="policy", limit=EVENTS_PAGE).events

    def fair_share(self, *, as_of: Moment | None = None) -> Raw:
        """What each account has used, decayed, and its factor."""
        return _object(self._listing("/policy/fair-share", {}, as_of))

    def events(
        self,
        *,
        after: int = 0,
        stream: str | None = None,
        event_type: str | None = None,
        limit: int | None = None,
    ) -> EventPage:
        """Events after a position, in the order of the log."""
        params: Params = {"after": after, "stream": stream, "type": event_type, "limit": limit}
        return read(EventPage, self._connection.json("GET", f"{API}/events", params=params))

    def why(self, job_id: JobName, *, as_of: Moment | None = None) -> Raw:
        """Why a job waits, now or at a moment of the past; of one that does not wait, what came of it."""
        answer = self._listing(f"/jobs/{job_id}/why", {}, as_of)
        if not isinstance(answer, dict):
            raise UnexpectedAnswer("the answer is no JSON object")
        return answer

    def audit(self, *, replay: bool = True) -> Raw:
        """What is wrong now, and with `replay` what the whole log tells, which takes as long as it is long."""
        params: Params = {"replay": "true" if replay else "false"}
        patience_seconds = AUDIT_PATIENCE_SECONDS if replay else 0.0
        answer = self._connection.json(
            "GET", f"{API}/audit", params=params, patience_seconds=patience_seconds
        )
        if not isinstance(answer, dict):
            raise UnexpectedAnswer("the audit is no JSON object")
        return answer

    def processes(
        self,
        *,
        pid: int | None = None,
        node_name: str | None = None,
        at: datetime | None = None,
        limit: int | None = None,
        cursor: int | None = None,
    ) -> ProcessPage:
        """Which jobs ran as this PID, on this node, alive at this time; newest first."""
        params: Params = {
            "pid": pid,
            "node_name": node_name,
            "at": at.isoformat() if at else None,
            "limit": limit,
            "cursor": cursor,
        }
        return read(ProcessPage, self._connection.json("GET", f"{API}/pids", params=params))

    def health(self) -> Raw:
        """The server's own account of itself; `Unreachable` when there is none."""
        answer = self._connection.json("GET", "/health")
        return answer if isinstance(answer, dict) else {}

    def _listing(self, path: str, params: Params, as_of: Moment | None) -> Any:
        """What is read of now, or of a moment in the past, for which the whole log may have to be folded."""
        moment = as_of.isoformat() if isinstance(as_of, datetime) else as_of
        return self._connection.json(
            "GET",
            API + path,
            params={**params, "as_of": moment},
            patience_seconds=0.0 if as_of is None else FOLDING_SECONDS,
        )

    def _change(self, job_id: JobName, verb: str, reason: str | None) -> Changed:
        raw = self._connection.json("POST", f"{API}/jobs/{job_id}/{verb}", body=_reason(reason))
        return _changed(job_id, raw)

    def _node_change(self, name: str, verb: str, reason: str | None) -> Raw:
        raw: Any = self._connection.json(
            "POST", f"{API}/nodes/{quote(name, safe='')}/{verb}", body=_reason(reason)
        )
        return raw if isinstance(raw, dict) else {}


def _object(raw: object) -> Raw:
    if not isinstance(raw, dict):
        raise UnexpectedAnswer("the server answered with something that is no JSON object; is the URL right?")
    return raw


def _reason(reason: str | None) -> Raw | None:
    return None if reason is None else {"reason": reason}


def _changed(job_id: JobName, raw: object) -> Changed:
    if isinstance(raw, dict) and raw.get("jobs"):
        return read(Changed, {**raw["jobs"][0], **raw})
    # The answer to a write may be the job itself, which calls its number `id`.
    return read(Changed, {"job_id": job_id, **raw} if isinstance(raw, dict) else raw)
