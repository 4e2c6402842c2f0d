"""`GET /jobs/{id}/why`, and the same words in the listings."""

import asyncio
import threading
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest

from api.answers.problems import Problem
from api.services.picture import EXPLAINED_AT_ONCE, running_picture
from conductor.core.identifiers import JobId
from tests.fix_api import Api


def heard(api: Api, name: str = "node-1", cpus: int = 4) -> int:
    """A node that is registered and whose lease lives."""
    incarnation = api.register(name, cpus)
    lease = {"incarnation": incarnation, "allocations": []}
    assert api.client.put(f"/api/v1/nodes/{name}/lease", json=lease).status_code == 200
    return incarnation


async def never(_pool: Any) -> Any:
    await asyncio.Event().wait()


def why(api: Api, job_id: int | str, **parameters: Any) -> Any:
    return api.get(f"/jobs/{job_id}/why", **parameters)


def test_a_job_without_room_names_who_holds_it_and_what_would_help(api: Api) -> None:
    heard(api)
    holder = api.submit(cpus=3, time_limit="60", user_name="alice")
    api.start(holder)
    job_id = api.submit(cpus=2)
    told = why(api, job_id)
    assert (told["state"], told["reason"], told["leases"]) == ("PENDING", "Resources", "known")
    assert "cpus=2" in told["sentence"]
    assert "Nearest is node-1: 1 of 4 CPUs free." in told["sentence"]
    [held] = told["holders"]
    assert (held["job_id"], held["user_name"], held["holds"]) == (holder, "alice", {"cpus": 3})
    assert told["starts_by"] == held["ends_by"]
    remedies = {one["code"]: one for one in told["remedies"]}
    assert remedies["fewer_cpus"]["parameters"]["option"] == "--cpus-per-task 1"
    assert remedies["job_ends_by"]["parameters"]["job_id"] == holder
    assert api.get("/jobs")["jobs"][0]["reason"] == "Resources"
    assert api.get(f"/jobs/{job_id}")["reason"] == "Resources"


def test_a_job_behind_another_says_so_and_what_priority_it_would_take(api: Api) -> None:
    heard(api)
    first, second = api.submit(cpus=4), api.submit(cpus=4)
    assert why(api, first)["reason"] == "Starting"
    told = why(api, second)
    assert (told["reason"], told["ahead"], told["ahead_count"]) == ("Priority", [first], 1)
    [remedy] = [one for one in told["remedies"] if one["code"] == "higher_priority"]
    assert remedy["command"] == f"conductor reprioritize 1 {second}"
    api.command("Reprioritize", job_id=second, priority=1)
    assert why(api, second)["reason"] == "Starting"
    assert {job["id"]: job["reason"] for job in api.get("/jobs")["jobs"]} == {
        first: "Priority",
        second: "Starting",
    }


def test_what_its_own_events_say_needs_no_node(api: Api) -> None:
    held = api.submit(hold=True)
    assert why(api, held)["remedies"][0]["command"] == f"conductor unhold {held}"
    later = api.submit(begin_time="2099-01-01T00:00:00Z")
    assert why(api, later)["reason"] == "BeginTime"
    assert why(api, api.submit())["reason"] == "NoNodes"


def test_a_drained_node_is_named_with_the_command_that_brings_it_back(api: Api) -> None:
    heard(api)
    assert api.post("/nodes/node-1/drain", {"reason": "disk"}).status_code == 200
    told = why(api, api.submit())
    assert (told["reason"], told["told"]["parameters"]["nodes"]) == ("ReqNodeNotAvail", ["node-1 DRAINED"])
    assert told["remedies"][0]["command"] == "conductor resume node-1"


def test_a_node_that_is_not_heard_from_is_told_apart(api: Api) -> None:
    heard(api)
    with psycopg.connect(api.database_url) as connection:
        connection.execute("UPDATE node_leases SET expires_at = now()")
    told = why(api, api.submit())
    assert (told["reason"], told["told"]["parameters"]["nodes"]) == ("ReqNodeNotAvail", ["node-1 SILENT"])


def test_a_job_that_runs_or_has_ended_says_what_happened(api: Api) -> None:
    heard(api)
    job_id = api.submit()
    allocation_id = api.start(job_id)
    assert (why(api, job_id)["told"]["code"], why(api, job_id)["reason"]) == ("running", None)
    api.end(allocation_id, exit_code=3)
    told = why(api, job_id)
    assert told["told"]["code"] == "ended"
    assert "FAILED (NonZeroExitCode, exit code 3)" in told["sentence"]


