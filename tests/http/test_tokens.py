"""Tokens over HTTP: made once, revoked everywhere, never told again, and every event says whose it was."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.guard.known_tokens import KnownTokens
from tests.fix_api import Api, api_settings, running_api

PATIENCE_SECONDS = 10.0


def made(api: Api, name: str = "alice", role: str = "submitter", **more: Any) -> dict[str, Any]:
    answer = api.post("/tokens", {"name": name, "role": role, **more})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


@contextmanager
def holder(api: Api, secret: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=f"{api.url}/api/v1", headers=headers, timeout=30, trust_env=False) as client:
        yield client


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)  # another process's poll, of which nothing tells


def test_a_secret_is_told_once_and_only_its_digest_is_kept(api: Api) -> None:
    told = made(api)
    secret = told.pop("token")
    assert secret.startswith("cdr_")
    assert len(secret) >= 4 + 43  # 256 bits
    [listed] = api.get("/tokens")["tokens"]
    assert secret not in str(listed)
    assert listed == {key: value for key, value in told.items() if key != "position"}
    assert (listed["state"], listed["created_by"], listed["user_name"]) == ("active", "admin", "alice")
    [(data,)] = api.sql("SELECT data::text FROM events WHERE stream = 'tokens'")
    assert secret not in data
    assert hashlib.sha256(secret.encode()).hexdigest() in data
    assert secret not in str(api.sql("SELECT * FROM events"))
    assert secret != made(api, "bob")["token"]


def test_a_new_token_works_at_once_and_is_named_by_every_event(api: Api) -> None:
    with holder(api, made(api)["token"]) as alice:
        answer = alice.post("/jobs/submit", json={"script": "true\n"})
        assert answer.status_code == 201
        job = alice.get(f"/jobs/{answer.json()['job_id']}").json()
    assert (job["submitted_by"], job["user_name"]) == ("alice", "alice")
    [event] = api.get("/events", stream="job-1")["events"]
    assert event["metadata"]["actor"] == "alice"


def test_a_revoked_token_is_refused_at_once_and_says_so(api: Api) -> None:
    with holder(api, made(api)["token"]) as alice:
        assert alice.get("/jobs").status_code == 200
        done = api.post("/tokens/alice/revoke", {"reason": "lost"}).json()
        assert (done["state"], done["revoked_by"], done["reason"]) == ("revoked", "admin", "lost")
        refused = alice.get("/jobs")
        assert (refused.status_code, refused.json()["code"]) == (401, "token_revoked")
        assert "revoked" in refused.json()["detail"]
    before = api.count_events()
    assert api.post("/tokens/alice/revoke").status_code == 200
    assert api.count_events() == before
    assert api.post("/tokens/nobody/revoke").status_code == 404


@pytest.mark.parametrize("poll_only", [False, True])
def test_another_process_hears_of_tokens_and_of_their_end(
    api: Api, home: Path, database_url: str, *, poll_only: bool
) -> None:
    with running_api(api_settings(home, poll_only=poll_only), database_url) as other:
        secret = made(api)["token"]
        with holder(other, secret) as alice:
            eventually(lambda: alice.get("/jobs").status_code == 200)
            api.post("/tokens/alice/revoke")
            eventually(lambda: alice.get("/jobs").status_code == 401)


def test_a_process_that_starts_later_knows_what_was_made_and_revoked_before(
    api: Api, home: Path, database_url: str
) -> None:
    alice, bob = made(api)["token"], made(api, "bob")["token"]
    api.post("/tokens/bob/revoke")
    with running_api(api_settings(home), database_url) as other:
        with holder(other, alice) as client:
            eventually(lambda: client.get("/jobs").status_code == 200)
        with holder(other, bob) as client:
            assert client.get("/jobs").status_code == 401


def test_an_expired_token_is_refused_by_the_clock(api: Api) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    with holder(api, made(api, expires_at=soon.isoformat())["token"]) as alice:
        assert alice.get("/jobs").status_code == 200
        eventually(lambda: alice.get("/jobs").status_code == 401)
        assert "expired" in alice.get("/jobs").json()["detail"]
    assert api.get("/tokens")["tokens"][0]["state"] == "expired"
    past = api.post("/tokens", {"name": "late", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"})
    assert (past.status_code, past.json()["errors"][0]["field"]) == (422, "expires_at")


def test_an_answer_that_is_still_being_sent_ends_with_its_token(api: Api) -> None:
    api.register()
    job_id = api.submit()
    api.start(job_id)
    output = api.settings.spool / "output" / f"job_{job_id}.out"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(b"before\n")
    secret = made(api, role="viewer")["token"]
    with holder(api, secret) as alice, alice.stream("GET", f"/jobs/{job_id}/output?follow=true") as answer:
        pieces = answer.iter_bytes()
        assert next(pieces) == b"before\n"
        api.post("/tokens/alice/revoke")
        with output.open("ab") as file:
            file.write(b"after\n")
        with pytest.raises(httpx.RemoteProtocolError):
            assert list(pieces) == []


def test_a_log_that_forked_brings_its_own_tokens(api: Api) -> None:
    """As after a restore: what was revoked since is valid again, and what was made since is unknown."""
    secret = made(api)["token"]
    api.post("/tokens/alice/revoke")
    with holder(api, secret) as alice:
        assert alice.get("/jobs").status_code == 401
        api.sql("ALTER TABLE events DISABLE TRIGGER ALL")
        api.sql("DELETE FROM events WHERE type = 'TokenRevoked'")
        eventually(lambda: alice.get("/jobs").status_code == 200)
        another = "jsonb_set(data, '{sha256}', to_jsonb(repeat('0', 64)))"
        api.sql(f"UPDATE events SET data = {another}, hash = sha256('another log')")  # noqa: S608
        eventually(lambda: alice.get("/jobs").status_code == 401)
        api.sql("DELETE FROM events")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "x"}, "role"),
        ({"name": "x", "role": "root"}, "role"),
        ({"name": "x", "role": "viewer", "token": "cdr_mine"}, "token"),
        ({"name": "admin", "role": "viewer"}, "name"),
        ({"name": "a b", "role": "viewer"}, "name"),
        ({"name": "x", "role": "executor"}, "node_name"),
        ({"name": "x", "role": "viewer", "node_name": "node-1"}, "node_name"),
        ({"name": "x", "role": "viewer", "expires_at": "tomorrow"}, "expires_at"),
        ({"name": "x", "role": "viewer", "expires_at": "2030-01-01T00:00:00"}, "expires_at"),
        ({"name": "x", "role": "submitter", "user_name": "a/b"}, "user_name"),
    ],
)
def test_a_wrong_wish_for_a_token_is_named_by_its_field(
    shared_api: Api, body: dict[str, Any], field: str
) -> None:
    answer = shared_api.post("/tokens", body)
    assert answer.status_code == 422, answer.text
    assert field in {error["field"] for error in answer.json()["errors"]}
    assert shared_api.count_events() == 2


def test_replay_and_the_audit_know_the_stream(api: Api) -> None:
    made(api)
    api.post("/tokens/alice/revoke")
    api.submit()
    assert api.differences() == []
    assert api.get("/audit")["findings"] == []
    assert api.get("/jobs/stats", as_of=2)["total_jobs"] == 0


def test_no_token_is_never_somebodys() -> None:
    """Whatever the home holds."""
    assert KnownTokens("").identity("") == "unauthorized"
