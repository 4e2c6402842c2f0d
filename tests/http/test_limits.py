"""Who asks too often, or fills the queue, is told to wait; nobody else is."""

from pathlib import Path

import httpx

from tests.fix_api import Api, api_settings, running_api
from tests.given_tokens import of_role

JOB = {"script": "true\n"}


def test_one_token_that_asks_too_often_waits_and_no_other(home: Path, database_url: str) -> None:
    with running_api(api_settings(home, api_rate_limit=5), database_url) as api:
        with of_role(api, "viewer") as viewer:
            answers = [viewer.get("/jobs/1") for _ in range(30)]
            late = next(answer for answer in answers if answer.status_code == 429)
            assert late.json()["code"] == "too_many_requests"
            assert int(late.headers["retry-after"]) >= 1
            assert api.client.get("/api/v1/jobs").status_code == 200
            assert viewer.get(f"{api.url}/health").status_code == 200
        assert api.count_events() == 1


def test_wrong_tokens_make_their_address_wait_but_a_right_one_is_let_in(
    home: Path, database_url: str
) -> None:
    with running_api(api_settings(home, api_failure_limit=5), database_url) as api:
        with httpx.Client(base_url=f"{api.url}/api/v1", trust_env=False) as stranger:
            wrong = [
                stranger.get("/jobs", headers={"Authorization": f"Bearer cdr_{number}"})
                for number in range(12)
            ]
        assert [answer.status_code for answer in wrong][:5] == [401] * 5
        assert wrong[-1].status_code == 429
        assert wrong[-1].json()["code"] == "too_many_failures"
        assert int(wrong[-1].headers["retry-after"]) >= 1
        assert api.client.get("/api/v1/jobs").status_code == 200


def test_a_user_may_have_so_many_jobs_waiting(home: Path, database_url: str) -> None:
    with running_api(api_settings(home, api_queue_limit=5), database_url) as api:
        with of_role(api, "submitter", "alice") as alice, of_role(api, "submitter", "bob") as bob:
            assert alice.post("/jobs/submit/batch", json={"jobs": [JOB] * 4}).status_code == 201
            full = alice.post("/jobs/submit", json={**JOB, "array": "0-1"})
            assert (full.status_code, full.json()["code"]) == (429, "queue_full")
            assert "retry-after" in full.headers
            assert alice.post("/jobs/submit", json=JOB).status_code == 201
            assert alice.post("/jobs/submit", json=JOB).status_code == 429
            command = {"type": "Submit", **JOB}
            assert alice.post("/commands", json={"commands": [command]}).status_code == 429
            assert bob.post("/jobs/submit", json=JOB).status_code == 201
            assert alice.post("/jobs/2/cancel").status_code == 200
            assert alice.post("/jobs/submit", json=JOB).status_code == 201, "counted anew"
        assert [api.submit(user_name="alice") for _ in range(10)]
        assert api.get("/jobs/stats")["pending_jobs"] == 16


def test_a_few_requests_in_a_row_never_meet_a_limit(api: Api) -> None:
    """A burst as a script or a bench makes it: the defaults let it through."""
    answers = [api.client.get("/api/v1/jobs/1") for _ in range(500)]
    assert {answer.status_code for answer in answers} == {404}
