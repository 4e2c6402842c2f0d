"""What ended jobs leave in a spool is deleted after `CONDUCTOR_OUTPUT_KEEP_DAYS`: scripts, outputs, work folders.

Promises: only names that a job's files have, only in the spool's own folders, which are entered by descriptor
and never through a link; only of jobs that the database says have ended that long ago; many at once, once an
hour, never job by job while jobs end. What cannot be deleted is left. Refuses to know what is in the files.
"""

import asyncio
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from conductor.database import Pool, jittered, load_queries
from conductor.log import reachable

SQL = load_queries("conductor", "output_keeping.sql")

logger = structlog.get_logger("spool")

# Where files of jobs lie in a node's spool, and in the spool of an API that was sent outputs.
NODE_FOLDERS = ("scripts", "output", "work")
RECEIVED_FOLDERS = ("output/received",)

_FIRST_ROUND_SECONDS = 60.0  # what is old can wait until the start is over
_ROUND_SECONDS = 3600.0
_JOBS_AT_ONCE = 500
_DAY_SECONDS = 86_400
_MOST_ROUNDS = 100_000  # one for each level; whoever fills a folder while it is emptied wins in the end

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NAMES = re.compile(r"job_([1-9]\d{0,15})(\.sh|(\.\d{1,9})?\.(out|err))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one round did: files and folders deleted, and those that could not be."""

    deleted: int
    left: int


async def keep_for_days(
    pool: Pool,
    spool: Path,
    folders: Iterable[str],
    keep_days: int,
    *,
    held: Callable[[], Iterable[int]] = tuple,
) -> None:
    """A round an hour, for ever (0 days: none at all); run it as a task and cancel it.

    `held` are jobs that something still runs of, whatever the database says.
    """
    pause_seconds = _FIRST_ROUND_SECONDS
    while keep_days:
        await asyncio.sleep(jittered(pause_seconds))
        pause_seconds = _ROUND_SECONDS
        try:
            swept = await sweep(pool, spool, folders, keep_days, held=held)
        except (
            Exception
        ) as error:  # nothing here is worth ending anything else for; the next round tries again
            logger.warning("spool.not_swept", spool=str(spool), error=str(error))
        else:
            if swept.deleted or swept.left:
                logger.info("spool.swept", spool=str(spool), deleted=swept.deleted, left=swept.left)


async def sweep(
    pool: Pool,
    spool: Path,
    folders: Iterable[str],
    keep_days: int,
    *,
    held: Callable[[], Iterable[int]] = tuple,
) -> Swept:
    """One round."""
    names, deleted = 0, 0
    for folder in folders:
        found = await asyncio.to_thread(_old_names, spool, folder, keep_days)
        job_ids = sorted(found)
        for start in range(0, len(job_ids), _JOBS_AT_ONCE):
            ended = await _long_ended(pool, job_ids[start : start + _JOBS_AT_ONCE], keep_days)
            going = [name for job_id in ended.difference(held()) for name in found[job_id]]
            names += len(going)
            deleted += await asyncio.to_thread(_delete, spool, folder, going)
    return Swept(deleted=deleted, left=names - deleted)


async def _long_ended(pool: Pool, job_ids: list[int], keep_days: int) -> set[int]:
    values = {"job_ids": job_ids, "keep_days": keep_days}
    async with reachable(pool) as connection:
        rows = await (await connection.execute(SQL["long_ended"], values)).fetchall()
    return {job_id for (job_id,) in rows}


def _old_names(spool: Path, folder: str, keep_days: int) -> Mapping[int, list[str]]:
    """By job, what was not changed since; a first look that spares the database everything recent."""
    before = time.time() - keep_days * _DAY_SECONDS
    found: dict[int, list[str]] = {}
    with suppress(OSError), _opened(spool, folder) as descriptor, os.scandir(descriptor) as entries:
        for entry in entries:
            match = _NAMES.fullmatch(entry.name)
            with suppress(FileNotFoundError):
                if match and entry.stat(follow_symlinks=False).st_mtime < before:
                    found.setdefault(int(match[1]), []).append(entry.name)
    return found


def _delete(spool: Path, folder: str, names: Iterable[str]) -> int:
    with suppress(OSError), _opened(spool, folder) as descriptor:
        return sum(_is_gone(name, descriptor) for name in names)
    return 0


def _is_gone(name: str, folder: int) -> bool:
    try:
        _remove(name, folder)
    except FileNotFoundError:
        return True
    except OSError:  # in use, or another user's
        return False
    return True


def _remove(name: str, folder: int) -> None:
    """A link is deleted itself; where it leads to is nobody's business here.

    However deep a tree is, only two of its folders are open at once: what lies in a folder moves up to the top.
    """
    if not _is_folder(name, folder):
        os.unlink(name, dir_fd=folder)
        return
    with _own_folder(name, folder) as top:
        for _ in range(_MOST_ROUNDS):
            if not (names := _names(top)):
                break
            for inner in names:
                _take_apart(inner, top)
    os.rmdir(name, dir_fd=folder)


def _take_apart(name: str, top: int) -> None:
    if not _is_folder(name, top):
        os.unlink(name, dir_fd=top)
        return
    with _own_folder(name, top) as folder:
        for inner in _names(folder):
            if _is_folder(inner, folder):
                with _own_folder(inner, folder):  # closed to itself, it could not be moved
                    os.rename(inner, secrets.token_hex(12), src_dir_fd=folder, dst_dir_fd=top)
            else:
                os.unlink(inner, dir_fd=folder)
    os.rmdir(name, dir_fd=top)


def _is_folder(name: str, folder: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


@contextmanager
def _own_folder(name: str, parent: int) -> Iterator[int]:
    """To be emptied: a job may have closed its own folders to itself."""
    found = os.open(name, os.O_PATH | _FOLDER, dir_fd=parent)
    try:
        path = f"/proc/self/fd/{found}"
        if os.fstat(found).st_mode & 0o700 != 0o700:
            Path(path).chmod(0o700)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(found)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _opened(spool: Path, folder: str) -> Iterator[int]:
    """A folder of the spool, each step below it taken without following a link."""
    descriptor = os.open(spool, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for step in folder.split("/"):
            inner = os.open(step, os.O_RDONLY | _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)
