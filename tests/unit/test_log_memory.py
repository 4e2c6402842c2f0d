"""What an executor remembers of the log: what it decides, and the file that keeps it."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from conductor.log_memory import BEGINNING, Cursor, LogSays, Memory, MemoryFile, follow


def cursor(position: int, letter: str = "a") -> Cursor:
    return Cursor(position=position, hash=letter.encode() * 32)


SEEN, HEAD, LATER = cursor(5), cursor(9), cursor(12)
OTHER = b"x" * 32
REMEMBERED = Memory(seen=SEEN)
FORKED = Memory(seen=SEEN, forked_at=HEAD)


def says(at_seen: bytes | None, at_fork: bytes | None = None, *, acknowledged: bool = False) -> LogSays:
    return LogSays(head=LATER, at_seen=at_seen, at_fork=at_fork, acknowledged=acknowledged)


@pytest.mark.parametrize(
    ("before", "log", "after"),
    [
        (None, says(None), Memory(seen=LATER)),
        (None, LogSays(head=BEGINNING), None),
        (REMEMBERED, says(SEEN.hash), Memory(seen=LATER)),
        (REMEMBERED, says(OTHER), Memory(seen=SEEN, forked_at=LATER)),
        (REMEMBERED, says(None), Memory(seen=SEEN, forked_at=LATER)),
        (REMEMBERED, LogSays(head=BEGINNING), Memory(seen=SEEN, forked_at=BEGINNING)),
        (REMEMBERED, says(OTHER, acknowledged=True), Memory(seen=SEEN, forked_at=LATER)),
        (FORKED, says(OTHER, HEAD.hash), FORKED),
        (FORKED, says(OTHER, HEAD.hash, acknowledged=True), Memory(seen=LATER)),
        (FORKED, says(OTHER, OTHER, acknowledged=True), Memory(seen=SEEN, forked_at=LATER)),
        (FORKED, says(None, None, acknowledged=True), Memory(seen=SEEN, forked_at=LATER)),
        (FORKED, says(SEEN.hash, None), Memory(seen=LATER)),
        (Memory(seen=SEEN, forked_at=BEGINNING), says(OTHER, acknowledged=True), Memory(seen=LATER)),
    ],
    ids=[
        "the first look remembers the newest event",
        "an empty log has nothing to remember",
        "what matches moves on",
        "another hash is a fork",
        "a log that is shorter is a fork",
        "an empty log is a fork",
        "an acknowledgement before the fork was seen does not count",
        "a fork is kept",
        "a fork that was acknowledged moves on",
        "an acknowledgement of an older fork does not count",
        "a log that has become shorter still is a new fork",
        "the log is the old one again",
        "a fork that was seen in an empty log moves on when acknowledged",
    ],
)
def test_what_is_remembered_next(before: Memory | None, log: LogSays, after: Memory | None) -> None:
    assert follow(before, log) == after


@pytest.fixture
def file(tmp_path: Path) -> MemoryFile:
    return MemoryFile(tmp_path)


@pytest.mark.parametrize("memory", [REMEMBERED, FORKED, Memory(seen=SEEN, forked_at=BEGINNING)])
def test_what_is_written_is_read_and_nobody_else_may(
    file: MemoryFile, tmp_path: Path, memory: Memory
) -> None:
    assert file.read() is None
    file.write(REMEMBERED)
    file.write(memory)
    assert MemoryFile(tmp_path).read() == memory
    assert [(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [("seen.json", 0o600)]


def test_a_write_that_was_cut_off_leaves_the_old_memory(file: MemoryFile, tmp_path: Path) -> None:
    file.write(REMEMBERED)
    (tmp_path / ".seen.json.new").write_text('{"format": 1, "se')
    assert file.read() == REMEMBERED
    file.write(FORKED)
    assert file.read() == FORKED


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_write_that_the_disk_refuses_leaves_the_old_memory(
    file: MemoryFile, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no space")

    file.write(REMEMBERED)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(OSError, match="no space"):
            file.write(FORKED)
    assert file.read() == REMEMBERED


GOOD = {"format": 1, "seen": {"position": 5, "hash": "61" * 32}, "forked_at": None}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\0" * 200,
        b"\xff\xfe",
        b"[]",
        b"3",
        b"[" * 4000,
        json.dumps(GOOD).encode()[:-9],
        json.dumps(GOOD).encode() + b" " * 5000,
        *(
            json.dumps({**GOOD, **change}).encode()
            for change in (
                {"format": 2},
                {"seen": None},
                {"seen": {"position": 0, "hash": ""}},
                {"seen": {"position": -1, "hash": "61" * 32}},
                {"seen": {"position": True, "hash": "61" * 32}},
                {"seen": {"position": 1 << 63, "hash": "61" * 32}},
                {"seen": {"position": "5", "hash": "61" * 32}},
                {"seen": {"position": 5, "hash": "61"}},
                {"seen": {"position": 5, "hash": "zz" * 32}},
                {"forked_at": {"position": 0, "hash": "61" * 32}},
                {"forked_at": 7},
            )
        ),
    ],
)
def test_what_is_no_memory_is_put_aside_as_it_is_and_begun_anew(
    file: MemoryFile, tmp_path: Path, text: bytes
) -> None:
    (tmp_path / "seen.json").write_bytes(text)
    (tmp_path / "seen.json").chmod(0o600)
    assert file.read() is None
    [aside] = tmp_path.iterdir()
    assert aside.name.startswith("seen.json.refused-")
    assert aside.read_bytes() == text
    file.write(REMEMBERED)
    assert file.read() == REMEMBERED


def link(path: Path) -> None:
    (path.parent / "target").write_text(json.dumps(GOOD))
    path.symlink_to(path.parent / "target")


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def writable(path: Path) -> None:
    path.write_text(json.dumps(GOOD))
    path.chmod(0o622)


def of_another_user(path: Path) -> None:
    path.write_text(json.dumps(GOOD))
    path.chmod(0o600)
    os.chown(path, 65534, 65534)


@pytest.mark.parametrize(
    "plant",
    [
        link,
        os.mkfifo,
        os.mkdir,
        bound_socket,
        writable,
        pytest.param(
            of_another_user, marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can give away")
        ),
    ],
)
def test_what_somebody_else_may_have_put_there_is_not_believed(
    file: MemoryFile, tmp_path: Path, plant: Any
) -> None:
    plant(tmp_path / "seen.json")
    assert file.read() is None
    assert any(path.name.startswith("seen.json.refused-") for path in tmp_path.iterdir())
    file.write(REMEMBERED)
    assert file.read() == REMEMBERED


def test_a_memory_that_cannot_be_read_now_is_no_reason_to_begin_anew(
    file: MemoryFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write(REMEMBERED)
    with monkeypatch.context() as patch:

        def refuse(*_: Any) -> bytes:
            raise PermissionError(13, "Permission denied")

        patch.setattr(os, "read", refuse)
        with pytest.raises(PermissionError):
            file.read()
    assert file.read() == REMEMBERED
    with pytest.raises(OSError, match="No such file"):
        MemoryFile(tmp_path / "gone").read()
