"""Arrays over HTTP: one submission, one transaction, many jobs; and ids like 42_7 and 42_[1-3]."""

import re
import threading
from typing import Any, NoReturn

import pytest

from conductor.core.misspelt import SENTENCES
from tests.fix_api import Api


def tasks(api: Api, head: int) -> list[dict[str, Any]]:
    rows = api.get("/jobs", array_job_id=head, limit=1000)["jobs"]
    return sorted(rows, key=lambda row: int(row["array_task_id"]))


def states(api: Api, head: int) -> list[str]:
    return [row["state"] for row in tasks(api, head)]


def ask(api: Api, path: str, status: int = 200, body: Any = None) -> Any:
    answer = api.post(path, body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_an_array_is_one_submission_and_each_task_a_job(api: Api) -> None:
    answer = api.post("/jobs/submit", {"script": "true\n", "array": "1-7:3%2", "environment": {"A": "1"}})
    assert answer.status_code == 201
    told = answer.json()
    head = told["job_id"]
    assert told == {"job_id": head, "state": "PENDING", "array_tasks": 3, "position": told["position"]}
    assert told["position"] == api.get("/events")["head"]["position"]
    rows = tasks(api, head)
    assert [(row["array_job_id"], row["array_task_id"]) for row in rows] == [(head, 1), (head, 4), (head, 7)]
    assert rows[0]["id"] == head
    assert {row["array_spec"] for row in rows} == {"1-7:3%2"}
    assert {row["name"] for row in rows} == {f"job_{head}"}
    assert len({row["environment_id"] for row in rows}) == 1
    assert (
        api.sql("SELECT count(*) FROM scripts")[0][0]
        == api.sql("SELECT count(*) FROM environments")[0][0]
        == 1
    )


def test_what_is_read_of_an_array_and_of_a_task(api: Api) -> None:
    head = api.submit(array="0-2", name="sweep")
    ask(api, f"/jobs/{head}_1/cancel")
    found = api.get(f"/jobs/{head}")
    assert found["array_task_id"] == 0
    assert found["array"] == {
        "array_job_id": head,
        "tasks": 3,
        "jobs_by_state": {"CANCELLED": 1, "PENDING": 2},
    }
    task = api.get(f"/jobs/{head}_1")
    assert (task["array_job_id"], task["array_task_id"], task["state"]) == (head, 1, "CANCELLED")
    assert "array" not in task
    assert api.client.get(f"/api/v1/jobs/{head}_2/script").text == "true\n"
    assert len(api.get(f"/jobs/{head}_1/events")["events"]) == 2
    assert api.get(f"/jobs/{head}_0")["id"] == head
    for unknown in (f"{head}_3", f"{head}_", f"{head}_x", f"{head}_[0-1]", "0_1", "9999_1"):
        assert api.client.get(f"/api/v1/jobs/{unknown}").status_code == 404, unknown


def test_an_array_is_cancelled_whole_or_in_part(api: Api) -> None:
    head = api.submit(array="0-9")
    one = ask(api, f"/jobs/{head}_0/cancel", body={"reason": "first"})
    assert (one["job_id"], one["state"], one["reason"]) == (head, "CANCELLED", "Cancelled: first")
    some = ask(api, f"/jobs/{head}_[2-4,9]/cancel")
    assert [row["array_task_id"] for row in some["jobs"]] == [2, 3, 4, 9]
    assert {row["state"] for row in some["jobs"]} == {"CANCELLED"}
    assert (some["array_job_id"], some["changed"], some["refused"]) == (head, 4, [])
    assert states(api, head).count("PENDING") == 5
    whole = ask(api, f"/jobs/{head}/cancel")
    assert (whole["changed"], len(whole["jobs"])) == (5, 10)
    assert set(states(api, head)) == {"CANCELLED"}
    again = ask(api, f"/jobs/{head}/cancel")
    assert again["changed"] == 0


def test_the_original_path_cancels_an_array_too(api: Api) -> None:
    head = api.submit(array="0-2")
    told = ask(api, f"/jobs/cancel/{head}")
    assert (told["state"], told["changed"]) == ("CANCELLED", 3)
    assert api.get(f"/jobs/query/{head}_2")["state"] == "CANCELLED"


def test_a_task_that_runs_is_asked_to_end_and_the_answer_says_so(api: Api) -> None:
    api.register(cpus=4)
    head = api.submit(array="0-2")
    allocation_id = api.start(head + 1)
    told = ask(api, f"/jobs/{head}/cancel", 202)
    assert [row["state"] for row in told["jobs"]] == ["CANCELLED", "RUNNING", "CANCELLED"]
    waiting: list[Any] = []
    asking = threading.Thread(target=lambda: waiting.append(ask(api, f"/jobs/{head}/cancel?wait=20")))
    asking.start()
    api.end(allocation_id, 1)
    asking.join()
    assert {row["final"] for row in waiting[0]["jobs"]} == {True}


def test_hold_unhold_and_priority_are_for_the_tasks_that_wait(api: Api) -> None:
    api.register(cpus=4)
    head = api.submit(array="0-3")
    api.start(head)
    told = ask(api, f"/jobs/{head}/hold", body={"reason": "later"})
    assert [row["held"] for row in told["jobs"]] == [False, True, True, True]
    assert told["changed"] == 3
    assert ask(api, f"/jobs/{head}_[1-2]/unhold")["changed"] == 2
    ask(api, f"/jobs/{head}_3/reprioritize", body={"priority": 9})
    assert ask(api, f"/jobs/{head}/reprioritize", body={"priority": 9})["changed"] == 2
    assert [row["priority"] for row in tasks(api, head)] == [0, 9, 9, 9]
    refused = ask(api, f"/jobs/{head}_[0]/hold", 409)
    assert refused["code"] == "wrong_state"


def test_a_whole_array_is_requeued(api: Api) -> None:
    head = api.submit(array="0-2")
    ask(api, f"/jobs/{head}/cancel")
    assert ask(api, f"/jobs/{head}/requeue")["changed"] == 3
    assert {row["attempt"] for row in tasks(api, head)} == {2}


def test_arrays_in_a_batch_count_their_tasks(api: Api) -> None:
    answer = api.post("/jobs/submit/batch", {"jobs": [{"script": "a", "array": "0-1"}, {"script": "b"}]})
    assert answer.status_code == 201
    array, single = answer.json()["jobs"]
    assert (array["array_tasks"], "array_tasks" in single) == (2, False)
    assert single["job_id"] == array["job_id"] + 2
    too_many = [{"script": "a", "array": "0-9998"}, {"script": "b", "array": "0-1"}]
    answer = api.post("/jobs/submit/batch", {"jobs": too_many})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "too_many")
    assert api.get("/jobs/stats")["total_jobs"] == 3


