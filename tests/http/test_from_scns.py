"""Each line of docs/from-scns.md, run: what stands on the right is there, and is what stood on the left."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from api.endpoints.original import in_five_states
from api.requests.original_bodies import submission_of_original
from conductor.cli.app import COMMANDS, GROUPS
from conductor.core.job import JobState
from conductor.setting_names import UNPREFIXED
from conductor.settings import Settings
from conductor.telemetry.log_catalogue import LINES
from conductor.telemetry.metric_catalogue import METRICS
from tests.fix_api import Api
from tests.test_docs import ROOT, text_of

SAMPLES: Mapping[str, Any] = {
    "account": "physics", "name": "wing", "environment": {"A": "b"}, "current_working_directory": "/data",
    "standard_output": "out", "standard_error": "err", "ntasks_per_node": 2, "cpus_per_task": 3, "time_limit": "30",
    "memory_per_node": "32G", "partition": "long", "exclusive": True,
}  # fmt: skip
Row = tuple[list[str], list[str]]


def table(heading: str) -> list[Row]:
    """The rows of the table below a heading: what is in backquotes on each side."""
    section = text_of("docs/from-scns.md").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")][2:]
    assert rows, heading
    return [(re.findall("`([^`]+)`", left), re.findall("`([^`]+)`", right)) for left, right in rows]


def test_every_path_answers(api: Api) -> None:
    answers = {}
    api.submit()
    for _, here in table("Paths"):
        for path in here:
            method, target = path.replace("{job_id}", "1").split(" ")
            body = {"script": "true\n"} if target.endswith("/submit") else None
            answers[path] = api.client.request(method, target, json=body).status_code
    assert {path: status for path, status in answers.items() if status not in (200, 201)} == {}


def test_every_field_of_a_submission_becomes_what_the_table_says() -> None:
    named = {there: here for (there, *_), (here, *_) in table("A submission")}
    assert named.keys() == SAMPLES.keys()
    for there, here in named.items():
        other = {"current_working_directory": "/data"}
        found = submission_of_original({"job": {**other, there: SAMPLES[there]}})
        assert found.keys() == {here, "work_dir"}
        if here != "comment":
            assert found[here] == SAMPLES[there]


def test_every_key_of_a_query_stands_beside_ours(api: Api) -> None:
    api.register()
    job_id = api.submit("true\n", account="physics", time_limit=90)
    api.end(api.start(job_id))
    told = api.client.get(f"/jobs/query/{job_id}").json()
    for (there, *_), here in table("What a query answers"):
        for path in (there, *here):
            value = told
            for key in path.split("."):
                assert key in value, path
                value = value[key]
    assert told["detail"]["node_list"] == told["resource_allocation"]["node_name"] == "node-1"
    assert told["detail"]["exit_code"] == "0:0"


def test_every_column_is_there(api: Api) -> None:
    with psycopg.connect(api.database_url, autocommit=True) as connection:
        for _, here in table("Tables"):
            for place in here:
                columns = sql.SQL("SELECT {} FROM {}").format(
                    *map(sql.Identifier, reversed(place.split(".")))
                )
                connection.execute(columns)


def test_every_state_shows_as_the_one_it_stands_beside() -> None:
    shown = {state: there for (there, *_), here in table("States") for state in here}
    assert shown == {str(state): in_five_states({"state": state})["state"] for state in JobState}


@pytest.mark.parametrize(("there", "here"), [(row[0][1], row) for row in table("Units")])
def test_every_time_limit_is_so_many_minutes(api: Api, there: str, here: Row) -> None:
    section = text_of("docs/from-scns.md")
    [minutes] = re.findall(
        rf"^\| `time_limit`: `{re.escape(there)}` \| (\d+) minutes \|$", section, re.MULTILINE
    )
    job = {"name": "job", "current_working_directory": "/tmp", "time_limit": there}
    answer = api.client.post("/jobs/submit", json={"job": job, "script": "true\n"})
    assert api.get(f"/jobs/{answer.json()['job_id']}")["time_limit"] == int(minutes)


def test_every_program_is_there() -> None:
    commands = {name for name, *_ in COMMANDS} | {
        f"{group} {name}" for group, _, inner in GROUPS for name, *_ in inner
    }
    for _, here in table("Programs and scripts"):
        for program in here:
            name = program.removeprefix("conductor ")
            assert name in commands if program.startswith("conductor ") else (ROOT / program).exists(), (
                program
            )


def test_every_setting_is_one() -> None:
    settings = {UNPREFIXED.get(name, f"CONDUCTOR_{name.upper()}") for name in Settings.model_fields}
    assert {name for _, here in table("Settings") for name in here} <= settings


def test_every_log_line_is_one_of_the_catalogue() -> None:
    section = text_of("docs/logs.md").partition("\n## From the original")[2]
    rows = [line.split(" | ")[1] for line in section.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 10
    named = {name for row in rows for name in re.findall(r"`([a-z]+\.[a-z_]+)`", row)}
    assert len(named) > 10
    assert named <= LINES.keys()
    metrics = {name for row in rows for name in re.findall(r"`(conductor_\w+)`", row)}
    assert metrics <= METRICS.keys()


def test_the_guide_is_found() -> None:
    assert "from-scns.md" in text_of("README.md")
    assert Path(ROOT / "docs/import-scns.md").exists()
