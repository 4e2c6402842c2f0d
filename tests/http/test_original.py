"""The original system's clients: their bodies are understood and answered as they were, on its own paths."""

from datetime import UTC, datetime
from typing import Any

import pytest

from api.requests.original_bodies import submission_of_original, with_original_words
from tests.fix_api import Api

JOB = {
    "account": "my_project",
    "environment": {"OMP_NUM_THREADS": "2"},
    "current_working_directory": "/tmp",
    "standard_output": "hello.out",
    "standard_error": "hello.err",
    "ntasks_per_node": 1,
    "cpus_per_task": 2,
    "memory_per_node": "32G",
    "name": "hello_world",
    "time_limit": "120",
    "partition": "compute",
    "exclusive": True,
}
SCRIPT = "#!/bin/bash\necho hello\n"


@pytest.mark.parametrize("path", ["/jobs/submit", "/api/v1/jobs/submit"])
def test_a_submission_of_the_originals_clients_is_a_job_that_nothing_new_can_stop(
    api: Api, path: str
) -> None:
    answer = api.client.post(path, json={"job": JOB, "script": SCRIPT})
    assert answer.status_code == 200, answer.text
    job = api.get(f"/jobs/{answer.json()['job_id']}")
    told = {
        key: job[key] for key in ("name", "account", "work_dir", "stdout_path", "stderr_path", "time_limit")
    }
    assert told == {
        "name": "hello_world", "account": "my_project", "work_dir": "/tmp", "stdout_path": "hello.out",
        "stderr_path": "hello.err", "time_limit": 120,
    }  # fmt: skip
    assert job["total_cpus_required"] == 2
    assert (job["memory_mb"], job["exclusive"]) == (None, False)
    assert job["comment"] == "partition compute, memory 32G, exclusive"
    assert api.get(f"/jobs/{job['id']}/environment")["environment"] == {"OMP_NUM_THREADS": "2"}
    assert api.client.get(f"/api/v1/jobs/{job['id']}/script").text == SCRIPT


def test_its_query_and_cancel_answer_in_its_words_too(api: Api) -> None:
    job_id = api.client.post("/jobs/submit", json={"job": JOB, "script": SCRIPT}).json()["job_id"]
    told = api.client.get(f"/jobs/query/{job_id}").json()
    assert (told["job_id"], told["state"], told["error_msg"]) == (job_id, "PENDING", None)
    assert told["time"]["submit_time"] == told["submit_time"]
    assert (told["time"]["elapsed_time"], told["time"]["limit_time"]) == ("0-00:00:00", "2:00:00")
    assert told["job_log"] == {"stdout": "", "stderr": ""}
    assert told["detail"]["job_name"] == "hello_world"
    assert told["detail"]["exit_code"] == ":"
    cancelled = api.client.post(f"/jobs/cancel/{job_id}", headers={"Accept-Language": "zh"})
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "CANCELLED")
    assert cancelled.json()["msg"] == "取消成功"


@pytest.mark.parametrize(
    ("written", "minutes"),
    [("30", "30"), ("2:30", 150), ("1:30:59", 90), ("2-12:00:00", 3600), ("2-12", "2-12"), ("soon", "soon")],
)
def test_its_time_limits_are_hours_and_minutes(written: str, minutes: int | str) -> None:
    assert submission_of_original({"job": {**JOB, "time_limit": written}})["time_limit"] == minutes


@pytest.mark.parametrize(
    "body", [{"script": SCRIPT}, {"job": 1, "script": SCRIPT}, {"job": JOB, "scirpt": SCRIPT}, [JOB], None]
)
def test_what_is_not_its_body_is_left_as_it_came(body: Any) -> None:
    assert submission_of_original(body) == body


def test_our_own_fields_under_its_job_are_enforced(api: Api) -> None:
    body = {"job": {"name": "ours", "memory_mb": 5, "time_limit": "2:30"}, "script": SCRIPT}
    job = api.get(f"/jobs/{api.client.post('/jobs/submit', json=body).json()['job_id']}")
    assert (job["memory_mb"], job["time_limit_seconds"]) == (5, 150)


def test_an_unknown_field_is_refused_by_its_name(api: Api) -> None:
    answer = api.client.post("/jobs/submit", json={"job": {**JOB, "queue": "fast"}, "script": SCRIPT})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["queue"]
    assert api.count_events() == 0


def test_the_end_of_a_job_in_its_words() -> None:
    start = datetime(2030, 1, 1, tzinfo=UTC)
    job = {
        **dict.fromkeys(("account", "work_dir", "allocated_cpus", "eligible_time", "submit_time")),
        "id": 7, "state": "FAILED", "reason": "TIMEOUT", "name": "job", "user_name": "alice", "time_limit": 2190,
        "start_time": start, "end_time": start.replace(day=3, hour=4, second=5), "exit_code": None, "exit_signal": 9,
        "resource_allocation": {"node_name": "node-1"}, "stdout": "out", "stderr": "err",
    }  # fmt: skip
    told = with_original_words(job, now=start)
    assert told["error_msg"] == "TIMEOUT"
    assert (told["time"]["elapsed_time"], told["time"]["limit_time"]) == ("2-04:00:05", "1-12:30:00")
    assert (told["detail"]["exit_code"], told["detail"]["node_list"]) == ("0:9", "node-1")