def test_a_batch_of_arrays_is_weighed_before_any_is_told_out(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told_out(*_: object) -> NoReturn:
        raise AssertionError("expanded")

    monkeypatch.setattr("api.endpoints.submitting.tasks_of", told_out)
    answer = api.post("/jobs/submit/batch", {"jobs": [{"script": "a", "array": "0-9999"}] * 60})
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["field"], error["code"]) == (422, "jobs[1].array", "too_many")
    large = {"script": "x", "array": "0-4999", "comment": "y" * 4096, "work_dir": "/" + "z" * 3000}
    answer = api.post("/jobs/submit/batch", {"jobs": [large, large]})
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["field"], error["code"]) == (422, "jobs[1].array", "array_too_large")


def test_what_no_node_can_run_is_refused_once_for_the_whole_array(api: Api) -> None:
    api.register(cpus=2)
    answer = api.post("/jobs/submit", {"script": "a", "array": "0-99", "cpus": 3})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 1
    batch = [{"script": "x"}, {"script": "a", "array": "0-99", "cpus": 3}]
    answer = api.post("/jobs/submit/batch", {"jobs": batch})
    assert [error["field"] for error in answer.json()["errors"]] == ["jobs[1].cpus"]
    assert api.get("/jobs/stats")["total_jobs"] == 0


def test_an_array_that_would_fill_the_log_is_refused(api: Api) -> None:
    body = {"script": "x" * 1000_000, "array": "0-9999", "comment": "y" * 4096, "work_dir": "/" + "z" * 3000}
    answer = api.post("/jobs/submit", body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "array_too_large")
    head = api.submit("x" * 1000_000, array="0-999", comment="y" * 4096)  # a large script is kept once
    assert api.sql("SELECT count(*) FROM scripts") == [(1,)]
    assert len(tasks(api, head)) == 1000


