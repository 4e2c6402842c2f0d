"""How the parts stand is always told; what the database's absence makes impossible says so and when to retry."""

from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.fix_api import Api, api_settings, running_api


def strange(api: Api) -> httpx.Client:
    """Somebody without a token."""
    return httpx.Client(base_url=api.url, trust_env=False, timeout=30)


def test_each_part_is_told_without_a_token(api: Api) -> None:
    with strange(api) as stranger:
        before = stranger.get("/health").json()
        assert before["status"] == "degraded"
        assert (before["database"]["state"], before["scheduler"]["state"]) == ("up", "never led")
        assert before["nodes"]["state"] == "none"
        incarnation = api.register("n1")
        assert stranger.get("/health").json()["nodes"]["silent"] == ["n1"]
        api.client.put("/api/v1/nodes/n1/lease", json={"incarnation": incarnation, "allocations": []})
        api.sql("SELECT take_leadership('scheduler-1', 30)")
        after = stranger.get("/health").json()
    assert after["status"] == "ok"
    assert (after["scheduler"]["state"], after["scheduler"]["holder"]) == ("leads", "scheduler-1")
    assert after["nodes"]["nodes"][0]["live"] is True
    assert after["database"]["position"] == 1


def test_a_scheduler_whose_lease_has_passed_is_told(api: Api) -> None:
    api.sql("SELECT take_leadership('scheduler-1', 0)")
    assert api.client.get("/health").json()["scheduler"]["state"] == "lease passed"


def test_a_ready_server_says_so(api: Api) -> None:
    with strange(api) as stranger:
        assert stranger.get("/ready").json() == {"status": "ready"}


def test_without_migrations_it_is_not_ready_and_says_what_to_do(home: Path, empty_database_url: str) -> None:
    with running_api(api_settings(home), empty_database_url) as api:
        answer = api.client.get("/ready")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert "conductor migrate" in answer.json()["detail"]
        assert api.client.get("/health").status_code == 200


def test_a_database_that_lets_nobody_look_is_told_and_is_no_mistake_of_ours(api: Api) -> None:
    with psycopg.connect(api.database_url, autocommit=True) as admin:
        [(owner,)] = admin.execute("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'nodes'")
        service = sql.Identifier(str(owner).removesuffix("_owner") + "_service")
        admin.execute(sql.SQL("REVOKE SELECT ON nodes FROM {}").format(service))
    health = api.client.get("/health")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert health.json()["database"] == {"ok": False, "state": "unusable"}


@pytest.mark.slow
def test_without_postgresql_everything_else_is_a_503_that_says_when_to_retry(home: Path) -> None:
    nowhere = "postgresql://nobody:a-secret@127.0.0.1:1/nothing"
    with running_api(api_settings(home), nowhere) as api:
        health = api.client.get("/health")
        assert health.status_code == 200
        assert health.json()["database"]["state"] == "unreachable"
        ready = api.client.get("/ready")
        assert ready.status_code == 503
        assert "PostgreSQL" in ready.json()["detail"]
        answer = api.client.get("/api/v1/jobs")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.json()["code"] == "database_unavailable"
        assert all("a-secret" not in one.text for one in (health, ready, answer))


def test_a_lost_connection_is_made_again(api: Api) -> None:
    api.submit()
    api.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    answers = [api.post("/jobs/submit", {"script": "true\n"}).status_code for _ in range(3)]
    assert answers[-1] == 201
    assert set(answers) <= {201, 503}


def test_unknown_paths_and_methods_are_problems_too(api: Api) -> None:
    nowhere = api.client.get("/api/v1/nowhere")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "no_such_path")
    method = api.client.delete("/api/v1/jobs")
    assert (method.status_code, method.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in method.headers["allow"]
    assert api.client.get("/api/v1/jobs/1/why").status_code == 404
