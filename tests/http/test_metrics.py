"""One scrape tells of every process and of the system, by the token, and also while the database is away."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.fix_api import Api, api_settings, running_api

Samples = Mapping[str, list[Any]]


def scrape(api: Api) -> Samples:
    answer = api.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, list[Any]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum over everything that carries these labels."""
    found = (one.value for one in samples.get(name, ()) if labels.items() <= one.labels.items())
    return float(sum(found))


def grown(before: Samples, after: Samples, name: str, **labels: str) -> float:
    return value(after, name, **labels) - value(before, name, **labels)


def test_a_job_from_submission_to_its_end_is_counted_once(api: Api) -> None:
    before = scrape(api)
    api.register(cpus=4)
    job_id = api.submit(cpus=2)
    allocation = api.start(job_id)
    running = scrape(api)
    assert value(running, "conductor_jobs", state="RUNNING") == 1
    assert value(running, "conductor_cpus", node="node-1", status="used") == 2
    assert value(running, "conductor_cpus", node="node-1") == 4
    api.end(allocation, exit_code=3)
    waiting = api.submit(cpus=2)
    after = scrape(api)
    assert grown(before, after, "conductor_jobs_submitted_total") == 2
    assert grown(before, after, "conductor_events_total", type="ResourcesReserved") == 1
    for histogram in ("submit_to_reserve", "reserve_to_start", "submit_to_start", "run"):
        assert grown(before, after, f"conductor_job_{histogram}_seconds_count") == 1
    ended = {"state": "FAILED", "reason": "NonZeroExitCode"}
    assert grown(before, after, "conductor_jobs_ended_total", **ended) == 1
    assert value(after, "conductor_jobs", state="PENDING") == 1
    assert value(after, "conductor_queue_oldest_seconds") > 0
    assert value(after, "conductor_log_position") == api.count_events()
    assert grown(before, after, "conductor_append_seconds_count") == grown(
        before, after, "conductor_batch_events_count"
    )
    api.post(f"/jobs/{waiting}/cancel")
    assert grown(after, scrape(api), "conductor_jobs_ended_total", state="CANCELLED") == 1


def test_a_reservation_that_leads_back_is_no_end(api: Api) -> None:
    api.register()
    job_id = api.submit()
    before = scrape(api)
    api.command("Reserve", job_id=job_id, node_name="node-1")
    api.post(f"/jobs/{job_id}/cancel")
    after = scrape(api)
    assert grown(before, after, "conductor_jobs_ended_total", state="CANCELLED") == 1
    assert grown(before, after, "conductor_job_run_seconds_count") == 0


def test_requests_are_counted_by_template_and_refusals_by_code(api: Api) -> None:
    before = scrape(api)
    for job_id in (901, 902, 903):
        api.client.get(f"/api/v1/jobs/{job_id}")
    api.client.get("/api/v1/no/such/path")
    after = scrape(api)
    labels = {"route": "/api/v1/jobs/{job_id}", "status": "404", "method": "GET"}
    assert grown(before, after, "conductor_http_requests_total", **labels) == 3
    assert grown(before, after, "conductor_http_request_seconds_count", route=labels["route"]) == 3
    assert grown(before, after, "conductor_http_requests_total", route="none", status="404") == 1
    assert grown(before, after, "conductor_http_problems_total", code="not_found") == 3
    routes = {one.labels["route"] for one in after["conductor_http_requests_total"]}
    assert not [route for route in routes if "901" in route or "no/such" in route]
    refused = api.post("/commands", {"type": "Reserve", "job_id": 901, "node_name": "node-1"})
    assert refused.status_code == 404
    assert grown(after, scrape(api), "conductor_commands_total", command="Reserve", outcome="accepted") == 0


def test_it_asks_for_a_token_and_takes_no_executors(api: Api) -> None:
    assert httpx.get(f"{api.url}/metrics", trust_env=False).status_code == 401


def test_other_processes_are_in_the_same_scrape_until_they_are_silent(api: Api) -> None:
    publish = "SELECT publish_metrics(%s, %s, %s, %s)"
    lag = '{"conductor_follower_position": [[["scheduler"], 1]], "conductor_scheduler_leads": [[[], 1]]}'
    api.register()
    api.submit()
    api.sql(publish, "scheduler", "head-1", 77, lag)
    samples = scrape(api)
    labels = {"process": "scheduler", "node": "head-1", "pid": "77"}
    assert value(samples, "conductor_scheduler_leads", **labels) == 1
    assert value(samples, "conductor_follower_lag_events", **labels) == api.count_events() - 1
    assert value(samples, "conductor_processes", process="scheduler") == 1
    api.sql("UPDATE process_metrics SET updated_at = now() - interval '20 seconds'")
    assert value(scrape(api), "conductor_processes", process="scheduler") == 0
    api.sql("UPDATE process_metrics SET updated_at = now() - interval '2 minutes'")
    api.sql(publish, "executor", "n1", 78, "{}")
    assert api.sql("SELECT count(*) FROM process_metrics WHERE pid = 77") == [(0,)]


def test_leases_terms_and_nodes_are_told(api: Api) -> None:
    incarnation = api.register("n1")
    api.client.put("/api/v1/nodes/n1/lease", json={"incarnation": incarnation, "allocations": []})
    api.sql("SELECT take_leadership('scheduler-1', 30)")
    api.sql("UPDATE node_leases SET expires_at = now() - interval '5 seconds'")
    api.post("/nodes/n1/drain", {"reason": "work"})
    samples = scrape(api)
    assert 0 <= value(samples, "conductor_node_lease_age_seconds", node="n1") < 20
    assert value(samples, "conductor_node_lease_remaining_seconds", node="n1") < 0
    assert 0 < value(samples, "conductor_leader_lease_remaining_seconds") <= 30
    assert value(samples, "conductor_cpus", node="n1", status="unavailable") == 4
    assert value(samples, "conductor_nodes", state="DRAINED") == 1
    assert value(samples, "conductor_notification_queue_usage_ratio") < 0.5


@pytest.mark.slow
def test_without_a_database_processes_are_still_told_of(home: Path) -> None:
    nowhere = "postgresql://nobody:a-secret@127.0.0.1:1/nothing"
    with running_api(api_settings(home), nowhere) as api:
        samples = scrape(api)
    assert value(samples, "conductor_database_up") == 0
    assert "conductor_jobs" not in samples
    assert value(samples, "conductor_process_resident_memory_bytes", process="api") > 1e6


def test_output_that_is_served_is_counted_in_bytes(api: Api) -> None:
    api.register()
    job_id = api.submit()
    api.end(api.start(job_id))
    folder = api.settings.spool / "output"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"job_{job_id}.out").write_bytes(b"x" * 1234)
    before = scrape(api)
    assert api.client.get(f"/api/v1/jobs/{job_id}/output").content == b"x" * 1234
    assert grown(before, scrape(api), "conductor_output_bytes_total") == 1234