def test_a_repeat_of_an_array_is_the_same_array(api: Api) -> None:
    key = {"Idempotency-Key": "once"}
    first = api.post("/jobs/submit", {"script": "a", "array": "0-9"}, headers=key).json()
    again = api.post("/jobs/submit", {"script": "a", "array": "0-9"}, headers=key)
    assert (again.status_code, again.json()) == (201, first)
    other = api.post("/jobs/submit", {"script": "a", "array": "0-8"}, headers=key)
    assert (other.status_code, other.json()["errors"][0]["code"]) == (422, "key_reused")
    batch = {"jobs": [{"script": "a", "array": "0-4"}, {"script": "b"}]}
    one = api.post("/jobs/submit/batch", batch, headers={"Idempotency-Key": "two"}).json()
    two = api.post("/jobs/submit/batch", batch, headers={"Idempotency-Key": "two"}).json()
    assert one["jobs"] == two["jobs"]
    assert api.get("/jobs/stats")["total_jobs"] == 16


def test_the_same_array_twice_at_the_same_moment_is_one_array(api: Api) -> None:
    told: list[Any] = []

    def submit() -> None:
        body = {"script": "a", "array": "0-49"}
        told.append(api.post("/jobs/submit", body, headers={"Idempotency-Key": "at-once"}).json()["job_id"])

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(told)) == 1
    assert api.get("/jobs/stats")["total_jobs"] == 50


@pytest.mark.parametrize("array", ["", "x", "5-1", "0-10000", "1-2%0", 7])
def test_what_is_no_array_is_refused(api: Api, array: Any) -> None:
    answer = api.post("/jobs/submit", {"script": "a", "array": array})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "array"


def test_a_command_takes_no_array_and_says_where_they_go(api: Api) -> None:
    answer = api.post("/commands", {"type": "Submit", "script": "a", "array": "0-3"})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("array", "array_alone")
    assert "/api/v1/jobs/submit" in error["message"]
    assert api.post("/commands", {"type": "Submit", "script": "a", "array": None}).status_code == 200


def test_a_script_may_say_its_array_itself(api: Api) -> None:
    head = api.submit("#!/bin/sh\n#SBATCH --array=3-4 --dependency=singleton\ntrue\n")
    assert [(row["array_task_id"], row["dependency"]) for row in tasks(api, head)] == [
        (3, "singleton"),
        (4, "singleton"),
    ]
    wrong = api.post("/jobs/submit", {"script": "#!/bin/sh\n#SBATCH -a 4-3\ntrue\n"})
    assert "line 2" in wrong.json()["errors"][0]["message"]


DEPENDENCIES = [
    ("afterok", "bad_dependency"), ("aftercorr:1", "bad_dependency"), ("afterok:1+5", "bad_dependency"),
    ("afterok:999", "invalid"), ("afterany:1_5", "invalid"), ("", "bad_dependency"), (1, None),
]  # fmt: skip


@pytest.mark.parametrize(("dependency", "code"), DEPENDENCIES)
def test_a_dependency_that_cannot_be_is_refused(api: Api, dependency: Any, code: str | None) -> None:
    api.submit()
    answer = api.post("/jobs/submit", {"script": "a", "dependency": dependency})
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert error["field"] == "dependency"
    assert code is None or error["code"] == code
    assert api.get("/jobs/stats")["total_jobs"] == 1


def test_a_dependency_is_kept_in_its_own_spelling_and_the_job_waits_for_it(api: Api) -> None:
    head = api.submit(array="0-1")
    job_id = api.submit(dependency=f" afterok:{head}:{head}_1 , after:{head}")
    row = api.get(f"/jobs/{job_id}")
    assert row["dependency"] == f"afterok:{head},afterok:{head}_1,after:{head}"
    assert (row["state"], row["reason"], row["eligible_time"]) == ("PENDING", "Dependency", None)
    answer = api.post("/commands", {"type": "Submit", "script": "a", "dependency": "afterok:999"})
    assert answer.json()["rejection"]["field"] == "dependency"
    batch = {"jobs": [{"script": "a"}, {"script": "b", "dependency": f"afterok:{job_id + 1}"}]}
    answer = api.post("/jobs/submit/batch", batch)
    assert [error["field"] for error in answer.json()["errors"]] == ["jobs[1].dependency"]
    reserve = {"type": "Reserve", "job_id": job_id, "node_name": "node-1", "cpu_ids": [0]}
    assert api.post("/commands", reserve).status_code == 409


