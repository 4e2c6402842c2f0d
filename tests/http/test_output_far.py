"""A job's output comes through the API from a node that shares no file system with it."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.endpoints import jobs, streaming
from api.endpoints.output import TAIL_BYTES
from conductor import output_server
from conductor.supervisor_client import RunAs
from tests.fix_api import Api, api_settings, running_api
from tests.fix_postgres import temporary_home
from tests.serving import serving_node

PATIENCE_SECONDS = 10.0


@pytest.fixture
def far(api: Api) -> Iterator[Path]:
    """The spool of `node-1`, which the API cannot see."""
    with temporary_home() as home, serving_node(api.database_url, home) as spool:
        api.register(spool_id="far")
        yield spool


def started(api: Api, **fields: Any) -> tuple[int, int]:
    job_id = api.submit(**fields)
    return job_id, api.start(job_id)


def output_file(spool: Path, job_id: int, ending: str = "out") -> Path:
    return spool / "output" / f"job_{job_id}.{ending}"


def get_output(api: Api, job_id: int, query: str = "") -> bytes:
    answer = api.client.get(f"/api/v1/jobs/{job_id}/output{query}")
    assert answer.status_code == 200, answer.text
    return answer.content


def until(api: Api, question: str, expected: list[tuple[Any, ...]]) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while (found := api.sql(question)) != expected:
        assert time.monotonic() < give_up_at, found


class Following:
    """Somebody who follows a job's output, and what he has been given so far."""

    def __init__(self, api: Api, job_id: int) -> None:
        self.received, self._seen = bytearray(), threading.Condition()
        self._path = f"/api/v1/jobs/{job_id}/output?follow=1"
        self._api = api
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with self._api.client.stream("GET", self._path) as answer:
            for chunk in answer.iter_bytes():
                with self._seen:
                    self.received.extend(chunk)
                    self._seen.notify_all()

    def wait_for(self, text: bytes) -> None:
        with self._seen:
            assert self._seen.wait_for(lambda: text in self.received, PATIENCE_SECONDS), self.received

    def all(self) -> bytes:
        """Once the server has ended it."""
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        return bytes(self.received)


def test_a_job_shows_the_ends_of_both_outputs_and_nothing_stays_in_the_database(api: Api, far: Path) -> None:
    job_id, _ = started(api)
    output_file(far, job_id).write_bytes(b"x" * TAIL_BYTES + b"the end\n")
    output_file(far, job_id, "err").write_bytes(b"oh\xffno\n")
    job = api.get(f"/jobs/{job_id}")
    assert (job["stdout_bytes"], job["stdout_truncated"]) == (TAIL_BYTES + 8, True)
    assert job["stdout"].endswith("the end\n")
    assert (job["stderr"], job["stderr_bytes"], job["stderr_truncated"]) == ("oh\ufffdno\n", 6, False)
    assert api.sql(
        "SELECT (SELECT count(*) FROM output_requests) + (SELECT count(*) FROM output_answers)"
    ) == [(0,)]


def test_any_part_of_it_can_be_asked_for_and_a_large_one_comes_whole(api: Api, far: Path) -> None:
    job_id, _ = started(api)
    data = os.urandom(1_500_000)
    output_file(far, job_id).write_bytes(data)
    output_file(far, job_id, "err").write_bytes(b"err")
    assert get_output(api, job_id) == data
    assert get_output(api, job_id, "?offset=100000&limit=1000000") == data[100_000:1_100_000]
    assert get_output(api, job_id, "?offset=9999999") == b""
    assert get_output(api, job_id, "?stream=stderr&offset=1") == b"rr"
    whole = api.client.get(f"/api/v1/jobs/{job_id}/output?limit=1")
    assert (whole.content, whole.headers["conductor-output-bytes"]) == (data[:1], "1500000")


