"""`GET /api/v1/jobs/{id}/output`: the bytes of an output, as far as they are or until the job's end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.answers.compressing import UNBUFFERED
from api.answers.problems import RETRY_AFTER_SECONDS, Problem
from api.answers.reading import Row
from api.endpoints.jobs import QUERY
from api.endpoints.output import Part, called, find_place, read_here, read_part, received_file, why_none
from api.endpoints.selecting import no_such_job, one_job
from api.engine import Engine, engine_of
from api.guard.security import caller_of
from api.requests.fields import Count, Flag
from api.requests.validation import validated_query
from api.services.node_output import NodeSilent
from api.services.watch import Sight
from conductor.core.identifiers import JobId
from conductor.database import DatabaseUnavailable
from conductor.output_file import PIECE_BYTES, Missing, Piece, Stream

_PATIENCE_SECONDS = 5.0  # a node that has not answered by then is called silent
_LOOK_SECONDS = 0.1  # how old the newest output may be that a follower has not seen
_WAIT_SECONDS = 10.0  # how long a node may wait for more output before it says that there is none
_TRIES = 3
_MEDIA_TYPE = "text/plain; charset=utf-8"


class OutputBroken(Exception):
    """What was begun cannot be finished; the connection is cut, so that nobody takes a part for the whole."""


class OutputQuery(BaseModel):
    model_config = QUERY

    stream: Stream = "stdout"
    attempt: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    offset: Count = 0
    limit: Annotated[int, Field(ge=1, le=2**53 - 1)] = 2**53 - 1
    follow: Flag = False
    at_least: Count | None = None


async def get_output(request: Request) -> Response:
    query = validated_query(OutputQuery, request)
    engine = engine_of(request)
    await engine.caught_up(query.at_least)
    job_id = await one_job(engine, request)
    place = await _place(engine, job_id, query)
    if query.follow:
        pieces = _follow(engine, job_id, query, place)
        return StreamingResponse(pieces, media_type=_MEDIA_TYPE, headers=UNBUFFERED)
    part = Part(first_byte=query.offset, most_bytes=min(query.limit, PIECE_BYTES))
    try:
        piece = await read_part(engine, place, query.stream, part, _PATIENCE_SECONDS)
    except NodeSilent as silent:
        why = why_none(silent, place, engine.settings.output_keep_days, caller_of(request).language)
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        raise Problem(503, "node_silent", headers=retry, job_id=called(place), why=why) from None
    if isinstance(piece, Missing):
        why = why_none(piece, place, engine.settings.output_keep_days, caller_of(request).language)
        raise Problem(404, "output_missing", job_id=called(place), why=why)
    headers = {"Conductor-Output-Bytes": str(piece.total_bytes)}
    end = min(query.offset + query.limit, piece.total_bytes)
    if query.offset + len(piece.data) >= end:
        return Response(piece.data, media_type=_MEDIA_TYPE, headers=headers)
    chunks = _chunks(engine, place, query.stream, piece, end)
    return StreamingResponse(chunks, media_type=_MEDIA_TYPE, headers=headers)


async def _place(engine: Engine, job_id: JobId, query: OutputQuery) -> Row:
    place = await find_place(engine, job_id, query.attempt)
    if place is None:
        raise no_such_job(job_id)
    return place


async def _chunks(engine: Engine, place: Row, stream: Stream, piece: Piece, end: int) -> AsyncIterator[bytes]:
    """From this piece to there; shorter when the file was cut off meanwhile."""
    while piece.data:
        yield piece.data
        first = piece.first_byte + len(piece.data)
        if first >= end:
            return
        part = Part(first_byte=first, most_bytes=min(end - first, PIECE_BYTES))
        piece = await _certainly(engine, place, stream, part)


async def _certainly(engine: Engine, place: Row, stream: Stream, part: Part) -> Piece:
    """A piece of what was there a moment ago. Raises `OutputBroken`."""
    for _ in range(_TRIES):
        with contextlib.suppress(NodeSilent, DatabaseUnavailable):
            piece = await read_part(engine, place, stream, part, _PATIENCE_SECONDS)
            if isinstance(piece, Piece):
                return piece
        await asyncio.sleep(1.0)
    raise OutputBroken(f"the output of job {place['id']} can no longer be read")


async def _follow(engine: Engine, job_id: JobId, query: OutputQuery, place: Row) -> AsyncIterator[bytes]:
    """Whatever is written until the job has ended and the file has been read to its end.

    The absence of the database or of the node is waited for: the job and its output go on without them. Only a
    node that stays away after the job's end is given up.
    """
    offset, left, silences = query.offset, query.limit, 0
    async with engine.watch.looking_at(job_id) as sight:
        while left > 0:
            row = sight.row  # before reading, so that what was written before the end is not missed
            if row is not None and row["version"] != place["version"]:
                place, before = await _place_now(engine, job_id, query, place), place
                if await asyncio.to_thread(_is_another_file, engine, query, before, place):
                    offset = 0
            ended = row is not None and row["final"] and row["version"] <= place["version"]
            try:
                piece = await _next_piece(engine, query.stream, place, offset, left, None if ended else sight)
                silences = 0
            except (NodeSilent, DatabaseUnavailable) as away:
                piece, silences = None, silences + isinstance(away, NodeSilent)
                if ended and silences >= _TRIES:
                    raise OutputBroken(f"the node of job {job_id} does not answer") from away
                await sight.changed(1.0)
                continue
            if piece is not None and piece.data:
                yield piece.data
                offset, left = offset + len(piece.data), left - len(piece.data)
            elif ended:
                return
            else:
                await sight.changed(_LOOK_SECONDS)


async def _place_now(engine: Engine, job_id: JobId, query: OutputQuery, place: Row) -> Row:
    with contextlib.suppress(DatabaseUnavailable):
        return await _place(engine, job_id, query)
    return place


def _is_another_file(engine: Engine, query: OutputQuery, before: Row, after: Row) -> bool:
    """Attempts on one node write one file; on another node, and when sent to us, each attempt has its own."""
    if before["node_name"] is None or before["attempt"] == after["attempt"]:
        return False
    sent = received_file(before, query.stream, engine.settings.spool).exists()
    return sent or bool(before["node_name"] != after["node_name"])


async def _next_piece(
    engine: Engine, stream: Stream, place: Row, offset: int, left: int, sight: Sight | None
) -> Piece | None:
    """None when there is nothing yet. With a `sight`, a node waits for more until the job itself changes."""
    part = Part(first_byte=offset, most_bytes=min(left, PIECE_BYTES))
    here = await asyncio.to_thread(read_here, place, stream, part, engine.settings.spool)
    if here is not None:
        return here if isinstance(here, Piece) else None
    if sight is None:
        there = await read_part(engine, place, stream, part, _PATIENCE_SECONDS)
        return there if isinstance(there, Piece) else None
    patient = Part(first_byte=offset, most_bytes=part.most_bytes, wait_seconds=_WAIT_SECONDS)
    asking = asyncio.create_task(read_part(engine, place, stream, patient, _PATIENCE_SECONDS))
    changing = asyncio.create_task(sight.changed(_WAIT_SECONDS + _PATIENCE_SECONDS))
    try:
        await asyncio.wait({asking, changing}, return_when=asyncio.FIRST_COMPLETED)
        found = await asking if asking.done() else None
    finally:
        asking.cancel()
        changing.cancel()
    return found if isinstance(found, Piece) else None
