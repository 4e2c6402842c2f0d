"""What comes in pages, over as many pages as it takes; or in batches, over as many batches."""

# Made from `aio/paging.py` by `scripts/write_sync_client.py`; change it there.

from collections.abc import Generator, Iterable
from itertools import islice

from conductor.client import job_calls, log_calls
from conductor.client.calls import EVENTS_PAGE, PAGE, JobName, Moment
from conductor.client.connection import Connection
from conductor.client.errors import ClientError
from conductor.client.event_lines import LineReader
from conductor.client.models import Event, Job, JobPage, Submission, Submitted
from conductor.client.patience import AWAY_PAUSE_SECONDS, PATIENCE_SECONDS, Patience


def submit_all(
    connection: Connection, submissions: Iterable[Submission], idempotency_key: str | None
) -> Generator[Submitted, None, None]:
    """A batch at a time; the next is made when this one has been taken."""
    source, number = iter(submissions), 0
    while batch := list(islice(source, job_calls.BATCH)):
        key = None if idempotency_key is None else f"{idempotency_key}-{number}"
        yield from connection.ask(job_calls.submit_batch(batch, key)).jobs
        number += 1


def iterate_jobs(
    connection: Connection, as_of: Moment | None, filters: job_calls.JobFilters
) -> Generator[Job, None, None]:
    """A page at a time; the next is read when this one has been taken."""
    cursor: str | int | None = None
    while True:
        page = connection.ask(job_calls.jobs(PAGE, cursor, as_of, filters))
        yield from page.jobs
        cursor, as_of = page.next, job_calls.moment_of(page, as_of)
        if cursor is None or not page.jobs:
            return


def all_jobs(
    connection: Connection, limit: int | None, as_of: Moment | None, filters: job_calls.JobFilters
) -> JobPage:
    """All of them, or as many, as one page."""
    pages: list[JobPage] = []
    found, cursor = 0, None
    while True:
        left = PAGE if limit is None else min(PAGE, limit - found)
        page = connection.ask(job_calls.jobs(left, cursor, as_of, filters))
        pages.append(page)
        found += len(page.jobs)
        cursor, as_of = page.next, job_calls.moment_of(page, as_of)
        if cursor is None or not page.jobs or found == limit:
            return job_calls.one_page(pages)


def all_job_events(connection: Connection, job_id: JobName) -> tuple[Event, ...]:
    """A job's whole history."""
    found: list[Event] = []
    while True:
        after = found[-1].position if found else 0
        events = connection.ask(job_calls.job_events(job_id, after, EVENTS_PAGE)).events
        found += events
        if len(events) < EVENTS_PAGE:
            return tuple(found)


def iterate_events(
    connection: Connection, after: log_calls.Known, filters: log_calls.EventFilters
) -> Generator[Event, None, None]:
    """Up to the end of the log, as lines; a connection that breaks is taken up again at the next one."""
    patience = Patience(PATIENCE_SECONDS)
    while True:
        try:
            reader = LineReader()
            with connection.stream(log_calls.event_lines(after, filters)) as pieces:
                patience.answered()
                for piece in pieces:
                    for event in reader.events(piece):
                        after = log_calls.known(event)
                        yield event
            return
        except ClientError as error:
            patience.check(error)
        connection.sleep(AWAY_PAUSE_SECONDS)
