"""What comes in pages, over as many pages as it takes; or in batches, over as many batches."""

from collections.abc import AsyncGenerator, Iterable
from itertools import islice

from conductor.client import job_calls, log_calls
from conductor.client.aio.connection import AsyncConnection
from conductor.client.calls import EVENTS_PAGE, PAGE, JobName, Moment
from conductor.client.errors import ClientError
from conductor.client.event_lines import LineReader
from conductor.client.models import Event, Job, JobPage, Submission, Submitted
from conductor.client.patience import AWAY_PAUSE_SECONDS, PATIENCE_SECONDS, Patience


async def submit_all(
    connection: AsyncConnection, submissions: Iterable[Submission], idempotency_key: str | None
) -> AsyncGenerator[Submitted, None]:
    """A batch at a time; the next is made when this one has been taken."""
    source, number = iter(submissions), 0
    while batch := list(islice(source, job_calls.BATCH)):
        key = None if idempotency_key is None else f"{idempotency_key}-{number}"
        for submitted in (await connection.ask(job_calls.submit_batch(batch, key))).jobs:
            yield submitted
        number += 1


async def iterate_jobs(
    connection: AsyncConnection, as_of: Moment | None, filters: job_calls.JobFilters
) -> AsyncGenerator[Job, None]:
    """A page at a time; the next is read when this one has been taken."""
    cursor: str | int | None = None
    while True:
        page = await connection.ask(job_calls.jobs(PAGE, cursor, as_of, filters))
        for job in page.jobs:
            yield job
        cursor, as_of = page.next, job_calls.moment_of(page, as_of)
        if cursor is None or not page.jobs:
            return


async def all_jobs(
    connection: AsyncConnection, limit: int | None, as_of: Moment | None, filters: job_calls.JobFilters
) -> JobPage:
    """All of them, or as many, as one page."""
    pages: list[JobPage] = []
    found, cursor = 0, None
    while True:
        left = PAGE if limit is None else min(PAGE, limit - found)
        page = await connection.ask(job_calls.jobs(left, cursor, as_of, filters))
        pages.append(page)
        found += len(page.jobs)
        cursor, as_of = page.next, job_calls.moment_of(page, as_of)
        if cursor is None or not page.jobs or found == limit:
            return job_calls.one_page(pages)


async def all_job_events(connection: AsyncConnection, job_id: JobName) -> tuple[Event, ...]:
    """A job's whole history."""
    found: list[Event] = []
    while True:
        after = found[-1].position if found else 0
        events = (await connection.ask(job_calls.job_events(job_id, after, EVENTS_PAGE))).events
        found += events
        if len(events) < EVENTS_PAGE:
            return tuple(found)


async def iterate_events(
    connection: AsyncConnection, after: log_calls.Known, filters: log_calls.EventFilters
) -> AsyncGenerator[Event, None]:
    """Up to the end of the log, as lines; a connection that breaks is taken up again at the next one."""
    patience = Patience(PATIENCE_SECONDS)
    while True:
        try:
            reader = LineReader()
            async with connection.stream(log_calls.event_lines(after, filters)) as pieces:
                patience.answered()
                async for piece in pieces:
                    for event in reader.events(piece):
                        after = log_calls.known(event)
                        yield event
            return
        except ClientError as error:
            patience.check(error)
        await connection.sleep(AWAY_PAUSE_SECONDS)
