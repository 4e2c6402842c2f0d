"""Nodes, CPUs and leases; the numbers add up at every moment."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.fix_api import Api


def stats_of(api: Api) -> dict[str, Any]:
    """The numbers, after a look at whether they add up."""
    stats: dict[str, Any] = api.get("/jobs/stats")
    parts = [stats[f"{part}_cpus"] for part in ("used", "reserved", "available", "unavailable")]
    assert stats["total_cpus"] == sum(parts)
    assert min(parts) >= 0
    assert stats["total_jobs"] == sum(stats["jobs_by_state"].values())
    assert stats["utilization"] == (stats["used_cpus"] / stats["total_cpus"] if stats["total_cpus"] else 0)
    return stats


def test_an_empty_system_has_numbers_too(api: Api) -> None:
    stats = stats_of(api)
    assert (stats["total_cpus"], stats["utilization"], stats["oldest_pending_seconds"]) == (0, 0, None)
    assert (stats["total_jobs"], stats["position"]) == (0, 0)


def test_cpus_add_up_through_a_jobs_life_and_a_nodes(api: Api) -> None:
    api.register("n1", 8)
    api.register("n2", 4)
    running, reserved = api.submit(cpus=3), api.submit(cpus=2)
    assert stats_of(api)["oldest_pending_seconds"] > 0
    allocation_id = api.start(running, node="n1")
    api.command("Reserve", job_id=reserved, node_name="n2")

    def cpus() -> tuple[int, ...]:
        stats = stats_of(api)
        return tuple(
            stats[f"{part}_cpus"] for part in ("total", "used", "reserved", "available", "unavailable")
        )

    assert cpus() == (12, 3, 2, 7, 0)
    api.post("/nodes/n1/drain", {"reason": "new disk"})
    assert cpus() == (12, 3, 2, 2, 5)
    api.post("/nodes/n2/lost")
    assert cpus() == (12, 3, 2, 0, 7)
    assert stats_of(api)["nodes"] == {"UP": 0, "DRAINED": 1, "LOST": 1}
    api.end(allocation_id)
    assert cpus() == (12, 0, 2, 0, 10)
    api.post("/nodes/n1/resume")
    assert cpus() == (12, 0, 2, 8, 2)
    api.post("/nodes/n1/remove")
    assert cpus() == (4, 0, 2, 0, 2)


def test_cpus_add_up_when_a_node_comes_back_narrower_than_what_runs_on_it(api: Api) -> None:
    api.register("n1", 8)
    api.start(api.submit(cpus=6), node="n1")
    api.register("n1", 2)
    stats = stats_of(api)
    assert (stats["total_cpus"], stats["used_cpus"], stats["available_cpus"]) == (6, 6, 0)
    [node] = api.get("/nodes")["nodes"]
    assert (node["total_cpus"], node["used_cpus"], node["free_cpus"], node["running_jobs"]) == (2, 6, 0, 1)


def test_a_node_shows_its_columns_its_cpus_and_its_lease(api: Api) -> None:
    incarnation = api.register("n1", 4)
    assert api.get("/nodes/n1")["lease_live"] is False
    renewed = api.client.put("/api/v1/nodes/n1/lease", json={"incarnation": incarnation, "allocations": []})
    assert renewed.status_code == 200
    node = api.get("/nodes/n1")
    assert (node["lease_live"], node["lease_expires_at"]) == (True, renewed.json()["expires_at"])
    assert (node["state"], node["free_cpus"], node["incarnation"]) == ("UP", 4, incarnation)
    assert api.get("/nodes")["nodes"] == [node]


def test_a_lease_names_what_the_node_must_end(api: Api) -> None:
    incarnation = api.register("n1", 4)
    kept, cancelled = api.start(api.submit(), node="n1"), api.start(api.submit(), node="n1", pid=2)
    api.post("/jobs/2/cancel")
    held = [kept, cancelled, 999]
    answer = api.client.put("/api/v1/nodes/n1/lease", json={"incarnation": incarnation, "allocations": held})
    assert answer.json()["cancel"] == [cancelled, 999]


WRONG_ROWS = (
    "UPDATE jobs SET cancel_requested_at = now()",
    "UPDATE resource_allocations SET status = 'released'",
    "UPDATE resource_allocations SET node_name = 'n2'",
    "DELETE FROM resource_allocations",
)


@pytest.mark.parametrize("damage", WRONG_ROWS)
def test_a_wrong_row_ends_no_job_of_a_foreign_executor(api: Api, damage: str) -> None:
    incarnation = api.register("n1", 4)
    held = [api.start(api.submit(), node="n1"), 999]
    api.sql("CREATE TABLE kept AS SELECT * FROM resource_allocations")
    api.sql(damage)
    answer = api.client.put("/api/v1/nodes/n1/lease", json={"incarnation": incarnation, "allocations": held})
    assert answer.json()["cancel"] == [999]
    for mend in (
        "UPDATE jobs SET cancel_requested_at = NULL",
        "DELETE FROM resource_allocations",
        "INSERT INTO resource_allocations SELECT * FROM kept",
    ):
        api.sql(mend)
    api.end(held[0])
    answer = api.client.put("/api/v1/nodes/n1/lease", json={"incarnation": incarnation, "allocations": held})
    assert answer.json()["cancel"] == held


def test_the_lease_of_an_older_incarnation_is_refused(api: Api) -> None:
    api.register("n1")
    api.register("n1")
    answer = api.client.put("/api/v1/nodes/n1/lease", json={"incarnation": 1, "allocations": []})
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_incarnation")
    assert (
        api.client.put("/api/v1/nodes/n1/lease", json={"incarnation": 2, "allocations": []}).status_code
        == 200
    )


@pytest.mark.parametrize("name", ["nowhere", "a%20b", "%2e%2e", "x" * 300, "'; DROP TABLE nodes; --", "节点"])
@pytest.mark.parametrize(("method", "verb"), [("GET", ""), ("POST", "/drain"), ("PUT", "/lease")])
def test_an_unknown_node_is_a_404(shared_api: Api, name: str, method: str, verb: str) -> None:
    body = {"incarnation": 1, "allocations": []} if method == "PUT" else None
    answer = shared_api.client.request(method, f"/api/v1/nodes/{name}{verb}", json=body)
    assert answer.status_code in (404, 405), answer.text
    assert shared_api.count_events() == 2


def test_operators_may_repeat_themselves(api: Api) -> None:
    api.register("n1")
    for verb, state in (("drain", "DRAINED"), ("resume", "UP"), ("lost", "LOST"), ("remove", "REMOVED")):
        for _ in range(2):
            answer = api.post(f"/nodes/n1/{verb}", {"reason": "because"})
            assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert api.count_events() == 5
    refused = api.post("/nodes/n1/resume")
    assert (refused.status_code, refused.json()["state"]) == (409, "REMOVED")


def test_an_executor_may_wait_for_its_reservations(api: Api) -> None:
    api.register("n1")
    job_id = api.submit()
    assert api.get("/allocations", node_name="n1", status="reserved", wait=0.1)["allocations"] == []
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(api.get, "/allocations", node_name="n1", status="reserved", wait=20)
        api.command("Reserve", job_id=job_id, node_name="n1")
        [allocation] = waiting.result()["allocations"]
    assert (allocation["job_id"], allocation["status"], allocation["node_name"]) == (job_id, "reserved", "n1")


def test_allocations_come_in_pages(api: Api) -> None:
    api.register("n1", 4)
    ids = [api.start(api.submit(), node="n1", pid=100 + number) for number in range(4)]
    first = api.get("/allocations", limit=3)
    rest = api.get("/allocations", limit=3, cursor=first["next"])
    assert [one["id"] for one in first["allocations"] + rest["allocations"]] == ids[::-1]
    assert rest["next"] is None


def test_the_log_is_read_in_order_with_its_end_and_every_hash(api: Api) -> None:
    api.register("n1")
    for _ in range(3):
        api.submit()
    first = api.get("/events", limit=3)
    assert [event["position"] for event in first["events"]] == [1, 2, 3]
    rest = api.get("/events", after=first["next"])
    assert [event["position"] for event in rest["events"]] == [4]
    assert rest["next"] == 4
    assert rest["head"] == {"position": 4, "hash": rest["events"][-1]["hash"]}
    assert len(bytes.fromhex(rest["head"]["hash"])) == 32
    assert api.get("/events", after=4)["events"] == []
    assert [event["stream"] for event in api.get("/events", type="NodeRegistered")["events"]] == ["node-n1"]
    only = api.get("/events", stream="job-2")
    assert ([event["position"] for event in only["events"]], only["next"]) == ([3], 4)


def test_an_empty_log_has_an_end_too(api: Api) -> None:
    assert api.get("/events") == {"events": [], "next": 0, "head": {"position": 0, "hash": None}}


def test_what_live_allocations_hold_of_a_node_is_counted_now_and_of_then(api: Api) -> None:
    api.register("n1", labels={"zone": "a"}, gres={"gpu": 4, "fpga": 1}, numa=[[0, 1], [2, 3]])
    running, reserved = (
        api.submit(gres={"gpu": 1}, memory_mb=300),
        api.submit(gres="gpu:2,fpga", memory_mb=200),
    )
    allocation_id = api.start(running, node="n1")
    answer = api.command("Reserve", job_id=reserved, node_name="n1", gres={"gpu": [3, 1], "fpga": [0]})
    assert answer["gres"] == {"fpga": [0], "gpu": [1, 3]}
    node = api.get("/nodes/n1")
    assert (node["held_gres"], node["held_memory_mb"]) == ({"gpu": 3, "fpga": 1}, 500)
    assert (node["gres"], node["numa"]) == ({"gpu": 4, "fpga": 1}, {"0": [0, 1], "1": [2, 3]})
    position = api.get("/jobs/stats")["position"]
    api.end(allocation_id)
    assert api.get("/nodes/n1")["held_gres"] == {"gpu": 2, "fpga": 1}
    [then] = api.get("/nodes", as_of=position)["nodes"]
    held = ("held_gres", "held_memory_mb", "gres", "numa", "labels")
    assert {name: then[name] for name in held} == {name: node[name] for name in held}


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"gres": {"gpu": -1}}, "gres", "bad_gres"),
        ({"gres": {"gpu": "4"}}, "gres.gpu", "not_an_integer"),
        ({"numa": [[0, 1], [1]]}, "numa", "invalid"),
        ({"numa": [[]]}, "numa[0]", "too_few"),
        ({"labels": {"zone": "a\nb"}}, "labels.zone", "control_character"),
        ({"labels": {"zone=a,arch": "x"}}, "labels", "bad_labels"),
        ({"labels": {"zone": "x\u202ey"}}, "labels.zone", "control_character"),
    ],
)
def test_a_registration_that_cannot_be_is_refused_by_its_field(
    api: Api, wrong: dict[str, Any], field: str, code: str
) -> None:
    body = {"node_name": "n1", "spool_id": "s", "boot_id": "b", "total_cpus": 2, **wrong}
    answer = api.post("/commands", {"type": "RegisterNode", **body})
    assert answer.status_code == 422, answer.text
    if code == "invalid":
        assert field in answer.json()["rejection"]["message"]
    else:
        assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [(field, code)]
    assert api.count_events() == 0
