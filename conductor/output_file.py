"""A job's output as a file of the machine that this process runs on: where it lies, and pieces of it.

Promises: only ordinary files are read, never through a link in the last part of the path, never more than was
asked for; a file that another user than the job's put there is not read; a file that cannot be read is said
to be so and fails nothing. Refuses to know who asks.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from conductor.core.output_path import output_path as expanded_path
from conductor.core.output_path import pattern_values

PIECE_BYTES = 256 * 1024  # the most that is read, or sent through the database, at once
OUTPUT_ANSWERS_CHANNEL = "conductor_output_answers"

Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Bytes of a file from `first_byte` on, and how long the whole was when they were read."""

    data: bytes
    first_byte: int
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Why there is nothing to read: `missing`, `not_a_file`, `forbidden`."""

    code: str
    path: str


def output_channel(node_name: str) -> str:
    """The channel that tells a node's executor of requests. Names end at 63 bytes, so long ones share one."""
    return f"conductor_output_{node_name}"[:60]


def output_path(job: Mapping[str, Any], stream: Stream, spool: Path) -> Path:
    """Where the stream of a job goes. With only `stdout_path` given, both go there, as Slurm's users expect."""
    pattern = job["stdout_path"] if is_joined(job) else job[f"{stream}_path"]
    if pattern is None:
        return spool / "output" / f"job_{job['id']}.{_ending(stream)}"
    values = pattern_values(
        job_id=job["id"],
        name=job["name"],
        node_name=job["node_name"] or "",
        user_name=job["user_name"],
        array_job_id=job["array_job_id"],
        array_task_id=job["array_task_id"],
    )
    return Path(expanded_path(pattern, job["work_dir"] or str(spool / "work" / f"job_{job['id']}"), values))


def is_joined(job: Mapping[str, Any]) -> bool:
    """Whether standard error goes where standard output goes."""
    return job["stderr_path"] is None and job["stdout_path"] is not None


def lies_in_spool(job: Mapping[str, Any], stream: Stream) -> bool:
    """Whether the file is one of the spool's own, which no user could have put there."""
    return (job["stdout_path"] if is_joined(job) else job[f"{stream}_path"]) is None


def received_path(spool: Path, job_id: int, attempt: int, stream: Stream) -> Path:
    """Where the API keeps what an executor without a spool of ours has sent."""
    return spool / "output" / "received" / f"job_{job_id}.{attempt}.{_ending(stream)}"


def _ending(stream: Stream) -> str:
    return "out" if stream == "stdout" else "err"


def spool_id(spool: Path) -> str | None:
    """The spool's own random name, or None when no executor has been here."""
    try:
        return (spool / "spool_id").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def open_output(path: Path, owner: int | None = None) -> int | Missing:
    """A descriptor of an ordinary file, to be closed by the caller, or why there is none.

    `owner`, when given, is the user that the file must belong to: a job that runs as another user than this
    process could otherwise have it read for itself whatever this process may read.
    """
    try:
        found = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        return _missing(error, path)
    try:
        status = os.fstat(found)
        if not stat.S_ISREG(status.st_mode):
            return Missing(code="not_a_file", path=str(path))
        if owner not in (None, status.st_uid):
            return Missing(code="forbidden", path=str(path))
        # Looked at before it is opened: to open a pipe would wait, to open a device may do things.
        return os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        return _missing(error, path)
    finally:
        os.close(found)


def _missing(error: OSError, path: Path) -> Missing:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Missing(code="missing", path=str(path))
    code = "forbidden" if isinstance(error, PermissionError) else "not_a_file"
    return Missing(code=code, path=str(path))


def read_piece(
    path: Path, first_byte: int | None, most_bytes: int, owner: int | None = None
) -> Piece | Missing:
    """Up to `most_bytes` (and PIECE_BYTES) from there on; None asks for the end of the file."""
    file = open_output(path, owner)
    if isinstance(file, Missing):
        return file
    try:
        total = os.fstat(file).st_size
        size = min(most_bytes, PIECE_BYTES)
        first = max(0, total - size) if first_byte is None else first_byte
        # Not past the length that is told, although the file may be longer by now.
        data = os.pread(file, max(0, min(size, total - first)), first)
    except OSError:  # a disk or a file server that fails
        return Missing(code="not_a_file", path=str(path))
    finally:
        os.close(file)
    return Piece(data=data, first_byte=first, total_bytes=total)
