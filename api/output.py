"""A job's output, read from the files that its processes write on this machine.

Promises: only ordinary files are read, never through a link in the last part of the path, never more than was
asked for; a file that is not here is said to be not here and fails nothing. Refuses to know how it got there.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from conductor.core.output_path import output_path as expanded_path
from conductor.core.output_path import pattern_values

TAIL_BYTES = 64 * 1024

Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Why there is nothing to read: a code of `texts.PHRASES`."""

    code: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The end of a file, and how long the whole is."""

    text: str
    total_bytes: int
    truncated: bool


def output_path(job: Mapping[str, Any], stream: Stream, spool: Path) -> Path:
    """Where the stream of a job goes. With only `stdout_path` given, both go there, as Slurm's users expect."""
    pattern = job["stdout_path"] if is_joined(job) else job[f"{stream}_path"]
    if pattern is None:
        return spool / "output" / f"job_{job['id']}.{'out' if stream == 'stdout' else 'err'}"
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
    return job["stderr_path"] is None and job["stdout_path"] is not None


def open_output(path: Path) -> int | Missing:
    """A descriptor of an ordinary file, to be closed by the caller, or why there is none."""
    try:
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        return _missing(error, path)
    try:
        # Without O_NONBLOCK the opening of a FIFO would wait for its writer.
        file = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        return _missing(error, path)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        return Missing(code="output_not_a_file", path=str(path))
    return file


def _missing(error: OSError, path: Path) -> Missing:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Missing(code="output_missing", path=str(path))
    code = "output_forbidden" if isinstance(error, PermissionError) else "output_not_a_file"
    return Missing(code=code, path=str(path))


def read_tail(path: Path) -> Tail | Missing:
    """The last 64 KiB as text. What is no UTF-8 is replaced; a character cut in two at the start is left out."""
    file = open_output(path)
    if isinstance(file, Missing):
        return file
    try:
        total = os.fstat(file).st_size
        start = max(0, total - TAIL_BYTES)
        data = os.pread(file, TAIL_BYTES, start)
    finally:
        os.close(file)
    if start:
        data = data[_continuation_bytes(data) :]
    return Tail(text=data.decode("utf-8", "replace"), total_bytes=total, truncated=start > 0)


def _continuation_bytes(data: bytes) -> int:
    return next((index for index, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)