def lines(rows: list[dict[str, Any]]) -> list[tuple[int, int | None, str | None]]:
    return [(row["id"], row.get("folded_tasks"), row.get("folded_task_ids")) for row in rows]


def test_waiting_tasks_are_listed_as_one_and_all_others_by_themselves(api: Api) -> None:
    api.register()
    before, head, after = api.submit(), api.submit(array="0-9:3,20-29%2"), api.submit()  # ends with task 29
    api.start(head)
    ask(api, f"/jobs/{head}_20/cancel")
    ask(api, f"/jobs/{head}_[22,24-26]/hold")
    ask(api, f"/jobs/{head}_29/reprioritize", body={"priority": 3})
    folded = api.get("/jobs", fold="array", state="PENDING,RUNNING")["jobs"]
    assert lines(folded) == [
        (after, None, None),
        (head + 13, None, None),  # another priority
        (head + 12, 7, "3,6,9,21,23,27-28"),
        (head + 10, 4, "22,24-26"),
        (head, None, None),
        (before, None, None),
    ]
    assert [row["reason"] for row in folded[2:4]] == [folded[0]["reason"], "JobHeldUser"]
    assert lines(api.get("/jobs", fold="array")["jobs"])[4] == (head + 4, None, None)  # the one that ended
    assert [row["id"] for row in api.get("/jobs", state="PENDING")["jobs"]][:3] == [
        after,
        head + 13,
        head + 12,
    ]
    refused = api.client.get("/api/v1/jobs", params={"fold": "array", "as_of": 1})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "contradiction")


def test_a_folded_line_is_on_one_page_however_pages_are_cut(api: Api) -> None:
    heads = [api.submit(array="0-4"), api.submit(), api.submit(array="0-4")]
    for head in (heads[0], heads[2]):
        for task in (1, 3):  # ended tasks between those that wait
            ask(api, f"/jobs/{head}_{task}/cancel")
    whole = lines(api.get("/jobs", fold="array")["jobs"])
    assert [line[2] for line in whole] == ["0,2,4", None, None, None, "0,2,4", None, None]
    for limit in (1, 2, 3, 7):
        found, cursor = [], None
        while True:
            more: dict[str, int] = {"cursor": cursor} if cursor else {}
            page = api.get("/jobs", fold="array", limit=limit, **more)
            found += lines(page["jobs"])
            cursor = page["next"]
            if cursor is None:
                break
        assert found == whole


@pytest.mark.parametrize("field", ["array", "dependency"])
@pytest.mark.parametrize(
    "text",
    [
        "5-1",
        "a-b",
        "1%x",
        "0-10000",
        "9999999",
        "afterok:x",
        "afterok",
        "singleton:1",
        "after:1,after:2?after:3",
    ],
)
def test_what_is_wrong_with_a_text_is_said_in_one_language(shared_api: Api, field: str, text: str) -> None:
    body = {"script": "x", field: text}
    answer = shared_api.post("/jobs/submit", body, headers={"Accept-Language": "zh"})
    [error] = answer.json()["errors"]
    words = set(re.findall(r"\b[a-z]{2,}\b", error["message"]))
    assert words <= {field, "afterok", "afterany", "afternotok", "after", "singleton"}


def test_a_job_that_is_not_there_is_told_in_one_language(shared_api: Api) -> None:
    answer = shared_api.post("/jobs/999/cancel", headers={"Accept-Language": "zh"})
    assert (answer.status_code, "There is" in answer.text, "没有作业 999" in answer.text) == (
        404,
        False,
        True,
    )
    assert "There is no job 999" in shared_api.post("/jobs/999/hold").json()["detail"]


def test_what_is_wrong_is_said_with_the_same_values_in_both_languages() -> None:
    for english, chinese in SENTENCES.values():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", chinese))