def test_a_path_of_the_jobs_own_is_the_nodes_to_find(api: Api, far: Path, tmp_path: Path) -> None:
    job_id, _ = started(api, work_dir=str(tmp_path), stdout_path="slurm-%j-%N.out")
    (tmp_path / f"slurm-{job_id}-node-1.out").write_text("both\n")
    job = api.get(f"/jobs/{job_id}")
    assert (job["stdout"], job["stderr"]) == ("both\n", "")
    assert "joined with stdout" in job["stderr_note"]
    assert get_output(api, job_id, "?stream=stderr") == b"both\n"


def test_a_follower_gets_everything_until_the_end_and_then_the_end(api: Api, far: Path) -> None:
    job_id = api.submit()
    following = Following(api, job_id)
    allocation_id = api.start(job_id)
    with output_file(far, job_id).open("ab", buffering=0) as file:
        file.write(b"first\n")
        following.wait_for(b"first\n")
        file.write("第二\n".encode())
        following.wait_for("第二\n".encode())
        file.write(b"x" * 600_000 + b"last\n")
        api.end(allocation_id)
    assert following.all() == "first\n第二\n".encode() + b"x" * 600_000 + b"last\n"


def test_a_quiet_job_that_is_followed_costs_the_database_almost_nothing(api: Api, far: Path) -> None:
    job_id, allocation_id = started(api)
    output_file(far, job_id).write_bytes(b"begin\n")
    following = Following(api, job_id)
    following.wait_for(b"begin\n")
    # Held by the node, which looks after the file.
    until(api, "SELECT wait_seconds > 5 FROM output_requests", [(True,)])
    [(before,)] = api.sql("SELECT id FROM output_requests")
    api.submit()  # whatever else happens
    assert api.sql("SELECT id FROM output_requests") == [(before,)]
    api.end(allocation_id)
    assert following.all() == b"begin\n"
    until(api, "SELECT FROM output_requests", [])  # what was held is withdrawn


def test_without_notifications_it_is_the_same(database_url: str, home: Path) -> None:
    settings = api_settings(home, poll_only=True, poll_seconds=0.1)
    with (
        running_api(settings, database_url) as api,
        temporary_home() as far_home,
        serving_node(database_url, far_home, poll_only=True) as spool,
    ):
        api.register(spool_id="far")
        job_id, _ = started(api)
        output_file(spool, job_id).write_bytes(b"there\n")
        assert get_output(api, job_id) == b"there\n"


