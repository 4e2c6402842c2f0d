"""Output of real jobs, through an API that shares nothing with their nodes but the database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conductor.core.commands import Cancel, Requeue
from conductor.core.identifiers import JobId
from tests.fix_api import Api, api_settings, running_api
from tests.fix_system import System


@pytest.fixture
def far_api(system: System) -> Iterator[Api]:
    """An API on a home of its own."""
    home = system.home / "api"
    home.mkdir()
    with running_api(api_settings(home), system.engine.url) as api:
        yield api
        assert not (home / "spool").exists()


def output(api: Api, job_id: int, query: str = "") -> bytes:
    answer = api.client.get(f"/api/v1/jobs/{job_id}/output{query}")
    assert answer.status_code == 200, answer.text
    return answer.content


def test_jobs_of_two_nodes_are_read_from_a_third_place(system: System, far_api: Api) -> None:
    system.node("node-1", 1)
    system.node("node-2", 1)
    script = "echo out $CONDUCTOR_NODE; echo err >&2; while [ ! -e go ]; do sleep 0.02; done; echo end\n"
    jobs = [system.submit(script), system.submit(script)]
    for job_id in jobs:
        system.until_state(job_id, "RUNNING")
    for node in system.nodes:
        [job_id] = (int(path.stem[4:]) for path in (node.spool / "scripts").glob("job_*.sh"))
        followed = far_api.client.stream("GET", f"/api/v1/jobs/{job_id}/output?follow=1")
        with followed as answer:
            pieces = answer.iter_bytes()
            assert next(pieces) == f"out {node.name}\n".encode()
            (node.spool / "work" / f"job_{job_id}" / "go").touch()
            assert b"".join(pieces) == b"end\n"
        assert far_api.get(f"/jobs/{job_id}")["stderr"] == "err\n"
    assert system.until_ended(*jobs) == ["COMPLETED", "COMPLETED"]


def test_a_path_of_the_jobs_own_is_appended_to_by_every_attempt(
    system: System, far_api: Api, tmp_path: Path
) -> None:
    system.node()
    script = "echo attempt $CONDUCTOR_ATTEMPT; exec sleep 300\n"
    job_id = JobId(system.submit(script, work_dir=str(tmp_path), stdout_path="slurm-%j.out"))
    for attempt in (1, 2):
        system.until("SELECT state = 'RUNNING' AND attempt = %s FROM jobs WHERE id = %s", attempt, job_id)
        lines = b"".join(f"attempt {number}\n".encode() for number in range(1, attempt + 1))
        with far_api.client.stream("GET", f"/api/v1/jobs/{job_id}/output?follow=1") as answer:
            received = b""
            for piece in answer.iter_bytes():
                received += piece
                if received == lines:
                    break
        if attempt == 1:
            system.engine.run(lambda engine: engine.accepted(Requeue(job_id=job_id)))
    system.engine.run(lambda engine: engine.accepted(Cancel(job_id=job_id)))
    assert system.until_ended(job_id) == ["CANCELLED"]
    assert output(far_api, job_id) == b"attempt 1\nattempt 2\n"
    assert (tmp_path / f"slurm-{job_id}.out").read_bytes() == b"attempt 1\nattempt 2\n"


def test_an_executors_absence_is_told_and_then_over(system: System, far_api: Api) -> None:
    node = system.node()
    job_id = system.submit("echo before; while [ ! -e go ]; do sleep 0.02; done; echo after\n")
    system.until_state(job_id, "RUNNING")
    node.executor.kill()
    node.executor.wait()
    system.engine.sql("UPDATE output_servers SET seen_at = seen_at - interval '1 minute'")
    assert far_api.client.get(f"/api/v1/jobs/{job_id}/output").json()["code"] == "node_silent"
    assert "does not run" in far_api.get(f"/jobs/{job_id}")["stdout_note"]
    with far_api.client.stream("GET", f"/api/v1/jobs/{job_id}/output?follow=1") as answer:
        (node.spool / "work" / f"job_{job_id}" / "go").touch()
        node.start_executor()
        assert b"".join(answer.iter_bytes()) == b"before\nafter\n"
    assert system.until_ended(job_id) == ["COMPLETED"]
