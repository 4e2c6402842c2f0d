"""A client of the HTTP API.

    with connect() as client:
        job = client.submit(Submission(script="#!/bin/sh\\necho hello\\n", cpus=1))
        print(client.wait(job.job_id).exit_code)

Promises: a method for each thing the API does, with its names; writes may be repeated safely.
Refuses to know: the database. Everything goes over HTTP.
"""

# Made from `aio/client.py` by `scripts/write_sync_client.py`; change it there.

import ssl
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from conductor.client import cluster_calls, following, job_calls, log_calls, paging, waiting
from conductor.client.calls import EVENTS_PAGE, JobName, Moment, Stream
from conductor.client.connection import Connection
from conductor.client.exchange import CONNECTIONS
from conductor.client.job_calls import JobFilters
from conductor.client.log_calls import CommandAnswer, EventFilters, Known
from conductor.client.models import Raw, Submission
from conductor.client.patience import PATIENCE_SECONDS
from conductor.client.tokens import Tokens
from conductor.wire.audit import Audit, ProcessPage
from conductor.wire.cluster import Health, Stats
from conductor.wire.commands import CommandAccepted
from conductor.wire.events import Event, EventPage
from conductor.wire.jobs import AllocationPage, Changed, Job, JobPage
from conductor.wire.nodes import ChangedNode, LeaseRenewed, Node, Nodes
from conductor.wire.policy import FairShare, PolicyInForce
from conductor.wire.queue import Queue
from conductor.wire.submitting import Submitted, SubmittedBatch
from conductor.wire.why import Explanation

__all__ = ["Client", "JobName", "Moment", "Stream"]


