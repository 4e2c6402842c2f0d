"""An executor or a scheduler written in any language: every command, its answer, its refusal."""

import uuid
from typing import Any

import pytest

from conductor.core import commands as core
from tests.fix_api import Api

NODE = {"node_name": "n", "spool_id": "s", "boot_id": "b"}
PROCESS = {"pid": 4711, "boot_id": "boot", "start_ticks": 99, "pid_namespace": "4026531836"}


def test_the_life_of_a_job_by_commands_alone(api: Api) -> None:
    submitted = api.command("Submit", script="true\n", cpus=2)
    [event] = submitted["events"]
    assert (event["type"], event["stream"], event["version"], event["position"]) == (
        "JobSubmitted",
        "job-1",
        1,
        1,
    )
    assert submitted["position"] == 1
    assert set(event) == {"position", "stream", "version", "type", "data", "at"}
    registered = api.command(
        "RegisterNode",
        node_name="n1",
        spool_id="s",
        boot_id="b",
        total_cpus=4,
        memory_mb=100,
        labels={"a": "b"},
    )
    assert (registered["incarnation"], registered["lease_seconds"]) == (1, 30.0)
    reserved = api.command("Reserve", job_id=1, node_name="n1", cpu_ids=[3, 1], expires_in_seconds=5)
    assert (reserved["attempt"], reserved["cpu_ids"]) == (1, [1, 3])
    assert reserved["expires_at"] > reserved["events"][0]["at"]
    allocation = {"allocation_id": reserved["allocation_id"], "incarnation": 1}
    allocated = api.command("Allocate", **allocation, process=PROCESS)
    assert allocated["events"][0]["data"]["process"] == PROCESS
    again = api.command("Allocate", **allocation, process=PROCESS)
    assert (again["ok"], again["events"]) == (True, [])
    outcome = {
        "reason": "finished",
        "exit_code": 0,
        "exit_signal": None,
        "cpu_seconds": 1.5,
        "memory_peak_mb": 12,
    }
    api.command("Release", **allocation, **outcome)
    job = api.get("/jobs/1")
    assert (job["state"], job["resource_allocation"]["cpu_seconds"]) == ("COMPLETED", 1.5)
    assert job["resource_allocation"]["pid_namespace"] == "4026531836"


def test_a_person_steers_by_commands_too(api: Api) -> None:
    api.register("n1")
    job_id = api.submit()
    for kind, fields in (
        ("Hold", {"reason": "later"}),
        ("Unhold", {}),
        ("Reprioritize", {"priority": -5}),
        ("Cancel", {}),
        ("Requeue", {}),
    ):
        assert len(api.command(kind, job_id=job_id, **fields)["events"]) == 1, kind
    for kind in ("DrainNode", "ResumeNode", "DeclareNodeLost", "RemoveNode"):
        assert len(api.command(kind, node_name="n1", reason="because")["events"]) == 1, kind
    assert api.get(f"/jobs/{job_id}")["priority"] == -5


@pytest.mark.parametrize(
    ("command", "status", "code"),
    [
        ({"type": "Cancel", "job_id": 99}, 404, "not_found"),
        ({"type": "DrainNode", "node_name": "nowhere"}, 404, "node_unknown"),
        ({"type": "Reserve", "job_id": 1, "node_name": "nowhere"}, 404, "node_unknown"),
        ({"type": "Reserve", "job_id": 1, "node_name": "nowhere", "cpu_ids": [0]}, 404, "node_unknown"),
        ({"type": "Reserve", "job_id": 1, "node_name": "node-1", "cpu_ids": [9]}, 422, "invalid"),
        ({"type": "Submit", "script": "true\n", "cpus": 64}, 422, "invalid"),
        ({"type": "Hold", "job_id": 1, "expected_version": 7}, 409, "version_conflict"),
        ({"type": "Allocate", "allocation_id": 99, "incarnation": 1, "process": PROCESS}, 404, "not_found"),
    ],
)
def test_a_refusal_alone_has_its_status_and_appends_nothing(
    shared_api: Api, command: dict[str, Any], status: int, code: str
) -> None:
    answer = shared_api.post("/commands", command)
    assert answer.status_code == status, answer.text
    document = answer.json()
    assert document["ok"] is False
    assert document["rejection"]["code"] == code
    assert document["rejection"]["message"]
    assert {"state", "version"} <= document["rejection"].keys()
    assert shared_api.count_events() == 2


def test_a_list_is_answered_one_by_one_in_order(api: Api) -> None:
    job_id = api.submit()
    wishes = [("Hold", job_id), ("Hold", 99), ("Unhold", job_id)]
    answer = api.post(
        "/commands", {"commands": [{"type": kind, "job_id": number} for kind, number in wishes]}
    )
    assert answer.status_code == 200
    assert [one["ok"] for one in answer.json()["answers"]] == [True, False, True]


def test_an_atomic_list_is_done_wholly_or_not_at_all(api: Api) -> None:
    job_id = api.submit()
    good = {"type": "Hold", "job_id": job_id}
    refused = api.post("/commands", {"commands": [good, {"type": "Hold", "job_id": 99}], "atomic": True})
    assert [one["ok"] for one in refused.json()["answers"]] == [False, False]
    assert api.count_events() == 1
    done = api.post("/commands", {"commands": [good, {"type": "Cancel", "job_id": job_id}], "atomic": True})
    assert [one["ok"] for one in done.json()["answers"]] == [True, True]
    assert api.count_events() == 3


