"""Each role does what is its own and nothing else, by whatever path or command, alone, in lists and for arrays."""

from typing import Any

import httpx
import pytest

from api.routes import TOP, VERSION_1
from conductor.core.roles import Role
from tests.fix_api import Api
from tests.given_tokens import of_role

JOB = {"script": "true\n"}


def refused(answer: httpx.Response) -> str:
    """What a 403 says, as a problem or as a rejected command."""
    assert answer.status_code == 403, answer.text
    told = answer.json()
    if "rejection" in told:
        assert told["rejection"]["code"] == "forbidden"
        return str(told["rejection"]["message"])
    assert told["code"] == "forbidden"
    return str(told["detail"])


@pytest.mark.parametrize("role", list(Role))
def test_every_operation_is_for_the_roles_that_the_table_names(api: Api, role: Role) -> None:
    api.register()
    api.submit()
    with of_role(api, role) as client:
        before = api.count_events()
        for one in (*VERSION_1, *TOP):
            if one.roles is None or role in one.roles:
                continue
            prefix = "/api/v1" if one in VERSION_1 else ""
            path = one.path.replace("{job_id}", "1").replace("{name}", "node-1")
            assert refused(client.request(one.method, f"{api.url}{prefix}{path}")), path
        assert api.count_events() == before


COMMANDS: dict[str, tuple[dict[str, Any], set[Role]]] = {
    "Submit": (JOB, {Role.SUBMITTER, Role.OPERATOR}),
    "Cancel": ({"job_id": 1}, {Role.SUBMITTER, Role.OPERATOR}),
    "Hold": ({"job_id": 1}, {Role.SUBMITTER, Role.OPERATOR}),
    "Unhold": ({"job_id": 1}, {Role.SUBMITTER, Role.OPERATOR}),
    "Requeue": ({"job_id": 1}, {Role.SUBMITTER, Role.OPERATOR}),
    "Reprioritize": ({"job_id": 1, "priority": -1}, {Role.SUBMITTER, Role.OPERATOR}),
    "Reserve": ({"job_id": 1, "node_name": "node-1"}, {Role.OPERATOR}),
    "DrainNode": ({"node_name": "node-1"}, {Role.OPERATOR}),
    "ResumeNode": ({"node_name": "node-1"}, {Role.OPERATOR}),
    "RemoveNode": ({"node_name": "node-1"}, {Role.OPERATOR}),
    "DeclareNodeLost": ({"node_name": "node-1"}, {Role.OPERATOR}),
    "ChangePolicy": ({"changes": {"order": "backfill"}}, {Role.OPERATOR}),
    "Repair": ({"job_id": 1, "finding": "cancel_stuck"}, {Role.OPERATOR}),
    "AcknowledgeFinding": ({"code": "hash_broken", "subject": "x", "reason": "y"}, {Role.OPERATOR}),
    "RegisterNode": (
        {"node_name": "node-1", "spool_id": "s", "boot_id": "b", "total_cpus": 1},
        {Role.EXECUTOR},
    ),
    "Allocate": (
        {"allocation_id": 1, "incarnation": 1, "process": {"pid": 1, "boot_id": "b", "start_ticks": 1}},
        {Role.EXECUTOR},
    ),
    "Release": (
        {"allocation_id": 1, "incarnation": 1, "reason": "finished", "exit_code": 0, "exit_signal": None},
        {Role.EXECUTOR},
    ),
}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_every_command_is_for_its_roles_alone_and_in_lists(api: Api, role: Role) -> None:
    with of_role(api, role) as client:
        before = api.count_events()
        forbidden = [
            {"type": kind, **fields} for kind, (fields, roles) in COMMANDS.items() if role not in roles
        ]
        for command in forbidden:
            assert f"role {role}" in refused(client.post("/commands", json=command)), command
        answers = client.post("/commands", json={"commands": forbidden}).json()["answers"]
        assert {answer["rejection"]["code"] for answer in answers} == {"forbidden"}
        assert api.count_events() == before


def test_of_an_atomic_list_with_a_forbidden_command_nothing_is_done(api: Api) -> None:
    with of_role(api, "submitter") as client:
        before = api.count_events()
        commands = [{"type": "Submit", **JOB}, {"type": "DrainNode", "node_name": "node-1"}]
        told = client.post("/commands", json={"commands": commands, "atomic": True}).json()["answers"]
        assert [answer["ok"] for answer in told] == [False, False]
        assert [answer["rejection"]["code"] for answer in told] == ["invalid", "forbidden"]
        assert api.count_events() == before
        told = client.post("/commands", json={"commands": commands}).json()["answers"]
        assert [answer["ok"] for answer in told] == [True, False]


