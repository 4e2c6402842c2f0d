"""`conductor token`, typed against a real server."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.test_commands import Type, typed_at
from tests.fix_api import TOKEN, Api


@pytest.fixture
def conduct(api: Api) -> Type:
    return typed_at(api.url, api.settings.home)


def test_a_secret_alone_is_on_standard_output_and_lets_its_holder_in(conduct: Type) -> None:
    made = conduct("token", "create", "alice", "--role", "submitter", "--user", "al", "--expires", "90")
    assert made.exit_code == 0
    [secret] = made.stdout.splitlines()
    assert secret.startswith("cdr_")
    assert "role submitter, user al" in made.stderr
    submitted = conduct("submit", "--wrap", "true", "--parsable", CONDUCTOR_API_TOKEN=secret)
    job = json.loads(conduct("job", submitted.stdout.strip(), "--json").stdout)
    assert (job["user_name"], job["submitted_by"]) == ("al", "alice"), "the token knows for whom it was made"
    refused = conduct("drain", "node-1", CONDUCTOR_API_TOKEN=secret)
    assert refused.exit_code == 1
    assert "submitter" in refused.stderr
    listed = json.loads(conduct("token", "list", "--json").stdout)["tokens"]
    expires_at = datetime.fromisoformat(listed[0]["expires_at"])
    assert abs(expires_at - datetime.now(UTC) - timedelta(days=90)) < timedelta(minutes=5)
    assert secret not in conduct("token", "list").stdout
    assert "submitter" in conduct("token", "list").stdout

    assert conduct("token", "revoke", "alice", "--reason", "lost").exit_code == 0
    ended = conduct("jobs", CONDUCTOR_API_TOKEN=secret)
    assert ended.exit_code == 1
    assert "revoked" in ended.stderr
    assert "alice, lost" in conduct("events", "--stream", "tokens").stdout
    assert "已吊销" in conduct("token", "revoke", "alice", CONDUCTOR_LANG="zh").stdout


def test_the_homes_own_token_is_shown(conduct: Type) -> None:
    assert conduct("token", "show", CONDUCTOR_API_TOKEN=TOKEN).stdout == TOKEN + "\n"


def test_no_tokens_are_said_to_be_none(conduct: Type) -> None:
    assert "no tokens" in conduct("token", "list").stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("create", "x", "--role", "boss"), 2, "viewer, submitter, operator, executor, admin"),
        (("create", "x", "--role", "viewer", "--expires", "soon"), 2, "number of days"),
        (("create", "x", "--role", "viewer", "--expires", "0"), 2, "number of days"),
        (("create", "x", "--role", "executor"), 1, "one node"),
        (("create", "admin", "--role", "viewer"), 1, "belongs to the system"),
        (("revoke", "nobody"), 1, "no token nobody"),
    ],
)
def test_what_cannot_be_is_one_sentence(conduct: Type, words: tuple[str, ...], code: int, said: str) -> None:
    answer = conduct("token", *words)
    assert answer.exit_code == code, answer.stderr
    assert said in answer.stderr
