"""`PUT /api/v1/jobs/{id}/output`: output from an executor of another make, which has no spool that we can read.

Promises: a stream grows piece by piece without gaps or overlaps, and no larger than an output may; a repeated piece
changes nothing; what an executor of ours serves itself is not taken. Refuses to know how the executor got it.
"""

import asyncio
import contextlib
import fcntl
import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.answers.problems import Problem
from api.answers.reading import answer
from api.endpoints.jobs import QUERY
from api.endpoints.output import called, find_place
from api.endpoints.reach import own_node
from api.endpoints.selecting import no_such_job, one_job
from api.engine import engine_of
from api.requests.bodies import read_body
from api.requests.fields import Count
from api.requests.validation import validated_query
from conductor.output_file import Stream, received_path

MOST_BYTES = 4 * 1024 * 1024

_FILE = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
# As a supervisor makes them, who may come here later: root's jobs may run as others, who pass through.
_FOLDER_MODE = 0o711 if os.geteuid() == 0 else 0o700
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class PutQuery(BaseModel):
    model_config = QUERY

    stream: Stream = "stdout"
    offset: Count
    attempt: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


async def put_output(request: Request) -> Response:
    query = validated_query(PutQuery, request)
    engine = engine_of(request)
    job_id = await one_job(engine, request)
    place = await find_place(engine, job_id, query.attempt)
    if place is None:
        raise no_such_job(job_id)
    if place["node_name"] is not None:
        own_node(request, place["node_name"])
    else:
        raise Problem(409, "wrong_state", detail="output_before_start", job_id=called(place))
    if place["served"]:
        raise Problem(
            409, "wrong_state", detail="output_is_served", job_id=called(place), node=place["node_name"]
        )
    data = await _body(request)
    limit_mib = engine.settings.output_limit_mb
    fitting = data if not limit_mib else data[: max(0, (limit_mib << 20) - query.offset)]
    path = received_path(engine.settings.spool, job_id, place["attempt"], query.stream)
    size, fits = await asyncio.to_thread(_append, engine.settings.spool, path, query.offset, fitting)
    if not fits:
        raise Problem(
            409,
            "output_gap",
            members={"offset": size},
            job_id=called(place),
            stream=query.stream,
            offset=size,
        )
    if len(fitting) < len(data):
        raise Problem(413, "too_large", detail="output_full", limit_mib=limit_mib)
    return answer({"job_id": job_id, "attempt": place["attempt"], "stream": query.stream, "offset": size})


async def _body(request: Request) -> bytes:
    try:
        return await read_body(request, MOST_BYTES)
    except Problem as problem:
        raise Problem(413, "too_large", detail="piece_too_large", limit_mib=MOST_BYTES >> 20) from problem


def _append(spool: Path, path: Path, offset: int, data: bytes) -> tuple[int, bool]:
    """The length of the file afterwards, and whether the piece fits.

    What is there already and the same is passed over: the answer to an earlier try was lost.
    """
    file = _opened(spool, path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file).st_size
        known = min(size - offset, len(data))
        if known < 0 or os.pread(file, known, offset) != data[:known]:
            return size, False
        rest = memoryview(data)[known:]
        while rest:
            rest = rest[os.write(file, rest) :]
        return os.fstat(file).st_size, True
    finally:
        os.close(file)


def _opened(spool: Path, path: Path) -> int:
    """The file to append to; folders below the spool are made as needed, and no link is followed."""
    spool.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    folder = os.open(spool, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in path.parent.relative_to(spool).parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, _FOLDER_MODE, dir_fd=folder)
            inner = os.open(name, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(path.name, _FILE, 0o600, dir_fd=folder)
    finally:
        os.close(folder)
