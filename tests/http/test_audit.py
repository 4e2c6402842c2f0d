"""`GET /api/v1/audit` names each planted fault exactly once; what it says mends it does, and replay agrees."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conductor.core.commands import ReleaseLost, ReportCleanup
from conductor.core.identifiers import AllocationId, Incarnation, JobId, NodeName
from projections import audit
from tests.fix_api import Api, api_settings, running_api
from tests.fix_engine import Engine

NODE = NodeName("node-1")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is given time to react: what a test plants is late at once."""
    for margin in ("SCHEDULER_REACTS_SECONDS", "CANCEL_REACTS_SECONDS"):
        monkeypatch.setattr(audit, margin, 0.0)


@pytest.fixture
def tampered_api(home: Path, database_url: str) -> Iterator[Api]:
    """One whose log or tables a test damages, so that nothing is proved at the end."""
    with running_api(api_settings(home, kill_grace_seconds=0), database_url) as api:
        yield api


def found(api: Api, *, replay: bool = True) -> list[dict[str, Any]]:
    findings: list[dict[str, Any]] = api.get("/audit", replay=str(replay).lower())["findings"]
    return findings


def names(findings: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["code"], one["subject"]) for one in findings]


def mend(api: Api, finding: dict[str, Any]) -> None:
    """Send what the finding says mends it."""
    assert finding["repair"] == f"conductor repair {finding['code']} {finding['subject']}"
    for command in finding["commands"]:
        answer = api.post("/commands", command)
        assert answer.status_code == 200, answer.text


def observe(api: Api, *, missing: list[int] | None = None, strays: list[Any] | None = None) -> None:
    """As the node's executor does, in the service's words."""
    api.sql(
        "SELECT observe_node('node-1', 1, %s::bigint[], %s::jsonb, NULL, NULL)",
        missing or [],
        json.dumps(strays or []),
    )


def test_a_busy_system_has_no_findings(api: Api) -> None:
    api.register()
    for _ in range(3):
        api.submit()
    api.start(1)
    api.post("/jobs/1/cancel")
    api.command("Reserve", job_id=2, node_name="node-1")
    told = api.get("/audit")
    assert told["findings"] == []
    assert told["position"] == 7 + 1
    assert told["checked"] == {
        "live_allocations": 2, "nodes": 1, "replay": True, "events": 8, "rows": 3 + 2 + 1, "differences": 0,
    }  # fmt: skip
    assert told["seconds"] > 0
    quick = api.get("/audit", replay="false")
    assert quick["checked"] == {"live_allocations": 2, "nodes": 1, "replay": False}


@pytest.mark.usefixtures("impatient")
def test_an_expired_reservation_that_nobody_takes_back(api: Api) -> None:
    api.register()
    job_id = api.submit()
    reserved = api.command("Reserve", job_id=job_id, node_name="node-1", expires_in_seconds=0.001)
    [finding] = found(api)
    allocation_id = reserved["allocation_id"]
    assert names([finding]) == [("reservation_expired", f"allocation {allocation_id}")]
    assert finding["severity"] == "error"
    assert finding["parameters"]["job_id"] == job_id
    assert [(event["type"], event["actor"], event["stream"]) for event in finding["events"]] == [
        ("JobSubmitted", "admin", "job-1"),
        ("ResourcesReserved", "admin", "job-1"),
    ]
    mend(api, finding)
    assert found(api) == []
    [released] = api.sql("SELECT data FROM events WHERE type = 'ResourcesReleased'")
    assert released[0] | {"allocation_id": allocation_id} == released[0]
    assert (released[0]["reason"], released[0]["detail"]) == ("repaired", "reservation_expired")
    assert api.get(f"/jobs/{job_id}")["state"] == "PENDING"


def test_a_process_that_is_gone(api: Api) -> None:
    api.register()
    allocation_id = api.start(api.submit())
    observe(api, missing=[allocation_id])
    [finding] = found(api)
    assert names([finding]) == [("process_missing", f"allocation {allocation_id}")]
    mend(api, finding)
    assert found(api) == []
    job = api.get("/jobs/1")
    assert (job["state"], job["reason"]) == ("FAILED", "Repaired: process_missing")


def test_processes_that_belong_to_nothing(api: Api) -> None:
    api.register()
    one = {
        "pid": 4711,
        "start_ticks": 99,
        "mark": "m",
        "job_id": 1,
        "attempt": 1,
        "allocation_id": 1,
        "command": "sleep",
    }
    unmarked = {"pid": 4712, "start_ticks": 98, "command": "daemon"}
    observe(
        api,
        strays=[
            one,
            {**one, **unmarked, "mark": None, "job_id": None, "attempt": None, "allocation_id": None},
        ],
    )
    stray, orphan = found(api)
    assert names([stray, orphan]) == [
        ("process_stray", "node-node-1 pid 4711 start 99"),
        ("process_unmarked", "node-node-1 pid 4712 start 98"),
    ]
    assert (stray["repair"], stray["commands"]) == (None, [])
    assert "must print 99" in stray["sentence"]


