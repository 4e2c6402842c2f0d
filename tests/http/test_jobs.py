"""A job's life as it is seen and steered over HTTP; the tests play scheduler and executor by commands."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fix_api import Api, api_settings, running_api


def test_a_job_shows_its_allocation_and_times_from_start_to_end(api: Api) -> None:
    api.register()
    job_id = api.submit(cpus=2)
    waiting = api.get(f"/jobs/{job_id}")
    assert (waiting["resource_allocation"], waiting["run_seconds"]) == (None, None)
    allocation_id = api.start(job_id)
    running = api.get(f"/jobs/{job_id}")
    assert (running["state"], running["allocated_cpus"]) == ("RUNNING", 2)
    allocation = running["resource_allocation"]
    assert (allocation["process_id"], allocation["status"], allocation["cpu_ids"]) == (
        4711,
        "allocated",
        [0, 1],
    )
    assert "cpu_spans" not in allocation
    api.end(allocation_id, exit_code=3)
    ended = api.get(f"/jobs/{job_id}")
    assert (ended["state"], ended["exit_code"], ended["final"]) == ("FAILED", 3, True)
    assert (ended["resource_allocation"]["status"], ended["resource_allocation"]["process_id"]) == (
        "released",
        4711,
    )
    assert ended["wait_seconds"] >= 0
    assert ended["run_seconds"] >= 0


def test_cancelling_a_waiting_job_is_done_at_once_and_again_is_no_error(api: Api) -> None:
    job_id = api.submit()
    first = api.post(f"/jobs/{job_id}/cancel")
    assert (first.status_code, first.json()["state"]) == (200, "CANCELLED")
    again = api.client.post(f"/api/v1/jobs/{job_id}/cancel", headers={"Content-Type": "application/json"})
    assert (again.status_code, again.json()["state"]) == (200, "CANCELLED")
    assert api.count_events() == 2


def test_cancelling_a_reserved_job_gives_its_cpus_back(api: Api) -> None:
    api.register()
    job_id = api.submit(cpus=4)
    api.command("Reserve", job_id=job_id, node_name="node-1")
    cancelled = api.post(f"/jobs/{job_id}/cancel", {"reason": "not needed"})
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "CANCELLED")
    assert cancelled.json()["reason"] == "Cancelled: not needed"
    assert api.get("/jobs/stats")["available_cpus"] == 4


def test_cancelling_a_running_job_is_a_202_until_its_node_has_ended_it(api: Api) -> None:
    api.register()
    job_id = api.submit()
    allocation_id = api.start(job_id)
    for _ in range(2):
        asked = api.post(f"/jobs/{job_id}/cancel")
        assert (asked.status_code, asked.json()["state"]) == (202, "RUNNING")
        assert asked.json()["cancel_requested_at"] is not None
    lease = api.client.put(
        "/api/v1/nodes/node-1/lease", json={"incarnation": 1, "allocations": [allocation_id]}
    )
    assert lease.json()["cancel"] == [allocation_id]
    api.command(
        "Release",
        allocation_id=allocation_id,
        incarnation=1,
        reason="cancelled",
        exit_code=None,
        exit_signal=15,
    )
    done = api.post(f"/jobs/{job_id}/cancel")
    assert (done.status_code, done.json()["state"]) == (200, "CANCELLED")


def test_a_cancel_may_wait_for_the_end(api: Api) -> None:
    api.register()
    job_id = api.submit()
    allocation_id = api.start(job_id)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(api.post, f"/jobs/{job_id}/cancel?wait=20")
        while not api.get(f"/jobs/{job_id}")["cancel_requested_at"]:
            time.sleep(0.01)
        assert not asked.done()
        api.end(allocation_id)
        assert asked.result().status_code == 200
        assert asked.result().json()["state"] == "COMPLETED"


def test_a_cancel_that_waits_in_vain_is_still_a_202(api: Api) -> None:
    api.register()
    job_id = api.submit()
    api.start(job_id)
    assert api.post(f"/jobs/{job_id}/cancel?wait=0.1").status_code == 202


@pytest.mark.parametrize("poll_only", [False, True])
def test_waiting_for_a_state_returns_when_the_job_gets_there(api: Api, poll_only: bool) -> None:
    with running_api(api_settings(api.settings.home, poll_only=poll_only), api.database_url) as waiting:
        api.register()
        job_id = api.submit()
        with ThreadPoolExecutor(2) as pool:
            started = pool.submit(waiting.get, f"/jobs/{job_id}", wait="RUNNING", timeout=20)
            ended = pool.submit(waiting.get, f"/jobs/{job_id}", wait="final", timeout=20)
            allocation_id = api.start(job_id)
            assert started.result()["state"] == "RUNNING"
            assert not ended.done()
            api.end(allocation_id)
            assert ended.result()["state"] == "COMPLETED"


def test_waiting_ends_with_the_job_or_the_time(api: Api) -> None:
    job_id = api.submit()
    assert api.get(f"/jobs/{job_id}", wait="RUNNING", timeout=0.1)["state"] == "PENDING"
    api.post(f"/jobs/{job_id}/cancel")
    assert api.get(f"/jobs/{job_id}", wait="RUNNING", timeout=20)["state"] == "CANCELLED"


def test_hold_unhold_and_requeue_may_be_repeated(api: Api) -> None:
    job_id = api.submit()
    for verb, held, reason in (
        ("hold", True, "JobHeldUser"),
        ("unhold", False, None),
        ("requeue", False, None),
    ):
        for _ in range(2):
            answer = api.post(f"/jobs/{job_id}/{verb}")
            assert answer.status_code == 200
            assert (answer.json()["held"], answer.json()["reason"]) == (held, reason)
    assert api.count_events() == 3


def test_a_requeue_begins_the_next_attempt_and_keeps_the_old_process_in_the_history(api: Api) -> None:
    api.register()
    job_id = api.submit()
    api.end(api.start(job_id, pid=1001))
    again = api.post(f"/jobs/{job_id}/requeue", {"reason": "once more"})
    assert (again.json()["state"], again.json()["attempt"]) == ("PENDING", 2)
    assert api.get(f"/jobs/{job_id}")["resource_allocation"] is None
    api.start(job_id, pid=1002)
    assert api.get(f"/jobs/{job_id}")["resource_allocation"]["process_id"] == 1002
    assert api.sql("SELECT process_id FROM process_history ORDER BY attempt") == [(1001,), (1002,)]
    assert len(api.get("/jobs")["jobs"]) == 1


def test_holding_a_running_job_is_a_409_that_tells_its_state(api: Api) -> None:
    api.register()
    job_id = api.submit()
    api.start(job_id)
    answer = api.post(f"/jobs/{job_id}/hold")
    assert answer.status_code == 409
    problem = answer.json()
    assert (problem["code"], problem["state"], problem["version"]) == ("wrong_state", "RUNNING", 3)
    assert "Cancel or requeue it instead" in problem["detail"]


def test_the_list_is_newest_first_in_pages_that_neither_skip_nor_repeat(api: Api) -> None:
    ids = [api.submit() for _ in range(7)]
    seen, cursor = [], None
    while True:
        page = api.get("/jobs", limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [job["id"] for job in page["jobs"]]
        cursor = page["next"]
        if cursor is None:
            break
        api.submit()  # what is new comes before the pages, never into them
    assert seen == ids[::-1]


def test_the_list_is_filtered(api: Api) -> None:
    api.register()
    api.register("node-2")
    first = api.submit(name="one", user_name="alice")
    second = api.submit(name="two", user_name="bob")
    api.start(first)
    api.start(second, node="node-2", pid=4712)
    third = api.submit(name="two", user_name="alice")
    submitted = api.get(f"/jobs/{third}")["submit_time"]

    def found(**filters: str) -> list[int]:
        return [job["id"] for job in api.get("/jobs", **filters)["jobs"]]

    assert found(state="RUNNING") == [second, first]
    assert found(state="pending,FAILED") == [third]
    assert found(state="final") == []
    assert found(user_name="alice") == [third, first]
    assert found(name="two", user_name="bob") == [second]
    assert found(node_name="node-2") == [second]
    assert found(since=submitted) == [third]
    assert found(until=submitted) == [second, first]
    assert api.get("/jobs", node_name="node-2")["jobs"][0]["process_id"] == 4712


def test_reads_can_insist_on_a_position(api: Api) -> None:
    position = api.post("/jobs/submit", {"script": "true\n"}).json()["position"]
    assert len(api.get("/jobs", at_least=position)["jobs"]) == 1
    with ThreadPoolExecutor(1) as pool:
        later = pool.submit(api.get, "/jobs/stats", at_least=position + 1)
        api.submit()
        assert later.result()["total_jobs"] == 2


def test_a_jobs_events_tell_its_life(api: Api) -> None:
    api.register()
    job_id = api.submit()
    api.end(api.start(job_id))
    told = api.get(f"/jobs/{job_id}/events")
    types = [event["type"] for event in told["events"]]
    assert types == ["JobSubmitted", "ResourcesReserved", "ResourcesAllocated", "ResourcesReleased"]
    assert [event["version"] for event in told["events"]] == [1, 2, 3, 4]
    assert told["next"] == told["head"]["position"] == 5


def test_the_original_paths_show_five_states(api: Api) -> None:
    api.register()
    reserved, timed_out, running = api.submit(), api.submit(), api.submit()
    allocation_id = api.start(timed_out)
    api.command(
        "Release",
        allocation_id=allocation_id,
        incarnation=1,
        reason="timed_out",
        exit_code=None,
        exit_signal=15,
    )
    api.start(running, pid=4712)
    api.command("Reserve", job_id=reserved, node_name="node-1")
    for prefix in ("", "/api/v1"):
        states = [
            api.client.get(f"{prefix}/jobs/query/{job_id}").json()["state"]
            for job_id in (reserved, timed_out, running)
        ]
        assert states == ["PENDING", "FAILED", "RUNNING"]
    assert api.client.get(f"/jobs/query/{timed_out}").json()["reason"] == "TimeLimit"
    stats = api.client.get("/jobs/stats").json()
    assert stats["jobs_by_state"] == {"PENDING": 1, "RUNNING": 1, "COMPLETED": 0, "FAILED": 1, "CANCELLED": 0}
    assert stats["total_jobs"] == sum(stats["jobs_by_state"].values()) == 3
    cancelled = api.client.post(f"/jobs/cancel/{reserved}")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "CANCELLED")
    assert api.client.post(f"/jobs/cancel/{reserved}").status_code == 200
