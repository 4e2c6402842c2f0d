"""A job's output, wherever it lies: in this machine's spool, sent to us by its executor, or on its node.

Promises: one way to read a piece of it from any of these, and a sentence for a person when it cannot be had;
a user's own file is never opened by the API itself, only by the executor that knows whose it must be. Refuses
to know what is made of the bytes.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from api.answers.reading import Row, fetch_one
from api.answers.texts import PHRASES, Language, say
from api.engine import Engine
from api.services.node_output import NodeSilent, Wish
from conductor.core.identifiers import JobId
from conductor.core.selections import job_name
from conductor.output_file import (
    PIECE_BYTES,
    Missing,
    Piece,
    Stream,
    is_joined,
    lies_in_spool,
    output_path,
    read_piece,
    received_path,
    spool_id,
)

TAIL_BYTES = 64 * 1024

# Why there is nothing: the file's own code -> the code of its sentence
_WHY = {"not_a_file": "output_not_a_file", "forbidden": "output_forbidden"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which bytes are wanted; `first_byte` None is the end. Up to `wait_seconds` a node may wait for them."""

    first_byte: int | None
    most_bytes: int = PIECE_BYTES
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The end of a file, and how long the whole is."""

    text: str
    total_bytes: int
    truncated: bool


async def find_place(engine: Engine, job_id: JobId, attempt: int | None = None) -> Row | None:
    """The job as far as its output is concerned; `node_name` is None when nothing has run. None: no such job."""
    return await fetch_one(engine.pool, "output_place", {"job_id": job_id, "attempt": attempt})


def called(place: Row) -> str:
    """The job as people call it: `42`, or `42_7`."""
    return job_name(place["id"], place["array_job_id"], place["array_task_id"])


async def read_part(
    engine: Engine, place: Row, stream: Stream, part: Part, patience_seconds: float
) -> Piece | Missing:
    """From wherever it is. Raises `NodeSilent` and, asking a node, `DatabaseUnavailable`."""
    here = await asyncio.to_thread(read_here, place, stream, part, engine.settings.spool)
    if here is not None:
        return here
    wish = Wish(
        node_name=place["node_name"],
        job_id=place["id"],
        attempt=place["attempt"],
        stream=stream,
        first_byte=part.first_byte,
        most_bytes=min(part.most_bytes, PIECE_BYTES),
        wait_seconds=part.wait_seconds,
    )
    return await engine.node_outputs.ask(wish, patience_seconds)


def read_here(place: Row, stream: Stream, part: Part, spool: Path) -> Piece | Missing | None:
    """None when it is the node that has to be asked."""
    if place["node_name"] is None:  # nothing has run that could have written anything
        return Piece(data=b"", first_byte=part.first_byte or 0, total_bytes=0)
    wanted = part.first_byte, part.most_bytes
    sent = read_piece(received_file(place, stream, spool), *wanted)
    if isinstance(sent, Piece):
        return sent
    # The spool's name is in it: the same name is the same folder, on this machine or shared with the node's.
    if not lies_in_spool(place, stream) or place["spool_id"] != spool_id(spool):
        return None
    found = read_piece(output_path(place, stream, spool), *wanted)
    is_sure = isinstance(found, Piece) or found.code == "missing"
    return found if is_sure else None


def received_file(place: Row, stream: Stream, spool: Path) -> Path:
    return received_path(spool, place["id"], place["attempt"], "stdout" if is_joined(place) else stream)


async def read_tail(engine: Engine, place: Row, stream: Stream, patience_seconds: float) -> Tail | Missing:
    """The last 64 KiB as text. What is no UTF-8 is replaced; a character cut in two at the start is left out."""
    part = Part(first_byte=None, most_bytes=TAIL_BYTES)
    found = await read_part(engine, place, stream, part, patience_seconds)
    return tail_of(found) if isinstance(found, Piece) else found


def tail_of(piece: Piece) -> Tail:
    data = piece.data[_continuation_bytes(piece.data) :] if piece.first_byte else piece.data
    return Tail(
        text=data.decode("utf-8", "replace"), total_bytes=piece.total_bytes, truncated=piece.first_byte > 0
    )


def _continuation_bytes(data: bytes) -> int:
    return next((index for index, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)


def why_none(
    found: Missing | NodeSilent, place: Mapping[str, Any], keep_days: int, language: Language
) -> str:
    """In a person's words, why there is nothing to read."""
    node = place["node_name"]
    if isinstance(found, NodeSilent):
        return say(PHRASES, "output_silent" if found.served else "output_not_served", language, node=node)
    if found.code == "missing" and _is_long_ended(place, keep_days):
        return say(PHRASES, "output_expired", language, path=found.path, days=keep_days)
    return say(PHRASES, _WHY.get(found.code, "output_missing"), language, path=found.path, node=node)


def _is_long_ended(place: Mapping[str, Any], keep_days: int) -> bool:
    if not (keep_days and place["final"] and place["end_time"]):
        return False
    return bool(place["end_time"] < datetime.now(UTC) - timedelta(days=keep_days))
