"""A job's output is read as far as it is, whatever its processes have made of the file."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api import streaming
from api.engine import Engine
from api.output import TAIL_BYTES, Missing, Tail, open_output, output_path, read_tail
from api.reading import Row
from conductor.core.identifiers import JobId
from tests.fix_api import Api

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


def test_a_tail_begins_with_a_whole_character(tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_bytes("中".encode() * TAIL_BYTES)
    tail = read_tail(file)
    assert isinstance(tail, Tail)
    assert tail.truncated
    assert tail.total_bytes == 3 * TAIL_BYTES
    assert set(tail.text) == {"中"}
    assert TAIL_BYTES - 3 < len(tail.text.encode()) <= TAIL_BYTES


def test_a_tail_of_what_is_no_text_is_shown_with_replacements(tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_bytes(b"a\xff\xfeb\x80")
    assert read_tail(file) == Tail(text="a\ufffd\ufffdb\ufffd", total_bytes=5, truncated=False)


def test_what_is_no_ordinary_file_is_never_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (tmp_path / "link").symlink_to(secret)
    (tmp_path / "folder").mkdir()
    for name in ("link", "folder"):
        found = open_output(tmp_path / name)
        assert isinstance(found, Missing), name
        assert found.code == "output_not_a_file"
    assert open_output(Path("/dev/zero")) == Missing(code="output_not_a_file", path="/dev/zero")


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
    assert found == [Missing(code="output_not_a_file", path=str(fifo))]


def test_what_is_not_there_is_missing_and_no_failure(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path / "none" / "none", Path("/dev/null/none")):
        assert open_output(path) == Missing(code="output_missing", path=str(path))
    (tmp_path / ("x" * 200)).mkdir()
    assert isinstance(open_output(tmp_path / ("x" * 300)), Missing)


def output_file(api: Api, job_id: int, end: str = "out") -> Path:
    folder = api.settings.spool / "output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"job_{job_id}.{end}"


def test_a_job_shows_the_ends_of_both_outputs(api: Api) -> None:
    api.register()
    job_id = api.submit()
    allocation_id = api.start(job_id)
    output_file(api, job_id).write_bytes(b"x" * TAIL_BYTES + b"the end\n")
    output_file(api, job_id, "err").write_bytes(b"oh\xffno\n")
    api.end(allocation_id)
    job = api.get(f"/jobs/{job_id}")
    assert (job["stdout_bytes"], job["stdout_truncated"], len(job["stdout"])) == (
        TAIL_BYTES + 8,
        True,
        TAIL_BYTES,
    )
    assert job["stdout"].endswith("the end\n")
    assert (job["stderr"], job["stderr_bytes"], job["stderr_truncated"]) == ("oh\ufffdno\n", 6, False)
    assert job["stderr_note"] is None


def test_before_the_start_the_output_is_empty_and_elsewhere_it_is_said_to_be(api: Api) -> None:
    api.register()
    job_id = api.submit()
    before = api.get(f"/jobs/{job_id}")
    assert (before["stdout"], before["stdout_bytes"], before["stdout_note"]) == ("", 0, None)
    assert api.client.get(f"/api/v1/jobs/{job_id}/output").content == b""
    api.start(job_id)
    away = api.get(f"/jobs/{job_id}")
    assert (away["stdout"], away["stdout_bytes"]) == (None, None)
    assert "is not on this machine" in away["stdout_note"]
    answer = api.client.get(f"/api/v1/jobs/{job_id}/output")
    assert (answer.status_code, answer.json()["code"]) == (404, "output_elsewhere")


def test_joined_output_is_told_of(api: Api, tmp_path: Path) -> None:
    api.register()
    job_id = api.submit(work_dir=str(tmp_path), stdout_path="slurm-%j.out")
    api.start(job_id)
    (tmp_path / f"slurm-{job_id}.out").write_text("both\n")
    job = api.get(f"/jobs/{job_id}")
    assert (job["stdout"], job["stderr"]) == ("both\n", "")
    assert "joined with stdout" in job["stderr_note"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", b"0123456789"),
        ("?offset=7", b"789"),
        ("?offset=2&limit=3", b"234"),
        ("?offset=10", b""),
        ("?offset=99", b""),
        ("?stream=stderr", b"err"),
    ],
)
def test_bytes_are_given_as_they_are(api: Api, query: str, expected: bytes) -> None:
    job_id = api.submit()
    output_file(api, job_id).write_bytes(b"0123456789")
    output_file(api, job_id, "err").write_bytes(b"err")
    answer = api.client.get(f"/api/v1/jobs/{job_id}/output{query}")
    assert answer.content == expected
    assert answer.headers["conductor-output-bytes"] == str(3 if "stderr" in query else 10)


def test_a_large_output_comes_whole(api: Api) -> None:
    job_id = api.submit()
    data = os.urandom(5_000_000)
    output_file(api, job_id).write_bytes(data)
    assert api.client.get(f"/api/v1/jobs/{job_id}/output").content == data
    part = api.client.get(f"/api/v1/jobs/{job_id}/output?offset=1000000&limit=3000000")
    assert part.content == data[1_000_000:4_000_000]


def test_a_follower_gets_everything_until_the_end_and_then_the_end(api: Api) -> None:
    api.register()
    job_id = api.submit()
    received, seen = bytearray(), threading.Condition()

    def follow() -> None:
        with api.client.stream("GET", f"/api/v1/jobs/{job_id}/output?follow=1") as answer:
            for chunk in answer.iter_bytes():
                with seen:
                    received.extend(chunk)
                    seen.notify_all()

    def wait_for(text: bytes) -> None:
        with seen:
            assert seen.wait_for(lambda: text in received, timeout=10), received

    follower = threading.Thread(target=follow)
    follower.start()
    allocation_id = api.start(job_id)
    with output_file(api, job_id).open("ab", buffering=0) as file:
        file.write(b"first\n")
        wait_for(b"first\n")
        file.write("第二\n".encode())
        wait_for("第二\n".encode())
        file.write(b"last\n")
        api.end(allocation_id)
    follower.join(timeout=10)
    assert not follower.is_alive()
    assert bytes(received) == "first\n第二\nlast\n".encode()


def test_following_an_ended_job_gives_its_output_and_ends(api: Api) -> None:
    job_id = api.submit()
    output_file(api, job_id).write_bytes(b"what there was\n")
    api.post(f"/jobs/{job_id}/cancel")
    answer = api.client.get(f"/api/v1/jobs/{job_id}/output?follow=true&offset=5")
    assert answer.content == b"there was\n"
    assert api.client.get(f"/api/v1/jobs/{job_id}/output?follow=1&stream=stderr").content == b""


def test_what_is_written_between_the_last_look_and_the_end_is_not_missed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.register()
    job_id = api.submit()
    allocation_id = api.start(job_id)
    engines: list[Engine] = []
    look, place = streaming._new_bytes, streaming._place

    async def place_of(engine: Engine, job: JobId) -> Row:
        engines.append(engine)
        return await place(engine, job)

    async def look_and_then_end_the_job(path: Path, offset: int, end: int) -> AsyncIterator[bytes]:
        async for chunk in look(path, offset, end):
            yield chunk
        if not path.exists():
            output_file(api, job_id).write_bytes(b"last words\n")
            await asyncio.to_thread(api.end, allocation_id)
            while not all(sight.row and sight.row["final"] for sight in engines[0].watch._sights):
                await asyncio.sleep(0.005)

    monkeypatch.setattr(streaming, "_place", place_of)
    monkeypatch.setattr(streaming, "_new_bytes", look_and_then_end_the_job)
    answer = api.client.get(f"/api/v1/jobs/{job_id}/output?follow=1")
    assert answer.content == b"last words\n"