def test_every_command_of_the_api_is_in_this_table(shared_api: Api) -> None:
    [error] = shared_api.post("/commands", {"type": "?"}).json()["errors"]
    names = {name.strip("' ") for name in error["message"].partition("one of")[2].split(",")}
    assert names == COMMANDS.keys()


@pytest.mark.parametrize("act", ["cancel", "hold", "unhold", "requeue", "reprioritize"])
def test_a_submitter_acts_on_its_own_jobs_only(api: Api, act: str) -> None:
    others = api.submit(user_name="bob", hold=act == "unhold")
    body = {"priority": -5} if act == "reprioritize" else {}
    with of_role(api, "submitter", "alice") as alice:
        own = alice.post("/jobs/submit", json={**JOB, "hold": act == "unhold"}).json()["job_id"]
        before = api.count_events()
        assert "bob's" in refused(alice.post(f"/jobs/{others}/{act}", json=body))
        assert "bob's" in refused(alice.post(f"{api.url}/jobs/cancel/{others}"))
        command = {"type": act.capitalize(), "job_id": others, **body}
        assert "bob's" in refused(alice.post("/commands", json=command))
        assert api.count_events() == before
        assert alice.post(f"/jobs/{own}/{act}", json=body).status_code == 200
    with of_role(api, "operator") as operator:
        assert operator.post(f"/jobs/{others}/{act}", json=body).status_code == 200


def test_another_token_of_the_same_user_acts_on_the_same_jobs(api: Api) -> None:
    with (
        of_role(api, "submitter", "alice") as alice,
        of_role(api, "submitter", "ci", user_name="alice") as ci,
    ):
        job_id = ci.post("/jobs/submit", json=JOB).json()["job_id"]
        assert api.get(f"/jobs/{job_id}")["submitted_by"] == "ci"
        assert alice.post(f"/jobs/{job_id}/cancel").status_code == 200


def test_tasks_of_anothers_array_are_as_forbidden_as_a_job(api: Api) -> None:
    array = api.submit(array="0-3", user_name="bob")
    with of_role(api, "submitter", "alice") as alice:
        before = api.count_events()
        for name in (array, f"{array}_1", f"{array}_[1-2]"):
            assert "bob's" in refused(alice.post(f"/jobs/{name}/cancel"))
        assert api.count_events() == before
        own = alice.post("/jobs/submit", json={**JOB, "array": "0-3"}).json()["job_id"]
        assert alice.post(f"/jobs/{own}_[1-2]/cancel").status_code == 200
        assert alice.post(f"/jobs/{own}/cancel").status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"user_name": "bob"},
        {"user": "bob"},
        {"user_name": "Alice"},
        {"user_name": "аlice"},
        {"priority": 1},
        {"nice": -1},
        {"script": "#!/bin/sh\n#SBATCH --priority=9\ntrue\n"},
        {"script": "#!/bin/sh\n#SBATCH --nice=-9\ntrue\n"},
        {"array": "0-1", "user_name": "bob"},
    ],
)
def test_a_submitter_submits_as_itself_and_at_no_priority_above_others(
    api: Api, fields: dict[str, Any]
) -> None:
    with of_role(api, "submitter", "alice") as alice:
        before = api.count_events()
        refused(alice.post("/jobs/submit", json={**JOB, **fields}))
        refused(alice.post("/jobs/submit/batch", json={"jobs": [JOB, {**JOB, **fields}]}))
        refused(alice.post(f"{api.url}/jobs/submit", json={"job": {**JOB, **fields}}))
        if "array" not in fields:
            refused(alice.post("/commands", json={"type": "Submit", **JOB, **fields}))
        assert api.count_events() == before
        job_id = alice.post("/jobs/submit", json={**JOB, "user_name": "alice", "nice": 5}).json()["job_id"]
        refused(alice.post(f"/jobs/{job_id}/reprioritize", json={"priority": 1}))
        assert alice.post(f"/jobs/{job_id}/reprioritize", json={"priority": 0}).status_code == 200
    with of_role(api, "operator") as operator:
        assert (
            operator.post("/jobs/submit", json={**JOB, "user_name": "bob", "priority": 9}).status_code == 201
        )