def test_a_repeat_under_its_command_id_is_answered_with_what_happened(api: Api) -> None:
    command_id = str(uuid.uuid4())
    first = api.command("Submit", script="true\n", command_id=command_id)
    again = api.command("Submit", script="true\n", command_id=command_id.upper())
    assert first == again
    other = api.post("/commands", {"type": "Submit", "script": "false\n", "command_id": command_id})
    assert other.status_code == 422
    assert other.json()["rejection"]["field"] == "command_id"
    assert api.count_events() == 1


def test_a_version_that_is_current_is_accepted(api: Api) -> None:
    job_id = api.submit()
    assert api.command("Hold", job_id=job_id, expected_version=1)["events"][0]["version"] == 2


@pytest.mark.parametrize(
    ("command", "field", "code"),
    [
        ({}, "type", "missing"),
        ({"type": "Cancle", "job_id": 1}, "type", "not_one_of"),
        ({"type": ["Cancel"], "job_id": 1}, "type", "not_one_of"),
        ({"type": "Cancel"}, "job_id", "missing"),
        ({"type": "Cancel", "job_id": "1"}, "job_id", "not_an_integer"),
        ({"type": "Cancel", "job_id": 2**53}, "job_id", "too_big"),
        ({"type": "Cancel", "job_id": 1, "resaon": "x"}, "resaon", "unknown_field"),
        ({"type": "Cancel", "job_id": 1, "reason": "a\0b"}, "reason", "control_character"),
        ({"type": "Cancel", "job_id": 1, "command_id": "x"}, "command_id", "bad_uuid"),
        ({"type": "Cancel", "job_id": 1, "expected_version": -1}, "expected_version", "too_small"),
        ({"type": "Submit", "script": ""}, "script", "blank"),
        ({"type": "Submit", "script": "x", "array": "1"}, "array", "array_alone"),
        ({"type": "Reserve", "job_id": 1, "node_name": "a b"}, "node_name", "bad_name"),
        ({"type": "Reserve", "job_id": 1, "node_name": "n", "cpu_ids": []}, "cpu_ids", "too_few"),
        ({"type": "Reserve", "job_id": 1, "node_name": "n", "cpu_ids": [-1]}, "cpu_ids[0]", "too_small"),
        (
            {"type": "Reserve", "job_id": 1, "node_name": "n", "expires_in_seconds": 0},
            "expires_in_seconds",
            "must_exceed",
        ),
        (
            {"type": "Allocate", "allocation_id": 1, "incarnation": 1, "process": 7},
            "process",
            "not_an_object",
        ),
        (
            {"type": "Allocate", "allocation_id": 1, "incarnation": 1, "process": {**PROCESS, "pid": 0}},
            "process.pid",
            "too_small",
        ),
        ({"type": "Release", "allocation_id": 1, "incarnation": 1, "reason": "done"}, "exit_code", "missing"),
        (
            {"type": "RegisterNode", **NODE, "total_cpus": 2, "cpu_ids": [1]},
            "cpu_ids",
            "contradiction",
        ),
        ("Cancel", "body", "not_an_object"),
        ({"commands": {}}, "commands", "not_a_list"),
        ({"commands": [{"type": "Cancel"}] * 1001}, "commands", "too_many"),
        (
            {"commands": [{"type": "Cancel", "job_id": 1}, {"type": "Hold", "job_id": 0}]},
            "commands[1].job_id",
            "too_small",
        ),
        ({"commands": [], "atomc": True}, "atomc", "unknown_field"),
        ({"commands": [], "atomic": 1}, "atomic", "not_a_boolean"),
        ({"type": "Expire", "job_id": 1, "allocation_id": 1}, "type", "not_one_of"),
        ({"type": "ElectLeader", "holder": "x", "host": "y"}, "type", "not_one_of"),
    ],
)
def test_a_malformed_command_is_named_field_by_field(
    shared_api: Api, command: Any, field: str, code: str
) -> None:
    answer = shared_api.post("/commands", command)
    assert answer.status_code == 422, answer.text
    assert (field, code) in {(error["field"], error["code"]) for error in answer.json()["errors"]}, (
        answer.text
    )
    assert shared_api.count_events() == 2


def test_every_command_of_the_core_but_our_own_processes_can_be_sent(shared_api: Api) -> None:
    answer = shared_api.post("/commands", {"type": "?"})
    [error] = answer.json()["errors"]
    names = {name.strip("' ") for name in error["message"].partition("one of")[2].split(",")}
    classes = {
        name
        for name, kind in vars(core).items()
        if isinstance(kind, type) and kind.__module__ == core.__name__
    }
    assert names == classes - {
        "Expire",
        "CreateToken",  # at a path of their own, whose answer alone has the secret
        "RevokeToken",
        "ElectLeader",
        "ReleaseLost",
        "ReportCleanup",
        "ResolveDependency",
        "ImportJob",
    }
