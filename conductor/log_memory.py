"""The event that an executor remembers outside the database, in a small file of its spool folder.

Whoever rewrites the log, and be it a superuser who computes all hashes anew, cannot rewrite this. A restored
backup, a failover that lost its tail and another database behind the same URL are found in the same way: the
event at the remembered position is another one now, or there is none.

`follow` decides, purely, what is remembered next. `MemoryFile` promises that a reader finds the old memory or the
new one, whole, and that what is no memory of ours is put aside and never believed or deleted. Refuses to know what
the events say.
"""

import errno
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

_NAME = "seen.json"
_DRAFT = ".seen.json.new"
_FORMAT = 1
_LONGEST_BYTES = 4096
_HASH_BYTES = 32
_NOT_A_FILE = (errno.ELOOP, errno.ENXIO)  # a link, a socket

logger = structlog.get_logger("executor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """An event's place and what was read there."""

    position: int
    hash: bytes


BEGINNING = Cursor(position=0, hash=b"")  # the end of an empty log


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """`forked_at` is where the log ended when `seen` was first found not to be in it."""

    seen: Cursor
    forked_at: Cursor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSays:
    """What the log holds now, read in one statement.

    `at_seen` and `at_fork` are the hashes at the memory's two positions, None where no event is. `acknowledged`: since
    `forked_at` a person has recorded that this node's fork is known.
    """

    head: Cursor
    at_seen: bytes | None = None
    at_fork: bytes | None = None
    acknowledged: bool = False


def follow(memory: Memory | None, log: LogSays) -> Memory | None:
    """What to remember from now on: the newest event, or, after a fork, the old one until somebody has seen that."""
    if memory is None or may_move_on(memory, log):
        return None if log.head == BEGINNING else Memory(seen=log.head)
    if _fork_is_this_one(memory, log):
        return memory
    return replace(memory, forked_at=log.head)


def may_move_on(memory: Memory, log: LogSays) -> bool:
    """The log holds what is remembered, or a person has acknowledged that it does not.

    An acknowledgement counts for the fork it was made for: when the log has been replaced once more since, it is a
    new fork that nobody has seen.
    """
    return log.at_seen == memory.seen.hash or (_fork_is_this_one(memory, log) and log.acknowledged)


def _fork_is_this_one(memory: Memory, log: LogSays) -> bool:
    fork = memory.forked_at
    return fork is not None and (fork == BEGINNING or log.at_fork == fork.hash)


class NotAMemory(Exception):
    """What stands under the file's name was not written by us; the text says why."""


class MemoryFile:
    """Blocking; the folder is opened anew each time, so that nothing is held open between looks."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool

    def read(self) -> Memory | None:
        """None when there is none, or only something that has now been put aside. Raises `OSError`."""
        with self._folder() as folder:
            try:
                return _parsed(_content(folder))
            except FileNotFoundError:
                return None
            except NotAMemory as error:
                aside = f"{_NAME}.refused-{time.time_ns()}"
                os.rename(_NAME, aside, src_dir_fd=folder, dst_dir_fd=folder)
                logger.error("memory.refused", file=str(self._spool / aside), why=str(error))
                return None

    def write(self, memory: Memory) -> None:
        """Raises `OSError`; then the old one stands."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._folder() as folder:
            with suppress(FileNotFoundError):  # begun by one that was killed
                os.unlink(_DRAFT, dir_fd=folder)
            descriptor = os.open(_DRAFT, flags, 0o600, dir_fd=folder)
            with open(descriptor, "wb") as file:
                file.write(_text(memory))
                file.flush()
                os.fsync(descriptor)
            os.rename(_DRAFT, _NAME, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)

    @contextmanager
    def _folder(self) -> Iterator[int]:
        folder = os.open(self._spool, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield folder
        finally:
            os.close(folder)


def _content(folder: int) -> bytes:
    """Of a plain file that nobody else can have written. Opening never waits: it might be a pipe."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(_NAME, flags, dir_fd=folder)
    except OSError as error:
        if error.errno in _NOT_A_FILE:
            raise NotAMemory("not a plain file") from error
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotAMemory("not a plain file")
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise NotAMemory("another user may have written it")
        if status.st_size > _LONGEST_BYTES:
            raise NotAMemory(f"longer than {_LONGEST_BYTES} bytes")
        return os.read(descriptor, _LONGEST_BYTES)
    finally:
        os.close(descriptor)


def _text(memory: Memory) -> bytes:
    values = {"format": _FORMAT, "seen": _values(memory.seen), "forked_at": None}
    if memory.forked_at is not None:
        values["forked_at"] = _values(memory.forked_at)
    return (json.dumps(values) + "\n").encode("ascii")


def _values(cursor: Cursor) -> dict[str, Any]:
    return {"position": cursor.position, "hash": cursor.hash.hex()}


def _parsed(text: bytes) -> Memory:
    try:
        values = json.loads(text.decode("ascii"))
        if values["format"] != _FORMAT:
            raise NotAMemory(f"of format {values['format']}, not {_FORMAT}")
        seen, fork = _cursor(values["seen"]), values["forked_at"]
        if seen == BEGINNING:
            raise NotAMemory("it remembers no event")
        return Memory(seen=seen, forked_at=None if fork is None else _cursor(fork))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotAMemory(f"not what was written: {error!r}") from error


def _cursor(values: Any) -> Cursor:
    position, digest = values["position"], bytes.fromhex(values["hash"])
    cursor = Cursor(position=position, hash=digest)
    if type(position) is not int or position < 0 or position.bit_length() > 63:
        raise ValueError(f"position {position!r}")
    if cursor != BEGINNING and (position == 0 or len(digest) != _HASH_BYTES):
        raise ValueError(f"a hash of {len(digest)} bytes at position {position}")
    return cursor
