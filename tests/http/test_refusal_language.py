"""What the core refuses is told in the caller's language, wherever the refusal comes out."""

import re
from typing import Any

import pytest

from tests.fix_api import Api

CHINESE = {"Accept-Language": "zh"}


@pytest.mark.parametrize(
    "wish",
    [
        {"cpus": 1000},
        {"memory_mb": 2**30},
        {"gres": "gpu:2"},
        {"labels": "zone=x"},
        {"nodelist": "nope"},
        {"nodelist": "n[1"},
        {"gres": "gpu:x"},
        {"labels": "=x"},
        {"signal": "FOO"},
        {"dependency": "afterok:999"},
        {"array": "5-1"},
        {"array": "0-999999999"},
    ],
)
def test_a_submission_is_refused_in_chinese_without_an_english_clause(api: Api, wish: dict[str, Any]) -> None:
    api.register()
    answer = api.post("/jobs/submit", {"script": "true", **wish}, headers=CHINESE)
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert re.search(r"[\u4e00-\u9fff]", error["message"])
    assert not re.search(r"\b(is|the|must|asks|no)\b", error["message"])


def test_so_are_commands_and_changes_of_jobs_and_nodes(api: Api) -> None:
    api.register()
    job_id = api.submit()
    api.end(api.start(job_id))
    held = api.post(f"/jobs/{job_id}/hold", headers=CHINESE)
    assert (held.status_code, "只有等待中的作业" in held.json()["detail"]) == (409, True)
    command = {"type": "Hold", "job_id": job_id}
    alone = api.post("/commands", command, headers=CHINESE).json()
    assert "只有等待中的作业" in alone["rejection"]["message"]
    many = api.post("/commands", {"commands": [command]}, headers=CHINESE).json()
    assert "只有等待中的作业" in str(many)
    assert "only a waiting job" in api.post("/commands", command).json()["rejection"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tokens", {"name": "a b", "role": "viewer"}),
        ("/tokens", {"name": "admin", "role": "viewer"}),
        ("/tokens", {"name": "taken", "role": "viewer"}),
        ("/tokens", {"name": "x", "role": "executor"}),
        ("/tokens", {"name": "x", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}),
        ("/tokens/nobody/revoke", {}),
    ],
)
def test_so_is_what_an_administrator_may_not_make_or_end(api: Api, path: str, body: dict[str, Any]) -> None:
    assert api.post("/tokens", {"name": "taken", "role": "viewer"}).status_code == 201
    answer = api.post(path, body, headers=CHINESE)
    assert answer.status_code in (404, 409, 422)
    said = " ".join(one["message"] for one in answer.json()["errors"])
    assert re.search(r"[\u4e00-\u9fff]", said)
    assert not re.search(r"\b(is|the|must|There|no|are)\b", said)


def test_so_is_what_a_submitter_may_not_do(api: Api) -> None:
    api.register()
    job_id = api.submit()
    secret = api.post("/tokens", {"name": "alice", "role": "submitter"}).json()["token"]
    hers = {**CHINESE, "Authorization": f"Bearer {secret}"}
    cancelled = api.post(f"/jobs/{job_id}/cancel", headers=hers)
    assert (cancelled.status_code, "而此令牌代表 alice" in cancelled.json()["detail"]) == (403, True)
    for wish, said in (({"priority": 5}, "大于 0 的优先级"), ({"user_name": "root"}, "只能以 alice 的身份")):
        answer = api.post("/jobs/submit", {"script": "true", **wish}, headers=hers)
        assert (answer.status_code, said in answer.json()["errors"][0]["message"]) == (403, True)


def test_choices_and_bounds_have_no_english_and_no_fraction(api: Api) -> None:
    wrong = {"order": "best", "aging_per_hour": -1}
    answer = api.post("/policy", {"changes": wrong}, headers=CHINESE)
    said = {one["field"]: one["message"] for one in answer.json()["errors"]}
    assert said["changes.order"].endswith("：first_fit, strict_fifo, backfill")
    assert said["changes.aging_per_hour"].endswith("不得小于 0")


def test_a_chinese_bracket_follows_its_field_without_a_blank(api: Api) -> None:
    [error] = api.post("/jobs/submit", {"script": "true", "array": "5-1"}, headers=CHINESE).json()["errors"]
    assert error["message"].startswith("array（")


def test_no_far_off_node_is_suggested(api: Api) -> None:
    api.register("node-1")
    far = api.post("/jobs/submit", {"script": "true", "nodelist": "zzz"}).json()["errors"][0]["message"]
    assert ("did you mean" in far, "`conductor nodes` lists them" in far) == (False, True)
    near = api.post("/jobs/submit", {"script": "true", "nodelist": "node1"}).json()["errors"][0]["message"]
    assert near.endswith("did you mean node-1?")
