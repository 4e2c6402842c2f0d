"""Which job ran as a PID: found for ever, by number, node and time, with whoever started and ended it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.fix_api import Api

REQUEST = "0b0e7c1e-9d55-4a6e-8a0d-3b8f2a7f6f01"


def found(api: Api, **query: Any) -> list[dict[str, Any]]:
    processes: list[dict[str, Any]] = api.get("/pids", **query)["processes"]
    return processes


def release(api: Api, allocation_id: int, reason: str, **more: Any) -> None:
    outcome = {"incarnation": 1, "exit_code": None, "exit_signal": 15, **more}
    api.command("Release", allocation_id=allocation_id, reason=reason, **outcome)


def test_a_process_is_told_with_its_job_its_end_and_both_commands(api: Api) -> None:
    api.register()
    job_id = api.submit(name="solver", user_name="alice", account="physics")
    allocation = api.start(job_id)
    [running] = found(api, pid=4711)
    assert (running["end_time"], running["release_reason"], running["ended_by"]) == (None, None, None)
    api.post(f"/jobs/{job_id}/cancel", headers={"Conductor-Channel": "cli"})
    release(api, allocation, "cancelled")
    [told] = found(api, pid=4711)
    times = [told.pop(name) for name in ("start_time", "end_time")]
    assert times[0] < times[1]
    assert told == {
        "allocation_id": allocation,
        "job_id": job_id,
        "attempt": 1,
        "job_name": "solver",
        "user_name": "alice",
        "account": "physics",
        "node_name": "node-1",
        "process_id": 4711,
        "boot_id": "boot",
        "pid_namespace": None,
        "process_start_ticks": 99,
        "exit_code": None,
        "exit_signal": 15,
        "release_reason": "cancelled",
        "submitted_by": "admin",
        "submitted_through": "api",
        "ended_by": "admin",
        "ended_through": "cli",
    }


def test_what_ended_by_itself_was_ended_by_nobody(api: Api) -> None:
    api.register()
    job_id = api.submit()
    allocation = api.start(job_id)
    api.post(f"/jobs/{job_id}/cancel")
    api.end(allocation, exit_code=3)  # before the signal was sent
    [told] = found(api, pid=4711)
    assert (told["release_reason"], told["exit_code"], told["ended_by"]) == ("finished", 3, None)


def test_whoever_said_that_the_node_was_gone_ended_what_ran_there_and_a_restart_is_nobodys_doing(
    api: Api,
) -> None:
    api.register()
    lost, restarted = api.start(api.submit(), pid=1), api.start(api.submit(), pid=2)
    api.post("/nodes/node-1/lost")
    release(api, lost, "node_lost", exit_signal=None)
    api.register()
    release(api, restarted, "node_lost", exit_signal=None, incarnation=2)
    told = [(one["release_reason"], one["ended_by"], one["ended_through"]) for one in found(api)]
    assert told == [("node_lost", None, None), ("node_lost", "admin", "api")]


def test_processes_of_earlier_attempts_stay_and_share_nothing_with_the_next_use_of_the_number(
    api: Api,
) -> None:
    api.register()
    first, other = api.submit(), api.submit(user_name="bob")
    api.end(api.start(first), exit_code=1)
    api.post(f"/jobs/{first}/requeue")
    api.end(api.start(other))
    api.start(first)
    told = [(one["job_id"], one["attempt"], one["exit_code"]) for one in found(api, pid=4711)]
    assert told == [(first, 2, None), (other, 1, 0), (first, 1, 1)]


def test_at_finds_what_was_alive_then_from_its_start_to_its_end(api: Api) -> None:
    api.register()
    first, second = api.submit(), api.submit()
    api.end(api.start(first, pid=1))
    api.start(second, pid=2)
    [ended] = found(api, pid=1)
    start, end = (datetime.fromisoformat(ended[name]) for name in ("start_time", "end_time"))
    moment = timedelta(microseconds=1)

    def alive(at: datetime) -> list[int]:
        return [one["process_id"] for one in found(api, at=at.isoformat())]

    assert alive(start - moment) == []
    assert alive(start) == alive(end - moment) == [1]
    assert alive(end) == []
    assert alive(end + timedelta(days=1)) == [2]
    assert [one["process_id"] for one in found(api, at=end.isoformat(), pid=2)] == []


def test_filters_hold_together_and_pages_go_back_in_time(api: Api) -> None:
    api.register("a")
    api.register("b")
    for node in ("a", "b", "a", "a"):
        api.end(api.start(api.submit(), node=node, pid=7))
    assert [one["job_id"] for one in found(api, node_name="a", pid=7)] == [4, 3, 1]
    assert found(api, node_name="b", pid=8) == found(api, node_name="c") == []
    page = api.get("/pids", limit=3)
    assert [one["job_id"] for one in page["processes"]] == [4, 3, 2]
    older = api.get("/pids", limit=3, cursor=page["next"])
    assert ([one["job_id"] for one in older["processes"]], older["next"]) == ([1], None)


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"pid": "x"}, "pid", "not_an_integer"),
        ({"pid": 0}, "pid", "too_small"),
        ({"pid": 2**60}, "pid", "too_big"),
        ({"node_name": "a b"}, "node_name", "bad_name"),
        ({"at": "yesterday"}, "at", "bad_time"),
        ({"at": "2026-11-17T14:02"}, "at", "naive_time"),
        ({"limit": 1001}, "limit", "too_big"),
        ({"node": "a"}, "node", "unknown_parameter"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_name(
    shared_api: Api, query: dict[str, Any], field: str, code: str
) -> None:
    answer = shared_api.client.get("/api/v1/pids", params=query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)


def test_a_jobs_events_carry_the_request_they_go_back_to_whoever_reported_them(api: Api) -> None:
    api.register()
    submitted = api.post("/jobs/submit", {"script": "true\n"}, headers={"X-Request-Id": REQUEST})
    job_id = submitted.json()["job_id"]
    api.end(api.start(job_id))
    told = [one["metadata"] for one in api.get(f"/jobs/{job_id}/events")["events"]]
    assert [one["correlation"] for one in told] == [REQUEST] * 4
    assert [one.get("causation") for one in told] == [None, "job-1@1", "job-1@2", "job-1@3"]
    assert "request_id" not in told[0]
    assert len({one["request_id"] for one in told[1:]}) == 3