class Client:
    """One server. Use it in an `with` block, or close it; also from several threads at once.

    `verify`: a file with the authorities that the server's certificate may come from. `at_least`: what is read is no
    older than this position, nor than what this client wrote, whichever of several servers answers; 0 for the latter
    alone. `connections` is how many are open at most; who wants one more waits.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        lang: str = "en",
        channel: str = "api",
        timeout_seconds: float = 30.0,
        verify: ssl.SSLContext | str | bool | None = None,
        at_least: int | None = None,
        connections: int = CONNECTIONS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._connection = Connection(
            url,
            token,
            lang=lang,
            channel=channel,
            timeout_seconds=timeout_seconds,
            verify=verify,
            at_least=at_least,
            connections=connections,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    @property
    def tokens(self) -> Tokens:
        """Who may talk to this server, for administrators."""
        return Tokens(self._connection)

    @property
    def url(self) -> str:
        return self._connection.url

    @property
    def position(self) -> int:
        """The last position that this client wrote, for another client's `at_least`; 0 before."""
        return self._connection.written.position

    def submit(self, submission: Submission, *, idempotency_key: str | None = None) -> Submitted:
        """Submit one job, or an array of them. The same key within 24 hours answers with the same job."""
        return self._connection.ask(job_calls.submit(submission, idempotency_key))

    def submit_batch(
        self, submissions: Iterable[Submission], *, idempotency_key: str | None = None
    ) -> SubmittedBatch:
        """Submit many in one transaction: all of them, or none. At most 10,000."""
        return self._connection.ask(job_calls.submit_batch(submissions, idempotency_key))

    def submit_all(
        self, submissions: Iterable[Submission], *, idempotency_key: str | None = None
    ) -> Generator[Submitted, None, None]:
        """Submit any number, a batch at a time, each all or none; the next is made when this one is taken."""
        return paging.submit_all(self._connection, submissions, idempotency_key)

    def jobs(
        self,
        *,
        limit: int | None = None,
        cursor: str | int | None = None,
        as_of: Moment | None = None,
        **filters: Unpack[JobFilters],
    ) -> JobPage:
        """One page of jobs, newest first."""
        return self._connection.ask(job_calls.jobs(limit, cursor, as_of, filters))

    def iterate_jobs(
        self, *, as_of: Moment | None = None, **filters: Unpack[JobFilters]
    ) -> Generator[Job, None, None]:
        """Jobs over as many pages as it takes, each read when it is wanted."""
        return paging.iterate_jobs(self._connection, as_of, filters)

    def all_jobs(
        self, limit: int | None = None, *, as_of: Moment | None = None, **filters: Unpack[JobFilters]
    ) -> JobPage:
        """Jobs over as many pages as it takes, as one page."""
        return paging.all_jobs(self._connection, limit, as_of, filters)

    def job(self, job_id: JobName, *, as_of: Moment | None = None) -> Job:
        return self._connection.ask(job_calls.job(job_id, as_of))

    def wait(
        self,
        job_id: JobName,
        state: str | Sequence[str] = "final",
        *,
        timeout_seconds: float | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> Job:
        """The job once it is in this state (or one of these) or has ended, or as it is when the time is up.

        `patience_seconds` is how long the server may be away meanwhile.
        """
        return waiting.wait_for_state(self._connection, job_id, state, timeout_seconds, patience_seconds)

    def wait_once(self, job_id: JobName, timeout_seconds: float) -> Job:
        """One long poll: the job when it ends, or as it is after this time."""
        return self._connection.ask(job_calls.job_in_state(job_id, "final", timeout_seconds))

    def wait_each(
        self,
        job_ids: Iterable[JobName],
        *,
        timeout_seconds: float | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> Generator[Job, None, None]:
        """Many jobs, each as it ends and as a listing shows it; who has not ended when the time is up does not come."""
        return waiting.wait_for_each(self._connection, job_ids, timeout_seconds, patience_seconds)

    def wait_array(self, array_job_id: int, *, patience_seconds: float = PATIENCE_SECONDS) -> tuple[Job, ...]:
        """Every task of an array, once all have ended."""
        return waiting.wait_for_tasks(self._connection, array_job_id, patience_seconds)

    def script(self, job_id: JobName) -> str:
        return self._connection.ask(job_calls.script(job_id))

    def environment(self, job_id: JobName) -> Mapping[str, str]:
        """The variables that were given with the job."""
        return self._connection.ask(job_calls.environment(job_id))

    def why(self, job_id: JobName, *, as_of: Moment | None = None) -> Explanation:
        """Why a job waits, now or at a moment of the past; of one that does not wait, what came of it."""
        return self._connection.ask(job_calls.why(job_id, as_of))

    def job_events(self, job_id: JobName, *, after: int = 0, limit: int | None = None) -> EventPage:
        return self._connection.ask(job_calls.job_events(job_id, after, limit))

    def all_job_events(self, job_id: JobName) -> tuple[Event, ...]:
        """A job's whole history, however long."""
        return paging.all_job_events(self._connection, job_id)

    def output(
        self, job_id: JobName, *, stream: Stream = "stdout", offset: int = 0, limit: int | None = None
    ) -> bytes:
        """What the job has written so far, from a byte on."""
        return self._connection.ask(job_calls.output(job_id, stream, offset, limit))

    def stream_output(
        self,
        job_id: JobName,
        *,
        stream: Stream = "stdout",
        offset: int = 0,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> Generator[bytes, None, None]:
        """What the job writes, as it comes, until it has ended; a connection that breaks is taken up again there."""
        return following.follow_output(self._connection, job_id, stream, offset, patience_seconds)

    def follow_output(
        self, job_id: JobName, *, stream: Stream = "stdout", offset: int = 0, follow: bool = True
    ) -> AbstractContextManager[Iterator[bytes]]:
        """The same over one connection, which may break; not following, up to here."""
        return self._connection.stream(job_calls.followed_output(job_id, stream, offset, follow))

    def send_output(
        self,
        job_id: JobName,
        data: bytes,
        *,
        stream: Stream = "stdout",
        offset: int,
        attempt: int | None = None,
    ) -> int:
        """For executors: a piece of what a job wrote, at this byte; gives the length that is known then."""
        return self._connection.ask(job_calls.send_output(job_id, data, stream, offset, attempt))

    def cancel(
        self,
        job_id: JobName,
        *,
        reason: str | None = None,
        wait_seconds: float | None = None,
        expected_version: int | None = None,
    ) -> Changed:
        """Cancel: at once what waits; what runs is asked to end (and waited for, when told to).

        Here and below, with `expected_version` only a job of that version is changed, else it is `Refused`.
        """
        return self._connection.ask(job_calls.cancel(job_id, reason, wait_seconds, expected_version))

    def hold(
        self, job_id: JobName, *, reason: str | None = None, expected_version: int | None = None
    ) -> Changed:
        return self._connection.ask(job_calls.change(job_id, "hold", reason, expected_version))

    def unhold(
        self, job_id: JobName, *, reason: str | None = None, expected_version: int | None = None
    ) -> Changed:
        return self._connection.ask(job_calls.change(job_id, "unhold", reason, expected_version))

    def requeue(
        self, job_id: JobName, *, reason: str | None = None, expected_version: int | None = None
    ) -> Changed:
        return self._connection.ask(job_calls.change(job_id, "requeue", reason, expected_version))

    def reprioritize(self, job_id: JobName, priority: int, *, expected_version: int | None = None) -> Changed:
        return self._connection.ask(job_calls.reprioritize(job_id, priority, expected_version))

    def command(self, command: Raw) -> CommandAccepted:
        """Send one command as the contract words it; a rejection is raised as `Refused`."""
        return self._connection.ask(log_calls.command(command))

    def commands(self, commands: Sequence[Raw], *, atomic: bool = False) -> tuple[CommandAnswer, ...]:
        """Send several, at most 1,000, and read an answer for each; `atomic`: all of them, or none."""
        return self._connection.ask(log_calls.commands(commands, atomic))

    def stats(self, *, as_of: Moment | None = None) -> Stats:
        return self._connection.ask(cluster_calls.stats(as_of))

    def allocations(
        self,
        *,
        statuses: Sequence[str] = (),
        node_name: str | None = None,
        wait_seconds: float | None = None,
        limit: int | None = None,
        cursor: int | None = None,
        as_of: Moment | None = None,
    ) -> AllocationPage:
        """Who holds which CPUs, newest first; `wait_seconds` holds the answer until there is one."""
        return self._connection.ask(
            cluster_calls.allocations(statuses, node_name, wait_seconds, limit, cursor, as_of)
        )

    def nodes(self, *, as_of: Moment | None = None) -> Nodes:
        return self._connection.ask(cluster_calls.nodes(as_of))

    def node(self, name: str) -> Node:
        return self._connection.ask(cluster_calls.node(name))

    def drain(self, name: str, *, reason: str | None = None) -> ChangedNode:
        """Place nothing more on this node; what runs there runs on."""
        return self._connection.ask(cluster_calls.change_node(name, "drain", reason))

    def resume(self, name: str, *, reason: str | None = None) -> ChangedNode:
        return self._connection.ask(cluster_calls.change_node(name, "resume", reason))

    def lost(self, name: str, *, reason: str | None = None) -> ChangedNode:
        """Vouch that nothing runs on this node any more: its jobs end or begin again elsewhere."""
        return self._connection.ask(cluster_calls.change_node(name, "lost", reason))

    def remove(self, name: str, *, reason: str | None = None) -> ChangedNode:
        return self._connection.ask(cluster_calls.change_node(name, "remove", reason))

    def renew_lease(self, name: str, incarnation: int, allocations: Sequence[int]) -> LeaseRenewed:
        """For executors: this node is there and has these allocations."""
        return self._connection.ask(cluster_calls.renew_lease(name, incarnation, allocations))

    def queue(self, *, limit: int | None = None) -> Queue:
        """The waiting jobs in the order in which the scheduler looks at them, and the licences in use."""
        return self._connection.ask(cluster_calls.queue(limit))

    def policy(self, *, as_of: Moment | None = None) -> PolicyInForce:
        """How the queue is worked through, since when, by whom and why."""
        return self._connection.ask(cluster_calls.policy(as_of))

    def change_policy(self, changes: Mapping[str, Any], *, reason: str | None = None) -> PolicyInForce:
        """Change some of its values, by name; gives it as it is then."""
        return self._connection.ask(cluster_calls.change_policy(changes, reason))

    def policy_history(self) -> tuple[Event, ...]:
        """Every change of the policy."""
        return self.events(stream="policy", limit=EVENTS_PAGE).events

    def fair_share(self, *, as_of: Moment | None = None) -> FairShare:
        """What each account has used, decayed, and its factor."""
        return self._connection.ask(cluster_calls.fair_share(as_of))

    def events(
        self,
        *,
        after: int = 0,
        known_hash: str | None = None,
        stream: str | None = None,
        event_type: str | Sequence[str] | None = None,
        node_name: str | None = None,
        limit: int | None = None,
    ) -> EventPage:
        """Events after a position. `known_hash`, here and below, of the one there: `Refused` if history is another."""
        filters = EventFilters(stream=stream, event_type=event_type, node_name=node_name)
        begin = Known(position=after, hash=known_hash)
        return self._connection.ask(log_calls.events(begin, filters, limit))

    def iterate_events(
        self,
        *,
        after: int = 0,
        known_hash: str | None = None,
        stream: str | None = None,
        event_type: str | Sequence[str] | None = None,
        node_name: str | None = None,
    ) -> Generator[Event, None, None]:
        """The same up to the end of the log, however long, as they are taken."""
        filters = EventFilters(stream=stream, event_type=event_type, node_name=node_name)
        return paging.iterate_events(self._connection, Known(position=after, hash=known_hash), filters)

    def follow_events(
        self,
        *,
        after: int | None = None,
        known_hash: str | None = None,
        stream: str | None = None,
        event_type: str | Sequence[str] | None = None,
        node_name: str | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> Generator[Event, None, None]:
        """Events after a position (left out: from now on) as they are recorded, each once, for ever."""
        begin = None if after is None else Known(position=after, hash=known_hash)
        filters = EventFilters(stream=stream, event_type=event_type, node_name=node_name)
        return following.follow_events(self._connection, begin, filters, patience_seconds)

    def audit(self, *, replay: bool = True) -> Audit:
        """What is wrong now, and with `replay` what the whole log tells, which takes as long as it is long."""
        return self._connection.ask(log_calls.audit(replay))

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
        return self._connection.ask(log_calls.processes(pid, node_name, at, limit, cursor))

    def health(self) -> Health:
        """The server's own account of itself; `Unreachable` when there is none."""
        return self._connection.ask(cluster_calls.health())
