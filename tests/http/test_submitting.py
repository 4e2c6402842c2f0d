"""What a submission says is what the job's row says."""

import json
from typing import Any

import pytest

from tests.fix_api import Api


def row_of(api: Api, job_id: int) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/jobs/{job_id}")
    return found


def test_every_field_reaches_the_row(api: Api) -> None:
    job_id = api.submit(
        "#!/bin/bash\necho 中文\n",
        name="a name",
        cpus_per_task=2,
        ntasks_per_node=3,
        memory_mb=512,
        time_limit=90,
        work_dir="/data/run",
        environment={"GREETING": "你好", "EMPTY": ""},
        priority=7,
        nice=5,
        user_name="alice",
        account="physics",
        requeue=True,
        hold=True,
        begin_time="2099-01-01T08:00:00+08:00",
        stdout_path="out/%x-%5j.txt",
        stderr_path="/tmp/%u/%%.err",
        comment="two\nlines",
    )
    row = row_of(api, job_id)
    expected = {
        "id": job_id,
        "name": "a name",
        "state": "PENDING",
        "reason": "JobHeldUser",
        "ntasks_per_node": 3,
        "cpus_per_task": 2,
        "total_cpus_required": 6,
        "allocated_cpus": None,
        "memory_mb": 512,
        "time_limit": 90,
        "time_limit_seconds": 5400,
        "work_dir": "/data/run",
        "priority": 2,
        "user_name": "alice",
        "submitted_by": "admin",
        "account": "physics",
        "requeue": True,
        "held": True,
        "begin_time": "2099-01-01T00:00:00+00:00",
        "stdout_path": "out/%x-%5j.txt",
        "stderr_path": "/tmp/%u/%%.err",
        "comment": "two\nlines",
    }
    assert {name: row[name] for name in expected} == expected
    assert api.client.get(f"/api/v1/jobs/{job_id}/script").text == "#!/bin/bash\necho 中文\n"
    assert api.get(f"/jobs/{job_id}/environment")["environment"] == {"GREETING": "你好", "EMPTY": ""}


def test_the_answers_have_every_column_of_the_tables(api: Api) -> None:
    def columns(table: str) -> set[str]:
        named = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        return {name for (name,) in api.sql(named, table)}

    api.register()
    job_id = api.submit()
    api.start(job_id)
    job = row_of(api, job_id)
    assert columns("jobs") <= job.keys()
    assert columns("jobs") <= api.get("/jobs")["jobs"][0].keys()
    told = columns("resource_allocations") - {"cpu_spans"} | {"unsupervised"}  # a function of the row
    assert told == job["resource_allocation"].keys()
    assert told == api.get("/allocations")["allocations"][0].keys()


def test_what_is_left_out_has_its_default(api: Api) -> None:
    row = row_of(api, api.submit("true\n"))
    assert row["name"] == f"job_{row['id']}"
    assert (row["total_cpus_required"], row["time_limit"], row["work_dir"]) == (1, None, None)
    assert (row["held"], row["requeue"], row["priority"], row["reason"]) == (False, False, 0, "NoNodes")


def test_null_is_as_good_as_left_out(api: Api) -> None:
    nothing = dict.fromkeys(("name", "cpus", "time_limit", "environment", "hold", "array", "gres"))
    assert row_of(api, api.submit("true\n", **nothing))["name"].startswith("job_")


@pytest.mark.parametrize(
    ("given", "seconds", "minutes"),
    [
        (10, 600, 10),
        ("10", 600, 10),
        ("0:01", 1, 1),
        ("10:30", 630, 11),
        ("2:00:00", 7200, 120),
        ("1-0", 86_400, 1440),
        ("1-02:03", 93_780, 1563),
        ("1-02:03:04", 93_784, 1564),
    ],
)
def test_time_limits_in_minutes_and_in_slurms_forms(
    api_for_forms: Api, given: object, seconds: int, minutes: int
) -> None:
    row = row_of(api_for_forms, api_for_forms.submit(time_limit=given))
    assert (row["time_limit_seconds"], row["time_limit"]) == (seconds, minutes)


