"""What a job writes and what the log records, as it comes, over as many connections as it takes.

Promises: every byte and every event once and in order: a connection that broke is followed by one that begins where it
ended. What is not taken is not fetched: a slow reader holds the server back, not the memory. Whoever leaves early
closes the generator (`contextlib.aclosing`), and with it the connection.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from conductor.client import job_calls, log_calls
from conductor.client.aio.connection import AsyncConnection
from conductor.client.calls import EVENTS_PAGE, JobName, Stream
from conductor.client.errors import ClientError, Refused
from conductor.client.models import Event, EventPage
from conductor.client.patience import AWAY_PAUSE_SECONDS, Patience
from conductor.client.server_sent import EventReader

# A connection on which nothing came for so long may be dead; a new one begins where it was.
SILENCE_SECONDS = 60.0
# How often a server without the stream of events is asked for new ones.
PAGING_PAUSE_SECONDS = 0.5


async def follow_output(
    connection: AsyncConnection, job_id: JobName, stream: Stream, offset: int, patience_seconds: float
) -> AsyncGenerator[bytes, None]:
    """What the job writes until it has ended and all of it has come."""
    patience = Patience(patience_seconds)
    while True:
        try:
            call = job_calls.followed_output(job_id, stream, offset, True)
            async with connection.stream(call, silence_seconds=SILENCE_SECONDS) as pieces:
                patience.answered()
                async for piece in pieces:
                    offset += len(piece)
                    yield piece
            # A server that shuts down ends its streams too; only the job itself says whether there is more.
            if (await connection.ask(job_calls.job(job_id, None))).final:
                rest = await connection.ask(job_calls.output(job_id, stream, offset, None))
                if rest:
                    yield rest
                return
            patience.answered()
        except ClientError as error:
            patience.check(error)
        await connection.sleep(AWAY_PAUSE_SECONDS)


async def follow_events(
    connection: AsyncConnection,
    after: log_calls.Known | None,
    filters: log_calls.EventFilters,
    patience_seconds: float,
) -> AsyncGenerator[Event, None]:
    """Events after a position (None: from now on) as they are recorded, for ever."""
    patience = Patience(patience_seconds)
    last = await _head(connection) if after is None else after
    reader = EventReader(last.position, last if last.hash else None)
    while True:
        call = log_calls.event_stream(reader.position, reader.last, filters)
        try:
            async with connection.stream(call, silence_seconds=SILENCE_SECONDS) as pieces:
                patience.answered()
                reader = EventReader(reader.position, reader.last)
                async for piece in pieces:
                    for event in reader.events(piece):
                        yield event
        except ClientError as error:
            if isinstance(error, Refused) and error.status == 404:
                break  # an older server: by pages, then
            patience.check(error)
        await connection.sleep(AWAY_PAUSE_SECONDS)
    pages = _follow_pages(connection, reader.position, filters, patience)
    async with aclosing(pages):
        async for event in pages:
            yield event


async def _follow_pages(
    connection: AsyncConnection,
    position: int,
    filters: log_calls.EventFilters,
    patience: Patience,
) -> AsyncGenerator[Event, None]:
    while True:
        page = EventPage(events=())
        try:
            call = log_calls.events(log_calls.Known(position=position), filters, EVENTS_PAGE)
            page = await connection.ask(call)
            patience.answered()
        except ClientError as error:
            patience.check(error)
        for event in page.events:
            yield event
        position = max(position, page.next or 0)
        if len(page.events) < EVENTS_PAGE:
            await connection.sleep(PAGING_PAUSE_SECONDS)


async def _head(connection: AsyncConnection) -> log_calls.Known:
    call = log_calls.events(log_calls.Known(position=0), log_calls.EventFilters(), 1)
    head = (await connection.ask(call)).head
    known = (0, None) if head is None else (head.position, head.hash)
    return log_calls.Known(position=known[0], hash=known[1])
