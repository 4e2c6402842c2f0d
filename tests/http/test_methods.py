"""What a path takes is told by its `Allow`, whole; queries and paths that are odd are refused, not guessed at."""

import pytest

from api.operations import Operation
from api.routes import OPERATIONS
from tests.fix_api import Api


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/jobs/1/output", "GET, HEAD, PUT"),
        ("/api/v1/policy", "GET, HEAD, POST"),
        ("/api/v1/jobs/submit", "POST"),
        ("/api/v1/jobs/stats", "GET, HEAD"),
        ("/health", "GET, HEAD"),
    ],
)
@pytest.mark.parametrize("method", ["DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_a_path_names_every_method_that_it_takes(
    shared_api: Api, method: str, path: str, allowed: str
) -> None:
    answer = shared_api.client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert answer.json()["code"] == "method_not_allowed"


def test_a_path_of_letters_is_no_job_for_other_methods(shared_api: Api) -> None:
    answer = shared_api.client.get("/api/v1/jobs/submit")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_head_is_get_without_a_body(shared_api: Api) -> None:
    for path in ("/api/v1/jobs", "/api/v1/nodes/node-1", "/health", "/openapi.json"):
        whole, head = shared_api.client.get(path), shared_api.client.head(path)
        assert head.status_code == whole.status_code == 200
        assert head.content == b""
        assert head.headers["content-type"] == whole.headers["content-type"]
    assert shared_api.client.head("/api/v1/nodes/none").status_code == 404


def test_nobody_is_sent_to_another_path(shared_api: Api) -> None:
    for path in ("/api/v1/jobs/", "/api/v1/nodes/", "/docs/", "//api/v1/jobs"):
        assert shared_api.client.get(path).status_code == 404, path


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("limit=1&limit=2", "limit", "given_twice"),
        ("limit=5&limit=5", "limit", "given_twice"),
        ("state=PENDING&state=RUNNING", "state", "given_twice"),
        ("limit=1.0", "limit", "not_an_integer"),
        ("limit=1e2", "limit", "not_an_integer"),
        ("limit=1_0", "limit", "not_an_integer"),
        ("limit=%201", "limit", "not_an_integer"),
        ("limit=%D9%A1", "limit", "not_an_integer"),
        ("cursor=0x10", "cursor", "not_an_integer"),
        ("limit=", "limit", "not_an_integer"),
        ("limit=-1", "limit", "too_small"),
        ("at_least=99999999999999999999", "at_least", "too_big"),
    ],
)
def test_numbers_of_a_query_are_whole_and_given_once(
    shared_api: Api, query: str, field: str, code: str
) -> None:
    answer = shared_api.client.get(f"/api/v1/jobs?{query}")
    assert answer.status_code == 422
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]


@pytest.mark.parametrize("given", ["yes", "on", "TRUE", "", "2", "t"])
def test_a_flag_is_true_or_false(shared_api: Api, given: str) -> None:
    answer = shared_api.client.get(f"/api/v1/jobs/1/output?follow={given}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "not_a_flag"


@pytest.mark.parametrize("text", ["%ff", "%00", "%ed%a0%80", "%F0%9F%98%80", "%e2%80%ae", "%D9%A1", "1%0a"])
def test_no_job_node_or_user_has_such_a_name(shared_api: Api, text: str) -> None:
    assert shared_api.client.get(f"/api/v1/jobs/{text}").status_code == 404
    assert shared_api.client.get(f"/api/v1/nodes/{text}").status_code == 404
    for name in ("user_name", "node_name", "name"):
        assert shared_api.client.get(f"/api/v1/jobs?{name}={text}").status_code in (200, 422)
    assert shared_api.client.get(f"/api/v1/events?stream={text}").status_code in (200, 422)


@pytest.mark.parametrize(
    "operation",
    [one for one in OPERATIONS if one.method != "GET" and one.path.startswith("/api/v1/")],
    ids=lambda one: one.path,
)
def test_writes_refuse_a_parameter_that_they_do_not_know(shared_api: Api, operation: Operation) -> None:
    path = operation.path.replace("{job_id}", "1").replace("{name}", "node-1")
    answer = shared_api.client.request(operation.method, f"{path}?timeout=5")
    assert answer.status_code == 422, answer.text
    told = [(one["field"], one["code"]) for one in answer.json()["errors"]]
    assert ("timeout", "unknown_parameter") in told