def test_sentences_come_in_the_language_asked_for(api: Api) -> None:
    job_id = api.submit()
    answer = api.client.get(f"/api/v1/jobs/{job_id}/why", headers={"Accept-Language": "zh"}).json()
    assert (answer["reason"], answer["sentence"]) == ("NoNodes", "没有已注册的节点。")


def test_last_night_is_asked_of_what_the_log_says_of_then(api: Api) -> None:
    heard(api)
    holder = api.submit(cpus=4)
    allocation_id = api.start(holder)
    job_id = api.submit(cpus=2)
    then, at = api.get("/jobs/stats")["position"], datetime.now(UTC)
    now = why(api, job_id)
    api.end(allocation_id)
    api.end(api.start(job_id))
    assert why(api, job_id)["state"] == "COMPLETED"
    for as_of in (then, at.isoformat()):
        told = why(api, job_id, as_of=as_of)
        assert (told["reason"], told["leases"], told["as_of"]["position"]) == ("Resources", "unknown", then)
        assert told["holders"] == now["holders"]
        assert told["sentence"] == now["sentence"]
    assert why(api, job_id, as_of=then) == why(api, job_id, as_of=then)


def test_fair_share_is_that_of_then(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who had used much stood behind; whoever asks later is told the same."""
    monkeypatch.setattr("conductor.core.fair_share.STEP_SECONDS", 0.05)  # else use counts 20 s late
    heard(api)
    assert api.post("/policy", {"changes": {"fair_share_weight": 100.0}}).status_code == 200
    used = api.submit(cpus=4, account="physics")
    allocation_id = api.start(used)
    api.sql("SELECT pg_sleep(0.3)")
    api.end(allocation_id)
    api.start(api.submit(cpus=4, account="biology"))
    heavy, light = api.submit(cpus=4, account="physics"), api.submit(cpus=4, account="chemistry")
    now = why(api, heavy)
    assert now["ahead"] == [light]
    then = why(api, heavy, as_of=now["position"])
    assert (then["ahead"], then["reason"]) == ([light], now["reason"])


def test_a_task_of_an_array_is_asked_for_by_its_index(api: Api) -> None:
    heard(api)
    first = api.submit(array="1-3%1")
    api.start(first)
    told = why(api, f"{first}_3")
    assert (told["reason"], told["array_job_id"], told["array_task_id"]) == ("JobArrayTaskLimit", first, 3)
    assert [one["job_id"] for one in told["holders"]] == [first]
    listed = {job["array_task_id"]: job["reason"] for job in api.get("/jobs")["jobs"]}
    assert listed == {1: None, 2: "JobArrayTaskLimit", 3: "JobArrayTaskLimit"}


def test_an_array_is_asked_for_by_its_number_and_names_its_tasks(api: Api) -> None:
    heard(api)
    first = api.submit(array="1-3", cpus=4)
    api.end(api.start(first))
    told = why(api, first)
    assert told["array"] == {"job_id": first, "tasks": {"COMPLETED": 1, "PENDING": 2}}
    assert (told["state"], told["array_task_id"]) == ("PENDING", 2)
    behind = why(api, f"{first}_3")
    assert ("array" in behind, behind["ahead_names"]) == (False, [f"{first}_2"])
    assert f"conductor reprioritize 1 {first}_3" in [one["command"] for one in behind["remedies"]]
    assert why(api, f"{first}_1")["state"] == "COMPLETED"


def test_the_first_answer_after_fair_share_was_given_weight_counts_it(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conductor.core.fair_share.STEP_SECONDS", 0.05)  # else use counts 20 s late
    heard(api)
    allocation_id = api.start(api.submit(cpus=4, account="physics"))
    api.sql("SELECT pg_sleep(0.3)")
    api.end(allocation_id)
    api.start(api.submit(cpus=4, account="biology"))
    heavy, light = api.submit(cpus=4, account="physics"), api.submit(cpus=4, account="chemistry")
    assert why(api, heavy)["ahead"] == []
    assert api.post("/policy", {"changes": {"fair_share_weight": 100.0}}).status_code == 200
    assert why(api, heavy)["ahead"] == [light]


def test_a_job_that_depends_is_told_how_far_each_condition_has_come(api: Api) -> None:
    heard(api)
    done, running = api.submit(), api.submit(time_limit="60")
    array = api.submit(array="1-3", cpus=4)
    api.end(api.start(done))
    api.start(running)
    job_id = api.submit(dependency=f"afterok:{done},afterok:{running},afterany:{array}")
    told = why(api, job_id)["awaited"]
    assert [one["sentence"] for one in told] == [
        f"afterok:{done} has come true.",
        f"afterok:{running} is open.",
        f"afterany:{array} is open: 0 of 3 have ended.",
    ]
    [one] = told[1]["jobs"]
    assert (one["name"], one["state"]) == (str(running), "RUNNING")
    assert one["ends_by"] is not None
    assert (told[2]["jobs"][0]["name"], told[2]["jobs"][0]["reason"]) == (f"{array}_1", "Resources")
    first = api.submit(name="alone", user_name="bob")
    second = api.submit(name="alone", user_name="bob", dependency="singleton")
    [single] = why(api, second)["awaited"]
    assert (single["code"], [one["job_id"] for one in single["jobs"]]) == ("awaited_waiting", [first])


def test_who_held_it_and_who_drained_its_nodes_is_told_with_the_reason(api: Api) -> None:
    heard(api)
    job_id = api.submit()
    api.command("Hold", job_id=job_id, reason="wait for the data")
    told = why(api, job_id)
    [held] = told["said"]
    assert held["code"] == "held_because"
    assert held["sentence"].endswith(": wait for the data")
    assert held["parameters"]["actor"]
    then = told["position"]
    api.command("Unhold", job_id=job_id)
    assert api.post("/nodes/node-1/drain", {"reason": "disk"}).status_code == 200
    [drained] = why(api, job_id)["said"]
    assert (drained["code"], drained["parameters"]["because"]) == ("drained_because", "disk")
    past = why(api, job_id, as_of=then)
    assert past["said"] == [held]
    assert past["remedies"][0]["command"] == f"conductor unhold {job_id}"
    assert api.post(f"/jobs/{job_id}/cancel", {}).status_code == 200
    assert [one["command"] for one in why(api, job_id, as_of=then)["remedies"]] == [None]


def test_before_it_was_submitted_there_was_no_such_job(api: Api) -> None:
    job_id = api.submit()
    answer = api.client.get(f"/api/v1/jobs/{job_id}/why", params={"as_of": 0})
    assert answer.status_code == 404
    assert api.client.get("/api/v1/jobs/999/why").status_code == 404


def test_a_picture_of_another_history_is_loaded_anew(api: Api) -> None:
    """As after a restore: what it remembers of the last event is not what the log says."""
    job_id = JobId(api.submit())

    async def story() -> None:
        async with running_picture(api.database_url) as picture:
            assert await picture.reasons([job_id]) == {job_id: "NoNodes"}
            followed = picture._followed
            assert followed is not None
            assert followed._memory is not None
            followed._memory.hash = b"another"
            followed._memory.cluster.jobs.clear()
            assert await picture.reasons([job_id]) == {job_id: "NoNodes"}

    asyncio.run(story())


def test_a_listing_is_answered_without_a_picture_that_takes_too_long(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = api.submit()
    heard(api)
    asked = threading.Event()

    async def asked_and_never(pool: Any) -> Any:
        asked.set()
        await never(pool)

    monkeypatch.setattr("api.services.picture.load", asked_and_never)
    monkeypatch.setattr("api.services.picture.PATIENCE_SECONDS", 0.05)
    assert api.get("/jobs")["jobs"][0]["reason"] is None
    assert asked.is_set()
    assert api.get(f"/jobs/{job_id}")["reason"] is None


def test_few_may_wait_for_an_explanation(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = JobId(api.submit())
    monkeypatch.setattr("api.services.picture.load", never)

    async def story() -> None:
        async with running_picture(api.database_url) as picture:
            waiting = [asyncio.create_task(picture.explain(job_id)) for _ in range(EXPLAINED_AT_ONCE)]
            await asyncio.sleep(0)
            with pytest.raises(Problem) as refused:
                await picture.explain(job_id)
            assert (refused.value.status, "Retry-After" in refused.value.headers) == (503, True)
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(picture.explain(job_id), 0.05)

    asyncio.run(story())


def test_who_asks_why_and_leaves_holds_no_place(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = api.submit()
    heard(api)
    monkeypatch.setattr("api.services.picture.load", never)
    monkeypatch.setattr("api.services.picture.EXPLAINED_AT_ONCE", 1)

    def refused() -> bool:
        """Whether it was told to come again; else it waited, and left."""
        try:
            answer = api.client.get(f"/api/v1/jobs/{job_id}/why", timeout=0.3)
        except httpx.ReadTimeout:
            return False
        assert (answer.status_code, answer.json()["code"]) == (503, "why_busy")
        return True

    for _ in range(3):
        assert next(True for _ in range(100) if not refused())