def test_environments_are_for_their_user_and_operators(api: Api) -> None:
    job_id = api.submit(user_name="alice", environment={"PASSWORD": "hunter2"})
    path = f"/jobs/{job_id}/environment"
    with (
        of_role(api, "submitter", "alice") as alice,
        of_role(api, "submitter", "bob") as bob,
        of_role(api, "viewer") as viewer,
        of_role(api, "operator") as operator,
    ):
        for client in (alice, operator):
            assert client.get(path).json()["environment"] == {"PASSWORD": "hunter2"}
        for client in (bob, viewer):
            assert "alice's" in refused(client.get(path))
            assert client.get("/jobs/999/environment").status_code == 404
            for other in (
                "/jobs",
                f"/jobs/{job_id}",
                f"/jobs/{job_id}/script",
                "/events",
                "/nodes",
                "/audit",
            ):
                answer = client.get(other)
                assert answer.status_code == 200
                assert "hunter2" not in answer.text
    assert "hunter2" not in str(api.sql("SELECT * FROM events"))


def test_an_executors_token_is_for_its_own_node_alone(api: Api) -> None:
    api.register("node-2")
    own, others = api.submit(environment={"A": "1"}), api.submit(environment={"B": "2"})
    with of_role(api, "executor") as executor:
        node = {"spool_id": "mine", "boot_id": "boot", "total_cpus": 4}
        told = executor.post("/commands", json={"type": "RegisterNode", "node_name": "node-1", **node})
        assert told.json()["incarnation"] == 1
        allocation = api.command("Reserve", job_id=own, node_name="node-1")["allocation_id"]
        foreign = api.command("Reserve", job_id=others, node_name="node-2")["allocation_id"]
        before = api.count_events()
        refused(executor.post("/commands", json={"type": "RegisterNode", "node_name": "node-2", **node}))
        refused(executor.put("/nodes/node-2/lease", json={"incarnation": 1, "allocations": []}))
        refused(executor.get("/nodes/node-2"))
        refused(executor.get("/nodes"))
        refused(executor.get("/allocations", params={"node_name": "node-2"}))
        for path in ("/events", "/events/stream"):
            refused(executor.get(path, params={"node": "node-2"}))
        streams = [one["stream"] for one in executor.get("/events").json()["events"]]
        assert set(streams) == {"node-node-1", f"job-{own}"}  # also when no node is named
        assert executor.get("/events", params={"stream": f"job-{others}"}).json()["events"] == []
        for path in ("", "/script", "/environment"):
            refused(executor.get(f"/jobs/{others}{path}"))
        process = {"pid": 1, "boot_id": "boot", "start_ticks": 1}
        start = {"type": "Allocate", "incarnation": 1, "process": process}
        end = {"type": "Release", "incarnation": 1, "reason": "finished", "exit_code": 0, "exit_signal": None}
        refused(executor.post("/commands", json={**start, "allocation_id": foreign}))
        refused(executor.post("/commands", json={**end, "allocation_id": foreign}))
        assert api.count_events() == before

        renewed = executor.put("/nodes/node-1/lease", json={"incarnation": 1, "allocations": [allocation]})
        assert renewed.status_code == 200
        listed = executor.get("/allocations").json()["allocations"]
        assert [one["id"] for one in listed] == [allocation]
        assert executor.get("/events", params={"stream": "node-node-1"}).status_code == 200
        assert executor.get(f"/jobs/{own}/script").text == "true\n"
        assert executor.get(f"/jobs/{own}/environment").json()["environment"] == {"A": "1"}
        assert executor.post("/commands", json={**start, "allocation_id": allocation}).status_code == 200
        piece: dict[str, Any] = {
            "content": b"hello\n",
            "headers": {"Content-Type": "application/octet-stream"},
        }
        assert executor.put(f"/jobs/{own}/output?offset=0", **piece).status_code == 200
        assert executor.post("/commands", json={**end, "allocation_id": allocation}).status_code == 200
        assert executor.get(f"/jobs/{own}").json()["state"] == "COMPLETED"
        refused(executor.get(f"/jobs/{own}/environment"))

        api.command("Allocate", allocation_id=foreign, incarnation=1, process={**process, "pid": 2})
        refused(executor.put(f"/jobs/{others}/output?offset=0", **piece))
    assert api.get(f"/jobs/{own}")["stdout"] == "hello\n"


def test_rights_hold_against_a_row_that_somebody_changed(api: Api) -> None:
    """What decides is the log, not the table."""
    job_id = api.submit(user_name="bob")
    api.sql("UPDATE jobs SET user_name = 'alice' WHERE id = %s", job_id)
    with of_role(api, "submitter", "alice") as alice:
        assert "bob's" in refused(alice.post(f"/jobs/{job_id}/cancel"))
    api.sql("UPDATE jobs SET user_name = 'bob' WHERE id = %s", job_id)