@pytest.mark.usefixtures("impatient")
def test_jobs_on_a_lost_node_end_by_a_persons_word(api: Api) -> None:
    api.register()
    allocation_id = api.start(api.submit())
    api.command("DeclareNodeLost", node_name="node-1")
    [finding] = found(api)
    assert names([finding]) == [("allocation_on_lost_node", "node-node-1")]
    assert [command["type"] for command in finding["commands"]] == ["DeclareNodeLost"]
    mend(api, finding)
    taken = ReleaseLost(job_id=JobId(1), allocation_id=AllocationId(allocation_id), node_name=NODE)
    Engine(api.database_url).run(lambda engine: engine.accepted(taken))  # as a scheduler does
    assert found(api) == []
    assert api.get("/jobs/1")["state"] == "NODE_FAIL"


@pytest.mark.usefixtures("impatient")
def test_jobs_on_a_removed_node_are_taken_back_one_by_one(api: Api) -> None:
    api.register()
    for _ in range(2):
        api.start(api.submit())
    api.command("RemoveNode", node_name="node-1")
    [finding] = found(api)
    assert names([finding]) == [("allocation_on_lost_node", "node-node-1")]
    assert finding["parameters"]["node_state"] == "REMOVED"
    mend(api, finding)
    assert found(api) == []
    assert [api.get(f"/jobs/{number}")["state"] for number in (1, 2)] == ["FAILED", "FAILED"]


@pytest.mark.usefixtures("impatient")
def test_a_silent_node_that_nobody_declares_lost(home: Path, database_url: str) -> None:
    with running_api(api_settings(home, lease_seconds=0.001, kill_grace_seconds=0), database_url) as api:
        api.register()
        [finding] = found(api)
        assert names([finding]) == [("node_lease_stale", "node-node-1")]
        mend(api, finding)
        assert found(api) == []
        assert api.get("/nodes/node-1")["state"] == "LOST"
        assert api.differences() == []


@pytest.mark.usefixtures("impatient")
def test_a_cancel_that_nobody_carries_out(home: Path, database_url: str) -> None:
    with running_api(api_settings(home, kill_grace_seconds=0), database_url) as api:
        api.register()
        allocation_id = api.start(api.submit())
        api.post("/jobs/1/cancel")
        [finding] = found(api)
        assert names([finding]) == [("cancel_stuck", f"allocation {allocation_id}")]
        mend(api, finding)
        assert found(api) == []
        assert api.differences() == []


def test_what_cannot_be_killed(api: Api) -> None:
    api.register()
    allocation_id = api.start(api.submit())
    stuck = ReportCleanup(allocation_id=AllocationId(allocation_id), incarnation=Incarnation(1), pids=(8, 9))
    Engine(api.database_url).run(lambda engine: engine.accepted(stuck))
    [finding] = found(api)
    assert names([finding]) == [("cleanup_blocked", f"allocation {allocation_id}")]
    assert finding["parameters"]["pids"] == [8, 9]
    mend(api, finding)
    assert found(api) == []


def test_a_repair_that_comes_too_late_changes_nothing(api: Api) -> None:
    api.register()
    allocation_id = api.start(api.submit())
    observe(api, missing=[allocation_id])
    [finding] = found(api)
    api.end(allocation_id)
    before = api.count_events()
    [command] = finding["commands"]
    refused = api.post("/commands", command)
    assert (refused.status_code, refused.json()["rejection"]["code"]) == (409, "version_conflict")
    del command["expected_version"]
    refused = api.post("/commands", command)
    assert (refused.status_code, refused.json()["rejection"]["code"]) == (409, "wrong_state")
    assert (api.count_events(), found(api)) == (before, [])


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"allocation_id": 99, "finding": "process_missing"}, 404, "not_found"),
        ({"job_id": 99, "finding": "process_missing"}, 404, "not_found"),
        ({"job_id": 1, "finding": "process_missing"}, 409, "wrong_state"),
        ({"job_id": 1, "allocation_id": 1, "finding": "process_missing"}, 422, None),
        ({"finding": "process_missing"}, 422, None),
        ({"job_id": 1, "finding": "bad_luck"}, 422, None),
    ],
)
def test_a_repair_of_nothing_is_refused(
    api: Api, fields: dict[str, Any], status: int, code: str | None
) -> None:
    api.submit()
    answer = api.post("/commands", {"type": "Repair", **fields})
    assert answer.status_code == status
    assert code is None or answer.json()["rejection"]["code"] == code
    assert api.count_events() == 1


