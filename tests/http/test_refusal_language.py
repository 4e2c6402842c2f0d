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


def test_no_far_off_node_is_suggested(api: Api) -> None:
    api.register("node-1")
    far = api.post("/jobs/submit", {"script": "true", "nodelist": "zzz"}).json()["errors"][0]["message"]
    assert ("did you mean" in far, "`conductor nodes` lists them" in far) == (False, True)
    near = api.post("/jobs/submit", {"script": "true", "nodelist": "node1"}).json()["errors"][0]["message"]
    assert near.endswith("did you mean node-1?")
