"""Whoever submits, in whatever form: one job, a batch, lines of JSON, an array, with a key or without."""

import json
import uuid
from typing import Any

import httpx
import pytest

from api.endpoints.submitting import _KEYS
from tests.fix_api import Api
from tests.given_tokens import of_role

JOB = {"script": "true\n"}
FORMS = ("batch", "lines", "array")


def submit(client: httpx.Client, form: str, key: str | None, **fields: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    jobs = [JOB, {**JOB, **fields, **({"array": "0-2"} if form == "array" else {})}]
    if form == "lines":
        headers["Content-Type"] = "application/x-ndjson"
        content = "\n".join(json.dumps(job) for job in jobs)
        return client.post("/jobs/submit/batch", content=content, headers=headers)
    return client.post("/jobs/submit/batch", json={"jobs": jobs}, headers=headers)


@pytest.mark.parametrize("key", [None, "a-key"])
@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_a_batch_goes_beyond_a_submitters_rights(api: Api, form: str, key: str | None) -> None:
    with of_role(api, "submitter", "alice") as alice:
        before = api.count_events()
        for fields in ({"user_name": "bob"}, {"priority": 1}):
            answer = submit(alice, form, key, **fields)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), answer.text
        assert api.count_events() == before
        assert submit(alice, form, key, user_name="alice").status_code == 201
    assert {row[0] for row in api.sql("SELECT user_name FROM jobs")} == {"alice"}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_its_tokens_own(api: Api, form: str) -> None:
    """The same key of another token is another wish, also of the same user."""
    with (
        of_role(api, "submitter", "alice") as alice,
        of_role(api, "submitter", "ci", user_name="alice") as ci,
    ):
        first, repeat, other = (submit(one, form, "nightly") for one in (alice, alice, ci))
        assert [one.status_code for one in (first, repeat, other)] == [201] * 3
        assert repeat.json()["jobs"] == first.json()["jobs"]
        numbers = [{job["job_id"] for job in one.json()["jobs"]} for one in (first, other)]
        assert not numbers[0] & numbers[1]


def test_nobody_uses_up_the_key_of_another(api: Api) -> None:
    """By a command under the id that would be made of it: names, and often keys, can be guessed."""
    guessed = str(uuid.uuid5(_KEYS, "alice\nnightly\n0"))
    with of_role(api, "submitter", "alice") as alice, of_role(api, "submitter", "bob") as bob:
        taken = bob.post("/commands", json={"type": "Submit", **JOB, "command_id": guessed})
        assert taken.status_code == 200
        for _ in range(2):
            answer = alice.post("/jobs/submit", json=JOB, headers={"Idempotency-Key": "nightly"})
            assert answer.status_code == 201, answer.text
    assert api.sql("SELECT count(*) FROM jobs WHERE user_name = 'alice'") == [(1,)]
    recorded = "SELECT metadata ->> 'command_id' FROM events WHERE data ->> 'user_name' = 'alice' AND type = "
    [(command_id,)] = api.sql(recorded + "'JobSubmitted'")
    refused = api.post("/commands", {"type": "Submit", **JOB, "command_id": command_id})
    assert refused.status_code == 422, "no command can have such an id"