def test_a_live_allocation_of_a_finished_job_is_one_finding_with_the_changed_row_in_it(
    tampered_api: Api,
) -> None:
    api = tampered_api
    api.register()
    allocation_id = api.start(api.submit())
    api.end(allocation_id)
    api.sql("UPDATE resource_allocations SET status = 'allocated'")
    for replay in (True, False):
        [finding] = found(api, replay=replay)
        assert names([finding]) == [("allocation_of_finished_job", f"allocation {allocation_id}")]
        assert finding["repair"] == "conductor replay rebuild"


@pytest.mark.usefixtures("impatient")
def test_a_row_that_was_changed_is_the_finding_and_not_what_it_seems_to_say(tampered_api: Api) -> None:
    api = tampered_api
    api.register()
    api.command("Reserve", job_id=api.submit(), node_name="node-1")
    api.sql("UPDATE resource_allocations SET expires_at = now() - interval '1 hour'")
    assert names(found(api, replay=False)) == [("reservation_expired", "allocation 1")]
    [finding] = found(api)
    assert names([finding]) == [("row_differs", "resource_allocations 1")]
    assert finding["events"][-1]["type"] == "ResourcesReserved"


def test_a_forked_history_until_somebody_says_why(api: Api) -> None:
    api.register()
    api.submit()
    api.sql("SELECT observe_node('node-1', 1, '{}', '[]', 2, sha256('another'))")
    [finding] = found(api)
    assert names([finding]) == [("history_forked", "node-node-1 position 2")]
    assert (
        finding["repair"]
        == 'conductor repair acknowledge history_forked node-node-1 position 2 --reason "..."'
    )
    api.sql("SELECT observe_node('node-1', 1, '{}', '[]', 99, sha256('another'))")
    [finding] = found(api)
    assert names([finding]) == [("history_forked", "node-node-1 position 99")]
    told = {
        "code": finding["code"],
        "subject": finding["subject"],
        "reason": "restored from the backup of Monday",
    }
    assert [event["type"] for event in api.command("AcknowledgeFinding", **told)["events"]] == [
        "FindingAcknowledged"
    ]
    assert api.command("AcknowledgeFinding", **told)["events"] == []
    [noted] = found(api)
    assert (noted["severity"], noted["repair"], noted["commands"]) == ("info", None, [])
    assert noted["acknowledged"]["actor"] == "admin"
    assert noted["acknowledged"]["reason"] == "restored from the backup of Monday"


def test_what_can_be_mended_cannot_be_acknowledged(api: Api) -> None:
    refused = api.post(
        "/commands",
        {"type": "AcknowledgeFinding", "code": "row_differs", "subject": "jobs 1", "reason": "so be it"},
    )
    assert refused.status_code == 422
    assert "conductor audit" in refused.json()["rejection"]["message"]
    assert api.count_events() == 0


def test_a_deleted_event_is_one_finding_also_where_an_executor_remembers_it(tampered_api: Api) -> None:
    api = tampered_api
    api.register()
    api.submit()
    api.submit()
    api.sql("SELECT observe_node('node-1', 1, '{}', '[]', 2, hash) FROM events WHERE position = 2")
    api.sql("ALTER TABLE events DISABLE TRIGGER events_append_only")
    api.sql("DELETE FROM events WHERE position = 2")
    assert names(found(api)) == [("position_missing", "position 2")]


def test_the_sentence_comes_in_the_language_that_was_asked_for(api: Api) -> None:
    api.register()
    observe(api, missing=[api.start(api.submit())])
    chinese = api.client.get("/api/v1/audit?replay=false", headers={"Accept-Language": "zh"}).json()[
        "findings"
    ]
    assert chinese[0]["sentence"].startswith("作业 1 在 node-1 上")
    assert found(api)[0]["sentence"].startswith("Job 1 is RUNNING on node-1 as PID 4711")


def test_a_replay_that_fails_is_told_and_the_rest_can_be_had_without(tampered_api: Api) -> None:
    tampered_api.sql("ALTER TABLE events RENAME COLUMN hash TO sum")
    tampered_api.sql("ALTER TABLE scripts RENAME TO elsewhere")
    answer = tampered_api.client.get("/api/v1/audit")
    assert (answer.status_code, answer.json()["code"]) == (503, "replay_failed")


def test_an_unknown_parameter_is_refused(api: Api) -> None:
    assert api.client.get("/api/v1/audit?reply=false").status_code == 422