@pytest.mark.parametrize(
    ("fields", "shape"),
    [
        ({"cpus": 4}, (1, 4)),
        ({"cpus_per_task": 4}, (1, 4)),
        ({"ntasks_per_node": 4}, (4, 1)),
        ({"cpus": 4, "cpus_per_task": 4}, (1, 4)),
        ({"cpus": 4, "ntasks_per_node": 2, "cpus_per_task": 2}, (2, 2)),
    ],
)
def test_the_spellings_of_a_jobs_width(
    api_for_forms: Api, fields: dict[str, Any], shape: tuple[int, int]
) -> None:
    row = row_of(api_for_forms, api_for_forms.submit(**fields))
    assert (row["ntasks_per_node"], row["cpus_per_task"]) == shape
    assert row["total_cpus_required"] == 4


@pytest.fixture(scope="module")
def api_for_forms(shared_api: Api) -> Api:
    """Shared by tests that only add jobs and look at their own."""
    return shared_api


def test_a_script_of_exactly_the_limit_is_taken(api: Api) -> None:
    script = ":" + "\n" * (1024 * 1024 - 1)
    assert len(api.client.get(f"/api/v1/jobs/{api.submit(script)}/script").content) == 1024 * 1024


def test_a_job_of_any_width_waits_while_no_node_is_registered(api: Api) -> None:
    assert row_of(api, api.submit(cpus=65_536))["state"] == "PENDING"


def test_a_repeat_under_the_same_key_is_the_same_job(api: Api) -> None:
    first, again = (
        api.post("/jobs/submit", {"script": "true\n"}, headers={"Idempotency-Key": "k-1"}) for _ in range(2)
    )
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert api.count_events() == 1


def test_another_submission_under_the_same_key_is_refused(api: Api) -> None:
    api.post("/jobs/submit", {"script": "true\n"}, headers={"Idempotency-Key": "k-1"})
    other = api.post("/jobs/submit", {"script": "false\n"}, headers={"Idempotency-Key": "k-1"})
    assert other.status_code == 422
    assert other.json()["errors"][0]["field"] == "Idempotency-Key"
    assert other.json()["errors"][0]["code"] == "key_reused"
    assert api.count_events() == 1


def test_a_batch_is_one_transaction_in_order(api: Api) -> None:
    jobs = [{"script": f"echo {number}\n", "name": f"n{number}"} for number in range(20)]
    answer = api.post("/jobs/submit/batch", {"jobs": jobs})
    assert answer.status_code == 201
    ids = [job["job_id"] for job in answer.json()["jobs"]]
    assert ids == sorted(ids)
    assert answer.json()["position"] == 20
    events = api.get("/events")["events"]
    assert {event["recorded_at"] for event in events} == {events[0]["recorded_at"]}
    assert [event["data"]["name"] for event in events] == [job["name"] for job in jobs]


def test_a_batch_may_come_as_lines(api: Api) -> None:
    lines = "\n".join(json.dumps({"script": "true\n", "name": name}) for name in "abc")
    answer = api.client.post(
        "/api/v1/jobs/submit/batch", content=lines + "\n\n", headers={"Content-Type": "application/x-ndjson"}
    )
    assert answer.status_code == 201
    assert len(answer.json()["jobs"]) == 3


def test_a_batch_repeated_under_its_key_is_the_same_jobs(api: Api) -> None:
    body, key = {"jobs": [{"script": "true\n"}] * 3}, {"Idempotency-Key": "k"}
    first = api.post("/jobs/submit/batch", body, headers=key)
    again = api.post("/jobs/submit/batch", body, headers=key)
    assert first.json() == again.json()
    for count in (1, 2, 4):
        other = api.post("/jobs/submit/batch", {"jobs": [{"script": "true\n"}] * count}, headers=key)
        assert other.status_code == 422, count
    assert api.count_events() == 3


def test_the_original_paths_submit_with_200_wrapped_or_bare(api: Api) -> None:
    bare, wrapped = {"script": "true\n"}, {"job": {"script": "true\n"}}
    assert api.client.post("/jobs/submit", json=bare).status_code == 200
    assert api.client.post("/jobs/submit", json=wrapped).status_code == 200
    assert api.client.post("/api/v1/jobs/submit", json=wrapped).status_code == 200
    assert api.client.post("/api/v1/jobs/submit", json=bare).status_code == 201
    assert len(api.get("/jobs")["jobs"]) == 4
