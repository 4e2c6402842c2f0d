"""`GET /api/v1/jobs/{id}/output`: the bytes of an output, as far as they are or until the job's end."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.engine import Engine, engine_of
from api.fields import Count
from api.jobs import QUERY, job_id_of, no_such_job
from api.output import Missing, Stream, open_output, output_path
from api.problems import Problem
from api.reading import Row, fetch_one
from api.security import caller_of
from api.texts import PHRASES, say
from api.validation import validated_query
from conductor.core.identifiers import JobId
from conductor.database import DatabaseUnavailable

_CHUNK_BYTES = 256 * 1024
_LOOK_SECONDS = 0.1  # how old the newest output may be that a follower has not seen
_MEDIA_TYPE = "text/plain; charset=utf-8"


class OutputQuery(BaseModel):
    model_config = QUERY

    stream: Stream = "stdout"
    offset: Count = 0
    limit: Annotated[int, Field(ge=1, le=2**53 - 1)] = 2**53 - 1
    follow: bool = False


async def get_output(request: Request) -> Response:
    query = validated_query(OutputQuery, request)
    engine, job_id = engine_of(request), job_id_of(request)
    place = await _place(engine, job_id)
    if query.follow:
        return StreamingResponse(_follow(engine, job_id, query, place), media_type=_MEDIA_TYPE)
    file = await asyncio.to_thread(open_output, output_path(place, query.stream, engine.settings.spool))
    if isinstance(file, Missing):
        if place["node_name"] is None:  # nothing has run that could have written anything
            return Response(b"", media_type=_MEDIA_TYPE)
        why = say(PHRASES, file.code, caller_of(request).language, path=file.path)
        raise Problem(404, "output_elsewhere", job_id=job_id, why=why)
    total = os.fstat(file).st_size
    size = max(0, min(query.limit, total - query.offset))
    headers = {"Conductor-Output-Bytes": str(total)}
    if size <= _CHUNK_BYTES:
        return Response(
            await _read_and_close(file, query.offset, size), media_type=_MEDIA_TYPE, headers=headers
        )
    chunks = _chunks(file, query.offset, query.offset + size)
    return StreamingResponse(chunks, media_type=_MEDIA_TYPE, headers=headers)


async def _place(engine: Engine, job_id: JobId) -> Row:
    row = await fetch_one(engine.pool, "output_place", {"job_id": job_id})
    if row is None:
        raise no_such_job(job_id)
    return row


async def _read_and_close(file: int, offset: int, size: int) -> bytes:
    try:
        return await asyncio.to_thread(os.pread, file, size, offset)
    finally:
        os.close(file)


async def _chunks(file: int, offset: int, end: int) -> AsyncIterator[bytes]:
    """What the file has between two offsets; shorter when it was truncated meanwhile."""
    try:
        while offset < end:
            chunk = await asyncio.to_thread(os.pread, file, min(_CHUNK_BYTES, end - offset), offset)
            if not chunk:
                return
            yield chunk
            offset += len(chunk)
    finally:
        os.close(file)


async def _follow(engine: Engine, job_id: JobId, query: OutputQuery, place: Row) -> AsyncIterator[bytes]:
    """Whatever is written until the job has ended and the file has been read to its end.

    The database's absence is waited for: the job and its output go on without it.
    """
    offset, end = query.offset, query.offset + query.limit
    async with engine.watch.looking_at(job_id) as sight:
        while offset < end:
            row = sight.row  # before reading, so that what was written before the end is not missed
            if row is not None and row["version"] != place["version"]:
                with contextlib.suppress(DatabaseUnavailable):
                    place = await _place(engine, job_id)  # the node may be part of the path
            path = output_path(place, query.stream, engine.settings.spool)
            async for chunk in _new_bytes(path, offset, end):
                yield chunk
                offset += len(chunk)
            if row is not None and row["final"]:
                return
            await sight.changed(_LOOK_SECONDS)


async def _new_bytes(path: Path, offset: int, end: int) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(open_output, path)
    if isinstance(file, Missing):
        return
    async for chunk in _chunks(file, offset, min(end, os.fstat(file).st_size)):
        yield chunk
