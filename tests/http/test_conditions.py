"""`ETag`, `If-None-Match` and `If-Match`: a client acts on what it saw, or is told that it has changed."""

from typing import Any

import pytest

from tests.fix_api import Api


def tag(api: Api, path: str) -> str:
    return api.client.get(f"/api/v1{path}").headers["etag"]


def test_the_tag_of_a_job_is_its_version_and_moves_with_its_events(api: Api) -> None:
    job_id = api.submit()
    assert tag(api, f"/jobs/{job_id}") == '"1"'
    held = api.post(f"/jobs/{job_id}/hold")
    assert held.headers["etag"] == tag(api, f"/jobs/{job_id}") == '"2"'
    assert api.get(f"/jobs/{job_id}")["version"] == 2


@pytest.mark.parametrize("known", ['"1"', 'W/"1"', '"7", "1"', "*"])
def test_who_knows_it_is_told_that_nothing_has_changed(shared_api: Api, known: str) -> None:
    answer = shared_api.client.get("/api/v1/jobs/1", headers={"If-None-Match": known})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"1"')


def test_who_knows_another_version_gets_the_job(shared_api: Api) -> None:
    answer = shared_api.client.get("/api/v1/jobs/1", headers={"If-None-Match": '"2"'})
    assert (answer.status_code, answer.json()["id"]) == (200, 1)


ACTS: list[tuple[str, Any]] = [
    ("cancel", None),
    ("hold", {"reason": "later"}),
    ("unhold", None),
    ("requeue", None),
    ("reprioritize", {"priority": 3}),
]


@pytest.mark.parametrize(("act", "body"), ACTS)
def test_what_has_changed_meanwhile_is_not_acted_upon(api: Api, act: str, body: Any) -> None:
    job_id = api.submit()
    api.command("Reprioritize", job_id=job_id, priority=1)
    events = api.count_events()
    answer = api.post(f"/jobs/{job_id}/{act}", body, headers={"If-Match": '"1"'})
    document = answer.json()
    assert (answer.status_code, document["code"], document["version"]) == (409, "version_conflict", 2)
    assert api.count_events() == events
    if act != "requeue":  # a waiting job cannot be
        done = api.post(f"/jobs/{job_id}/{act}", body, headers={"If-Match": tag(api, f"/jobs/{job_id}")})
        assert done.status_code == 200, done.text


@pytest.mark.parametrize("match", ["*", '"9", "1"'])
def test_any_version_and_one_of_several(api: Api, match: str) -> None:
    job_id = api.submit()
    assert api.post(f"/jobs/{job_id}/hold", headers={"If-Match": match}).status_code == 200


@pytest.mark.parametrize(
    "match", ["1", '"1', 'W/"1"', '"x"', '"0"', '"1" "2"', "", ",", '"' + "9" * 30 + '"']
)
@pytest.mark.parametrize("path", ["/jobs/1/hold", "/nodes/node-1/drain"])
def test_what_is_no_tag_of_ours_is_refused_by_name(shared_api: Api, path: str, match: str) -> None:
    answer = shared_api.post(path, headers={"If-Match": match})
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["field"], error["code"]) == (422, "If-Match", "bad_tag")
    assert shared_api.count_events() == 2


def test_a_whole_array_has_no_one_version(api: Api) -> None:
    job_id = api.submit(array="0-2")
    assert "etag" not in api.client.get(f"/api/v1/jobs/{job_id}").headers
    for several in (f"{job_id}", f"{job_id}_[0-1]"):
        answer = api.post(f"/jobs/{several}/cancel", headers={"If-Match": '"1"'})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "match_of_several")
    one = api.post(f"/jobs/{job_id}_1/cancel", headers={"If-Match": tag(api, f"/jobs/{job_id}_1")})
    assert one.status_code == 200


def test_nodes_have_versions_too(api: Api) -> None:
    api.register()
    known = tag(api, "/nodes/node-1")
    assert api.client.get("/api/v1/nodes/node-1", headers={"If-None-Match": known}).status_code == 304
    drained = api.post("/nodes/node-1/drain", headers={"If-Match": known})
    assert (drained.status_code, drained.headers["etag"]) == (200, tag(api, "/nodes/node-1"))
    for act in ("resume", "lost", "remove"):
        answer = api.post(f"/nodes/node-1/{act}", headers={"If-Match": known})
        assert (answer.status_code, answer.json()["code"]) == (409, "version_conflict")


def test_an_unknown_job_is_not_found_whatever_is_to_match(shared_api: Api) -> None:
    for match in ("*", '"1"'):
        answer = shared_api.post("/jobs/999/cancel", headers={"If-Match": match})
        assert answer.status_code in (404, 409)
    assert shared_api.post("/jobs/999/cancel", headers={"If-Match": "*"}).status_code == 404
