"""Reasons that are opinions about the rest of the cluster are computed where they are shown."""

import psycopg

from tests.fix_api import Api


def test_a_job_without_any_node_says_so_and_stops_saying_so_when_one_comes(api: Api) -> None:
    job_id = api.submit()
    assert api.get(f"/jobs/{job_id}")["reason"] == "NoNodes"
    assert api.get("/jobs")["jobs"][0]["reason"] == "NoNodes"
    incarnation = api.register()
    assert api.get(f"/jobs/{job_id}")["reason"] == "ReqNodeNotAvail"  # until it is heard from
    lease = {"incarnation": incarnation, "allocations": []}
    assert api.client.put("/api/v1/nodes/node-1/lease", json=lease).status_code == 200
    assert api.get(f"/jobs/{job_id}")["reason"] == "Starting"
    assert api.get("/jobs")["jobs"][0]["reason"] == "Starting"


def test_a_job_that_runs_on_a_silent_node_says_so(api: Api) -> None:
    incarnation = api.register()
    job_id = api.submit()
    reserved = api.command("Reserve", job_id=job_id, node_name="node-1")
    api.command(
        "Allocate",
        allocation_id=reserved["events"][0]["data"]["allocation_id"],
        incarnation=incarnation,
        process={"pid": 1, "boot_id": "boot", "start_ticks": 1},
    )
    lease = {"incarnation": incarnation, "allocations": []}
    assert api.client.put("/api/v1/nodes/node-1/lease", json=lease).status_code == 200
    assert api.get(f"/jobs/{job_id}")["reason"] is None
    with psycopg.connect(api.database_url) as connection:
        connection.execute("UPDATE node_leases SET expires_at = now()")
    assert api.get(f"/jobs/{job_id}")["reason"] == "NodeDown"