def test_a_node_that_does_not_answer_is_said_not_to(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "_PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(jobs, "_OUTPUT_PATIENCE_SECONDS", 0.2)
    api.register(spool_id="far")
    job_id, _ = started(api)
    away = api.get(f"/jobs/{job_id}")
    assert (away["stdout"], away["stdout_bytes"]) == (None, None)
    assert away["stdout_note"] == "the executor of node node-1 does not run, or does not reach the database"
    api.sql("INSERT INTO output_servers VALUES ('node-1', clock_timestamp())")  # it has just been there
    silent = api.get(f"/jobs/{job_id}")
    assert silent["stdout_note"] == silent["stderr_note"] == "node node-1 has not answered in time"
    answer = api.client.get(f"/api/v1/jobs/{job_id}/output", headers={"Accept-Language": "zh"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert (answer.json()["code"], "未及时应答" in answer.json()["detail"]) == ("node_silent", True)


def test_what_was_begun_and_cannot_be_finished_is_cut_off(
    api: Api, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes a part for the whole."""
    monkeypatch.setattr(streaming, "_TRIES", 1)
    api.register(spool_id="far")
    job_id, allocation_id = started(api)
    with ExitStack() as node:
        spool = node.enter_context(serving_node(api.database_url, home / "far"))
        output_file(spool, job_id).write_bytes(b"begin\n")
        with api.client.stream("GET", f"/api/v1/jobs/{job_id}/output?follow=1") as answer:
            pieces = answer.iter_bytes()
            assert next(pieces) == b"begin\n"
            node.close()
            api.sql("UPDATE output_servers SET seen_at = seen_at - interval '1 minute'")
            api.end(allocation_id)
            with pytest.raises(httpx.RemoteProtocolError):
                b"".join(pieces)


def test_a_node_reads_no_file_for_a_job_that_never_ran_there(api: Api, far: Path, tmp_path: Path) -> None:
    """Whoever may ask, asks for jobs; what a job names is no way to a node's other files."""
    (tmp_path / "secret").write_text("secret")
    job_id = api.submit(stdout_path=str(tmp_path / "secret"))
    api.sql(
        "SELECT ask_for_output(gen_random_uuid(), 'node-1', %s, 1, 'stdout', 0, 100, 0, 'conductor_output_node-1')",
        job_id,
    )
    until(api, "SELECT data, missing FROM output_answers", [(None, "missing")])


def test_a_file_that_is_not_the_jobs_users_is_refused_by_the_node(
    api: Api, far: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that runs as another account could otherwise have the executor read what it may not."""
    somebody = RunAs(user_name="alice", uid=os.geteuid() + 1, gid=1, groups=(), home="/")
    monkeypatch.setattr(output_server, "account_for", lambda *_: somebody)
    (tmp_path / "out").write_text("not hers")
    job_id, _ = started(api, stdout_path=str(tmp_path / "out"), stderr_path="x")
    answer = api.client.get(f"/api/v1/jobs/{job_id}/output")
    assert (answer.status_code, answer.json()["code"]) == (404, "output_missing")
    assert "does not belong to the job's user" in answer.json()["detail"]
    in_spool, _ = started(api)
    output_file(far, in_spool).write_text("the spool's own files are the executor's")
    assert get_output(api, in_spool).startswith(b"the spool's own")


@contextmanager
def second_node(api: Api) -> Iterator[Path]:
    with temporary_home() as home, serving_node(api.database_url, home, "node-2") as spool:
        api.register("node-2", spool_id="far too")
        yield spool


def test_each_attempt_is_read_where_it_ran_and_a_follower_goes_along(api: Api, far: Path) -> None:
    job_id, allocation_id = started(api)
    output_file(far, job_id).write_bytes(b"attempt 1, which wrote a lot\n")
    with second_node(api) as spool:
        following = Following(api, job_id)
        following.wait_for(b"attempt 1")
        api.post(f"/jobs/{job_id}/requeue")
        api.end(allocation_id)
        assert get_output(api, job_id).startswith(b"attempt 1")  # until the next one has begun
        output_file(spool, job_id).write_bytes(b"attempt 2\n")
        second = api.start(job_id, "node-2")
        following.wait_for(b"attempt 2")
        assert get_output(api, job_id) == b"attempt 2\n"
        assert get_output(api, job_id, "?attempt=1") == b"attempt 1, which wrote a lot\n"
        assert get_output(api, job_id, "?attempt=3") == b""
        api.end(second)
        assert following.all() == b"attempt 1, which wrote a lot\nattempt 2\n"


def test_an_emptied_table_of_answers_delays_and_loses_nothing(api: Api, far: Path) -> None:
    """As the server does after a crash, and we do when it has grown: the request is still there, so it is answered."""
    job_id, _ = started(api)
    output_file(far, job_id).write_bytes(b"there\n")
    ask = "SELECT ask_for_output(gen_random_uuid(), 'node-1', %s, 1, 'stdout', 0, 100, 0, 'conductor_output_node-1')"
    api.sql(ask, job_id)
    for _ in range(2):
        until(api, "SELECT data FROM output_answers", [(b"there\n",)])
        api.sql("TRUNCATE output_answers")


def test_what_nobody_fetches_is_forgotten(api: Api, far: Path) -> None:
    job_id, _ = started(api)
    api.sql(
        "INSERT INTO output_requests "
        "VALUES (gen_random_uuid(), 'elsewhere', 1, 1, 'stdout', 0, 1, 0, now() - interval '3 minutes')"
    )
    output_file(far, job_id).write_bytes(b"there\n")
    assert get_output(api, job_id) == b"there\n"
    assert api.sql("SELECT count(*) FROM output_requests") == [(0,)]
