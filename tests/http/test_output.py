"""A job's output comes through the API as it is, from the spool that the API and the node share."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from api.endpoints import streaming
from api.endpoints.output import TAIL_BYTES
from api.engine import Engine
from tests.fix_api import Api


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


def started(api: Api, **fields: Any) -> int:
    job_id = api.submit(**fields)
    api.start(job_id)
    return job_id


def test_before_the_start_the_output_is_empty_and_a_file_that_is_gone_is_said_to_be(api: Api) -> None:
    api.register()
    job_id = api.submit()
    before = api.get(f"/jobs/{job_id}")
    assert (before["stdout"], before["stdout_bytes"], before["stdout_note"]) == ("", 0, None)
    assert api.client.get(f"/api/v1/jobs/{job_id}/output").content == b""
    api.start(job_id)
    gone = api.get(f"/jobs/{job_id}")
    assert (gone["stdout"], gone["stdout_bytes"]) == (None, None)
    assert gone["stdout_note"].endswith(f"job_{job_id}.out is not on node node-1")
    answer = api.client.get(f"/api/v1/jobs/{job_id}/output")
    assert (answer.status_code, answer.json()["code"]) == (404, "output_missing")


def test_what_was_deleted_for_its_age_is_said_to_have_been(api: Api) -> None:
    api.register()
    job_id = api.submit()
    api.end(api.start(job_id))
    api.sql("UPDATE jobs SET end_time = end_time - interval '31 days' WHERE id = %s", job_id)
    note = api.get(f"/jobs/{job_id}")["stdout_note"]
    api.sql("UPDATE jobs SET end_time = end_time + interval '31 days' WHERE id = %s", job_id)
    assert note.endswith("was deleted 30 days after the job's end")


def test_a_file_outside_the_spool_is_never_opened_by_the_api(api: Api, tmp_path: Path) -> None:
    """It may be anything: only the executor knows whose it has to be."""
    api.register()
    (tmp_path / "out").write_text("secret")
    job_id = started(api, stdout_path=str(tmp_path / "out"))
    answer = api.client.get(f"/api/v1/jobs/{job_id}/output")
    assert (answer.status_code, answer.json()["code"]) == (503, "node_silent")
    assert "executor of node node-1 does not run" in answer.json()["detail"]


def test_a_spool_of_another_name_is_not_taken_for_the_nodes(api: Api) -> None:
    api.register(spool_id="another")
    job_id = started(api)
    output_file(api, job_id).write_text("of an earlier attempt here")
    assert api.client.get(f"/api/v1/jobs/{job_id}/output").status_code == 503


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
    api.register()
    job_id = started(api)
    output_file(api, job_id).write_bytes(b"0123456789")
    output_file(api, job_id, "err").write_bytes(b"err")
    answer = api.client.get(f"/api/v1/jobs/{job_id}/output{query}")
    assert answer.content == expected
    assert answer.headers["conductor-output-bytes"] == str(3 if "stderr" in query else 10)


def test_a_large_output_comes_whole(api: Api) -> None:
    api.register()
    job_id = started(api)
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
    api.register()
    job_id = api.submit()
    allocation_id = api.start(job_id)
    output_file(api, job_id).write_bytes(b"what there was\n")
    api.end(allocation_id)
    answer = api.client.get(f"/api/v1/jobs/{job_id}/output?follow=true&offset=5")
    assert answer.content == b"there was\n"
    assert api.client.get(f"/api/v1/jobs/{job_id}/output?follow=1&stream=stderr").content == b""


def test_what_is_written_between_the_last_look_and_the_end_is_not_missed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.register()
    job_id = api.submit()
    allocation_id = api.start(job_id)
    look = streaming._next_piece

    async def look_and_then_end_the_job(engine: Engine, *arguments: Any) -> Any:
        piece = await look(engine, *arguments)
        if not output_file(api, job_id).exists():
            output_file(api, job_id).write_bytes(b"last words\n")
            await asyncio.to_thread(api.end, allocation_id)
            while not all(sight.row and sight.row["final"] for sight in engine.watch._sights):
                await asyncio.sleep(0.005)
        return piece

    monkeypatch.setattr(streaming, "_next_piece", look_and_then_end_the_job)
    answer = api.client.get(f"/api/v1/jobs/{job_id}/output?follow=1")
    assert answer.content == b"last words\n"
