"""Large answers as gzip, for those who want it, and the very same bytes inside."""

import gzip

import httpx
import pytest

from api.answers.compressing import AT_LEAST_BYTES
from api.answers.preferences import quality
from tests.fix_api import TOKEN, Api

JOBS = "/api/v1/jobs?limit=1000"


def raw(api: Api, path: str, accept_encoding: str | None, **more: str) -> tuple[httpx.Response, bytes]:
    """The answer, and its bytes as they came."""
    headers = {"Authorization": f"Bearer {TOKEN}", **more}
    with httpx.Client(base_url=api.url, trust_env=False) as client:
        request = client.build_request("GET", path, headers=headers)
        request.headers.pop("accept-encoding", None)
        if accept_encoding is not None:
            request.headers["accept-encoding"] = accept_encoding
        answer = client.send(request, stream=True)
        return answer, b"".join(answer.iter_raw())


@pytest.fixture
def full(api: Api) -> Api:
    body = {"jobs": [{"script": "true\n"} for _ in range(20)]}
    assert api.post("/jobs/submit/batch", body).status_code == 201
    return api


@pytest.mark.parametrize("wanted", ["gzip", "br, gzip;q=0.5", "*", "x-gzip", "identity;q=0.5, gzip"])
def test_a_large_answer_is_compressed_for_who_wants_it(full: Api, wanted: str) -> None:
    answer, compressed = raw(full, JOBS, wanted)
    _, plain = raw(full, JOBS, None)
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) == len(compressed) < len(plain) / 3
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert len(gzip.decompress(compressed)) == len(plain) > AT_LEAST_BYTES


@pytest.mark.parametrize(
    "wanted", [None, "", "br", "gzip;q=0", "*;q=0", "identity, gzip;q=0.5", "gzip;q=nonsense"]
)
def test_nobody_else_gets_it(full: Api, wanted: str | None) -> None:
    answer, plain = raw(full, JOBS, wanted)
    assert "content-encoding" not in answer.headers
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert plain.startswith(b'{"jobs"')


def test_a_small_answer_stays_as_it_is(full: Api) -> None:
    answer, plain = raw(full, "/api/v1/jobs/stats", "gzip")
    assert "content-encoding" not in answer.headers
    assert plain.startswith(b"{")


def test_an_output_has_the_same_bytes_and_one_that_is_followed_is_left_alone(full: Api) -> None:
    full.register(spool_id="none of ours")
    allocation_id = full.start(1)
    written = b"\xff\x00line\n" * 5000
    headers = {"Content-Type": "application/octet-stream"}
    assert (
        full.client.put("/api/v1/jobs/1/output?offset=0", content=written, headers=headers).status_code == 200
    )
    full.end(allocation_id)
    answer, compressed = raw(full, "/api/v1/jobs/1/output", "gzip")
    assert (answer.headers["content-encoding"], gzip.decompress(compressed)) == ("gzip", written)
    assert answer.headers["conductor-output-bytes"] == str(len(written))
    followed, plain = raw(full, "/api/v1/jobs/1/output?follow=1", "gzip")
    assert "content-encoding" not in followed.headers
    assert plain == written


def test_lines_are_compressed_as_they_come(full: Api) -> None:
    lines = {"Accept": "application/x-ndjson"}
    answer, compressed = raw(full, "/api/v1/events", "gzip", **lines)
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(compressed) == raw(full, "/api/v1/events", None, **lines)[1]


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("gzip", 1.0),
        ("gzip;q=0.2", 0.2),
        ("GZIP ; Q=0.2", 0.2),
        ("*;q=0.3", 0.3),
        ("gzip;q=0, *", 0.0),
        ("", 0.0),
    ],
)
def test_qualities_are_read_as_they_are_meant(header: str, wanted: float) -> None:
    assert quality(header, ("gzip",)) == wanted
