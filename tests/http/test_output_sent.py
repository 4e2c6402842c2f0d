"""An executor of another make sends its jobs' output, piece by piece, and it is read like any other."""

import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.endpoints.receiving import MOST_BYTES
from tests.fix_api import Api, api_settings, running_api
from tests.fix_postgres import temporary_home
from tests.serving import serving_node

BYTES = {"Content-Type": "application/octet-stream"}


def put(api: Api, job_id: int, data: bytes, offset: int, query: str = "", **headers: str) -> httpx.Response:
    return api.client.put(
        f"/api/v1/jobs/{job_id}/output?offset={offset}{query}", content=data, headers={**BYTES, **headers}
    )


def started(api: Api, **fields: Any) -> tuple[int, int]:
    job_id = api.submit(**fields)
    return job_id, api.start(job_id)


def get_output(api: Api, job_id: int, query: str = "") -> bytes:
    answer = api.client.get(f"/api/v1/jobs/{job_id}/output{query}")
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.fixture
def foreign(api: Api) -> Api:
    """An API with a node whose executor is not ours."""
    api.register(spool_id="none of ours")
    return api


def test_what_is_sent_is_read_by_everybody(foreign: Api) -> None:
    job_id, allocation_id = started(foreign)
    assert put(foreign, job_id, b"one\n\xff", 0).json() == {
        "job_id": job_id,
        "attempt": 1,
        "stream": "stdout",
        "offset": 5,
    }
    assert put(foreign, job_id, b"two\n", 5).status_code == 200
    assert put(foreign, job_id, b"oh no\n", 0, "&stream=stderr").status_code == 200
    assert get_output(foreign, job_id) == b"one\n\xfftwo\n"
    job = foreign.get(f"/jobs/{job_id}")
    assert (job["stdout"], job["stderr"], job["stdout_bytes"]) == ("one\n\ufffdtwo\n", "oh no\n", 9)
    foreign.end(allocation_id)
    assert put(foreign, job_id, b"late\n", 9).status_code == 200  # the end was told before the last of it
    assert get_output(foreign, job_id, "?follow=1") == b"one\n\xfftwo\nlate\n"


def test_a_piece_that_leaves_a_gap_or_contradicts_is_refused_with_the_place_to_go_on_from(
    foreign: Api,
) -> None:
    job_id, _ = started(foreign)
    assert put(foreign, job_id, b"0123", 0).status_code == 200
    for data, offset in ((b"x", 5), (b"12x", 1), (b"x", 0)):
        answer = put(foreign, job_id, data, offset)
        assert (answer.status_code, answer.json()["code"], answer.json()["offset"]) == (409, "output_gap", 4)
    assert get_output(foreign, job_id) == b"0123"


def test_a_piece_sent_again_changes_nothing(foreign: Api) -> None:
    job_id, _ = started(foreign)
    for data, offset, end in ((b"0123", 0, 4), (b"0123", 0, 4), (b"12", 1, 4), (b"2345", 2, 6), (b"", 6, 6)):
        assert put(foreign, job_id, data, offset).json()["offset"] == end
    assert get_output(foreign, job_id) == b"012345"


def test_every_attempt_has_an_output_of_its_own(foreign: Api) -> None:
    job_id, allocation_id = started(foreign)
    put(foreign, job_id, b"first\n", 0)
    foreign.post(f"/jobs/{job_id}/requeue")
    foreign.end(allocation_id)
    foreign.start(job_id)
    assert put(foreign, job_id, b"second\n", 0).json()["attempt"] == 2
    assert put(foreign, job_id, b"of the first\n", 6, "&attempt=1").status_code == 200
    assert get_output(foreign, job_id) == b"second\n"
    assert get_output(foreign, job_id, "?attempt=1") == b"first\nof the first\n"


def test_only_what_runs_or_ran_elsewhere_has_output_to_be_sent(foreign: Api) -> None:
    assert put(foreign, 999, b"x", 0).status_code == 404
    waiting = foreign.submit()
    early = put(foreign, waiting, b"x", 0)
    assert (early.status_code, early.json()["code"]) == (409, "wrong_state")
    job_id, _ = started(foreign)
    assert put(foreign, job_id, b"x", 0, "&attempt=2").status_code == 409
    with temporary_home() as home, serving_node(foreign.database_url, home):
        served = put(foreign, job_id, b"x", 0)
        assert (served.status_code, "serves the output" in served.json()["detail"]) == (409, True)


def test_pieces_are_bytes_of_a_limited_size_from_somebody_with_the_token(foreign: Api) -> None:
    job_id, _ = started(foreign)
    assert put(foreign, job_id, b"{}", 0, **{"Content-Type": "application/json"}).status_code == 415
    assert put(foreign, job_id, b"x", 0, Authorization="Bearer no").status_code == 401
    large = put(foreign, job_id, bytes(MOST_BYTES + 1), 0)
    assert (large.status_code, "smaller pieces" in large.json()["detail"]) == (413, True)
    assert put(foreign, job_id, bytes(MOST_BYTES), 0).json()["offset"] == MOST_BYTES
    for query in ("", "?offset=-1", "?offset=x", "?offset=0&stream=both"):
        answer = foreign.client.put(f"/api/v1/jobs/{job_id}/output{query}", content=b"x", headers=BYTES)
        assert answer.status_code == 422, query


def test_a_link_in_the_spool_leads_nowhere(foreign: Api) -> None:
    job_id, _ = started(foreign)
    received = foreign.settings.spool / "output" / "received"
    received.mkdir(parents=True)
    target = foreign.settings.spool / "target"
    (received / f"job_{job_id}.1.out").symlink_to(target)
    assert put(foreign, job_id, b"x", 0).status_code == 500
    assert not os.path.lexists(target)


def test_no_output_that_is_sent_grows_beyond_what_is_kept_of_one(home: Path, database_url: str) -> None:
    with running_api(api_settings(home, output_limit_mb=1), database_url) as api:
        api.register(spool_id="none of ours")
        job_id, _ = started(api)
        assert put(api, job_id, b"a" * (2**20 - 3), 0).status_code == 200
        for data, offset in ((b"bcdef", 2**20 - 3), (b"def", 2**20), (b"bcdefg", 2**20 - 3)):
            full = put(api, job_id, data, offset)
            assert (full.status_code, full.json()["code"]) == (413, "too_large")
            assert "1 MiB" in full.json()["detail"]
        assert put(api, job_id, b"z", 2**20 + 1).json()["code"] == "output_gap"
        output = get_output(api, job_id)
        assert (len(output), output[-4:]) == (2**20, b"abcd")
        assert put(api, job_id, b"x", 0, "&stream=stderr").status_code == 200
