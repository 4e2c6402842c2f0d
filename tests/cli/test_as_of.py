"""Looking back from the command line: `replay as-of` on the database, and `--as-of` over HTTP."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from conductor.cli.times import parse_past_instant
from tests.cli.test_commands import Type, typed_at
from tests.fix_api import Api


@pytest.fixture
def conduct(api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Type:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONDUCTOR_DATABASE_URL", api.database_url)
    return typed_at(api.url, api.settings.home)


def a_day(api: Api) -> None:
    """Position 3: two wait. 5: one runs. 6: it has ended. 7: the other is cancelled."""
    api.register()
    first, second = api.submit(name="first", user_name="ann"), api.submit(name="second", user_name="bob")
    api.end(api.start(first))
    api.post(f"/jobs/{second}/cancel")
    assert api.count_events() == 7


def time_of(api: Api, position: int) -> datetime:
    instant: datetime = api.sql("SELECT recorded_at FROM events WHERE position = %s", position)[0][0]
    return instant


def test_the_whole_system_is_printed_as_it_stood(api: Api, conduct: Type) -> None:
    a_day(api)
    said = conduct("replay", "as-of", 5)
    assert said.exit_code == 0
    assert said.stdout.startswith("As of position 5, 2")
    assert "4 = 1 used + 0 reserved + 3 free + 0 unavailable" in said.stdout
    assert re.search(r"^ *2 +second +bob +PENDING ", said.stdout, re.MULTILINE)
    assert re.search(r"^ *1 +first +ann +RUNNING .* node-1$", said.stdout, re.MULTILINE)
    assert re.search(r"^node-1 +UP +1 +0 +3 +4", said.stdout, re.MULTILINE)
    assert re.search(r"^ +1 +1 +node-1 +allocated +0 +4711 ", said.stdout, re.MULTILINE)
    after = conduct("replay", "as-of", 7).stdout
    assert "No jobs matched then." in after
    assert "Jobs of then that are not listed: 2" in after
    assert "No CPUs were held then." in after


def test_its_json_is_what_the_api_answers(api: Api, conduct: Type) -> None:
    a_day(api)
    for position in range(8):
        whole = json.loads(conduct("replay", "as-of", position, "--all", "--json").stdout)
        assert whole["jobs"] == api.get("/jobs", as_of=position)["jobs"]
        assert whole["nodes"] == of_the_states(api.get("/nodes", as_of=position))["nodes"]
        assert whole["allocations"] == of_the_states(api.get("/allocations", as_of=position))["allocations"]
        stats = api.get("/jobs/stats", as_of=position)
        assert {**whole["stats"], "as_of": whole["as_of"]} == stats
        for part, path in (("--nodes", "/nodes"), ("--stats", "/jobs/stats")):
            alone = json.loads(conduct("replay", "as-of", position, part, "--json").stdout)
            assert alone == of_the_states(api.get(path, as_of=position))


def of_the_states(answer: Any) -> Any:
    """Without `unsupervised`, which is no part of a state: the API reads it from what the events came through."""
    if isinstance(answer, dict):
        return {key: of_the_states(one) for key, one in answer.items() if key != "unsupervised"}
    return [of_the_states(one) for one in answer] if isinstance(answer, list) else answer


def test_one_job_is_shown_as_it_stood_with_its_events_up_to_then(api: Api, conduct: Type) -> None:
    a_day(api)
    for said in (conduct("replay", "as-of", 5, "--job", 1), conduct("job", 1, "--as-of", 5)):
        assert said.exit_code == 0
        assert "RUNNING" in said.stdout
        assert re.findall(r"(submitted by|promised on|started as PID|exit)", said.stdout) == [
            "submitted by", "promised on", "started as PID",
        ]  # fmt: skip
    answered = json.loads(conduct("replay", "as-of", 5, "--job", 1, "--json").stdout)
    over_http = of_the_states(api.get("/jobs/1", as_of=5))
    assert answered.items() <= over_http.items()
    for gone in (conduct("replay", "as-of", 1, "--job", 1), conduct("job", 1, "--as-of", 1)):
        assert (gone.exit_code, gone.stdout) == (1, "")
        assert "no job 1 yet at position 1" in gone.stderr


def test_listings_over_http_look_back_too(api: Api, conduct: Type) -> None:
    a_day(api)
    listed = conduct("jobs", "--as-of", 5).stdout
    assert listed.startswith("As of position 5, 2")
    assert "RUNNING" in listed
    assert "PENDING" in listed
    raw = json.loads(conduct("jobs", "--as-of", time_of(api, 6).isoformat(), "--all", "--json").stdout)
    assert (raw["as_of"]["position"], len(raw["jobs"])) == (6, 2)
    assert "1 used" in conduct("stats", "--as-of", 5).stdout
    assert re.search(r"^node-1 +UP +1 ", conduct("nodes", "--as-of", 5).stdout, re.MULTILINE)
    assert "As of" not in conduct("jobs", "--all").stdout


def test_filters_are_those_of_jobs(api: Api, conduct: Type) -> None:
    a_day(api)

    def ids(*options: object) -> list[int]:
        raw = json.loads(conduct("replay", "as-of", 7, "--jobs", "--json", *options).stdout)
        assert raw["not_listed"] == 2 - len(raw["jobs"])
        return [job["id"] for job in raw["jobs"]]

    assert ids() == []
    assert ids("--all") == [2, 1]
    assert ids("--all", "--limit", 1) == [2]
    assert ids("--state", "completed,failed") == [1]
    assert ids("-s", "final", "-u", "bob") == [2]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((99,), 2, "the log ends at position 7"),
        (("yesteryear",), 2, "neither a position of the log nor a time"),
        ((5, "--replace"), 2, "--replace goes with --into"),
        ((5, "--jobs", "--into", "past"), 2, "one at a time"),
        ((5, "--job", 1, "--nodes"), 2, "one at a time"),
        ((5, "--state", "SLEEPING"), 2, "is no state of a job"),
        ((5, "--into", "public"), 2, "is not for this"),
        ((5, "--into", "No Name"), 2, "is no name for a schema"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    api: Api, conduct: Type, words: tuple[object, ...], code: int, said: str
) -> None:
    a_day(api)
    answer = conduct("replay", "as-of", *words)
    assert (answer.exit_code, answer.stdout) == (code, "")
    assert said in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_a_position_beyond_the_end_is_told_by_the_options_name(api: Api, conduct: Type) -> None:
    a_day(api)
    for words in (("jobs",), ("nodes",), ("stats",), ("job", 1)):
        said = conduct(*words, "--as-of", 99)
        assert said.exit_code == 1
        assert said.stderr == "conductor: --as-of must be at most 7, where the log ends\n"


def test_a_time_to_come_is_said_to_be_the_present(api: Api, conduct: Type) -> None:
    a_day(api)
    said = conduct("replay", "as-of", "now+2hours", "--stats")
    assert said.stdout.startswith("As of position 7, ")
    assert "has yet to come" in said.stderr


def test_a_schema_of_then_is_made_and_says_what_to_type_next(api: Api, conduct: Type) -> None:
    a_day(api)
    said = conduct("replay", "as-of", 5, "--into", "past").stdout
    [typed] = re.findall(r"conductor psql -c '([^']+)'", said)
    assert sorted(api.sql(typed)) == [(1, "RUNNING"), (2, "PENDING")]
    again = conduct("replay", "as-of", 6, "--into", "past")
    assert (again.exit_code, "--replace" in again.stderr) == (1, True)
    assert conduct("replay", "as-of", 6, "--into", "past", "--replace").exit_code == 0
    assert sorted(api.sql("SELECT id, state FROM past.jobs")) == [(1, "COMPLETED"), (2, "PENDING")]
    api.sql("CREATE SCHEMA theirs")
    foreign = conduct("replay", "as-of", 6, "--into", "theirs", "--replace")
    assert (foreign.exit_code, "was not made by" in foreign.stderr) == (1, True)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_printed_keeps_within_80_columns(api: Api, conduct: Type, language: str) -> None:
    api.register("node-with-a-very-long-name" * 5)
    job_id = api.submit(name="流体" * 60, user_name="u" * 60, cpus=4)
    api.start(job_id, node="node-with-a-very-long-name" * 5)
    said = conduct("replay", "as-of", "now", CONDUCTOR_LANG=language)
    assert said.exit_code == 0
    assert [line for line in said.stdout.splitlines() if cell_len(line) > 80] == []


def test_a_clock_means_the_last_time_it_showed_that() -> None:
    now = datetime(2026, 11, 17, 12, 0, tzinfo=UTC)
    assert parse_past_instant("11:30", now) == now - timedelta(minutes=30)
    assert parse_past_instant("13:00", now) == now - timedelta(hours=23)
    assert parse_past_instant("2026-11-17 14:02", now) == datetime(2026, 11, 17, 14, 2, tzinfo=UTC)
    assert parse_past_instant("now-2hours", now) == now - timedelta(hours=2)
    assert parse_past_instant("nonsense", now) is None
