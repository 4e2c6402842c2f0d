"""A job's output lies where its paths say, and is read whatever its processes have made of the file."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from api.endpoints.output import TAIL_BYTES, Tail, tail_of
from conductor.output_file import PIECE_BYTES, Missing, Piece, open_output, output_path, read_piece

JOB: dict[str, Any] = {
    "id": 42,
    "name": "fit/all",
    "user_name": "alice",
    "node_name": "node-1",
    "work_dir": "/data/run",
    "array_job_id": None,
    "array_task_id": None,
    "stdout_path": None,
    "stderr_path": None,
}


def test_without_paths_the_output_lies_in_the_spool() -> None:
    assert output_path(JOB, "stdout", Path("/spool")) == Path("/spool/output/job_42.out")
    assert output_path(JOB, "stderr", Path("/spool")) == Path("/spool/output/job_42.err")


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("slurm-%j.out", "/data/run/slurm-42.out"),
        ("logs/%x.%u", "/data/run/logs/fit_all.alice"),
        ("/tmp/%5j-%N-%%", "/tmp/00042-node-1-%"),
    ],
)
def test_patterns_are_filled_in_and_relative_to_the_work_folder(pattern: str, path: str) -> None:
    job = JOB | {"stdout_path": pattern, "stderr_path": "x"}
    assert output_path(job, "stdout", Path("/spool")) == Path(path)


def test_with_only_stdout_named_both_streams_go_there() -> None:
    job = JOB | {"stdout_path": "out"}
    assert output_path(job, "stderr", Path("/spool")) == Path("/data/run/out")


def tail(path: Path) -> Tail:
    found = read_piece(path, None, TAIL_BYTES)
    assert isinstance(found, Piece)
    return tail_of(found)


def test_a_tail_begins_with_a_whole_character(tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_bytes("中".encode() * TAIL_BYTES)
    found = tail(file)
    assert found.truncated
    assert found.total_bytes == 3 * TAIL_BYTES
    assert set(found.text) == {"中"}
    assert TAIL_BYTES - 3 < len(found.text.encode()) <= TAIL_BYTES


def test_a_tail_of_what_is_no_text_is_shown_with_replacements(tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_bytes(b"a\xff\xfeb\x80")
    assert tail(file) == Tail(text="a\ufffd\ufffdb\ufffd", total_bytes=5, truncated=False)


@pytest.mark.parametrize(
    ("first", "most", "expected"),
    [(0, 4, b"0123"), (7, 99, b"789"), (10, 5, b""), (99, 5, b""), (2**53, 5, b""), (None, 3, b"789")],
)
def test_a_piece_is_what_the_file_has_there(
    tmp_path: Path, first: int | None, most: int, expected: bytes
) -> None:
    (tmp_path / "out").write_bytes(b"0123456789")
    found = read_piece(tmp_path / "out", first, most)
    assert isinstance(found, Piece)
    assert (found.data, found.total_bytes) == (expected, 10)


def test_no_piece_is_longer_than_the_limit_whatever_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(bytes(2 * PIECE_BYTES))
    found = read_piece(tmp_path / "out", 0, 2**60)
    assert isinstance(found, Piece)
    assert len(found.data) == PIECE_BYTES


def test_what_is_no_ordinary_file_is_never_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (tmp_path / "link").symlink_to(secret)
    (tmp_path / "folder").mkdir()
    for name in ("link", "folder"):
        found = open_output(tmp_path / name)
        assert isinstance(found, Missing), name
        assert found.code == "not_a_file"
    assert open_output(Path("/dev/zero")) == Missing(code="not_a_file", path="/dev/zero")


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    found: list[object] = []
    reader = threading.Thread(target=lambda: found.append(open_output(fifo)))
    reader.start()
    reader.join(timeout=5)
    waits = reader.is_alive()
    if waits:
        fifo.open("w").close()  # lets the reader go
        reader.join()
    assert not waits
    assert found == [Missing(code="not_a_file", path=str(fifo))]


def test_what_is_not_there_is_missing_and_no_failure(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path / "none" / "none", Path("/dev/null/none")):
        assert open_output(path) == Missing(code="missing", path=str(path))
    (tmp_path / ("x" * 200)).mkdir()
    assert isinstance(open_output(tmp_path / ("x" * 300)), Missing)


def test_a_file_that_is_not_the_jobs_users_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    (tmp_path / "folder").symlink_to(tmp_path)
    path = tmp_path / "folder" / "out"
    assert isinstance(read_piece(path, 0, 9, owner=os.geteuid()), Piece)
    assert read_piece(path, 0, 9, owner=os.geteuid() + 1) == Missing(code="forbidden", path=str(path))
