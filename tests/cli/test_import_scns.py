"""`conductor import-scns`, typed: what it says, what the audit says then, and the repair that it prints."""

import json
import shlex
from collections.abc import Iterator

import pytest
from rich.cells import cell_len

from tests.cli.test_commands import Type, typed_at
from tests.fix_api import Api
from tests.given_scns import STATUS, Scns, untouched


@pytest.fixture
def conduct(api: Api, monkeypatch: pytest.MonkeyPatch) -> Type:
    monkeypatch.setenv("CONDUCTOR_DATABASE_URL", api.database_url)
    return typed_at(api.url, api.settings.home)


@pytest.fixture
def scns(empty_database_url: str) -> Iterator[Scns]:
    original = Scns(empty_database_url, STATUS)
    original.everyday()
    with untouched(original):
        yield original


def test_a_dry_run_and_the_import_say_the_same_and_only_one_does_it(
    api: Api, conduct: Type, scns: Scns
) -> None:
    asked = conduct("import-scns", scns.url, "--dry-run")
    assert asked.exit_code == 0, asked.stderr
    assert api.count_events() == 0
    assert "10 jobs would be imported; nothing was written." in asked.stdout
    done = conduct("import-scns", scns.url)
    assert done.exit_code == 0, done.stderr
    assert "Imported 10 jobs under the original numbers, up to position 20 of the log." in done.stdout
    same = [line for line in asked.stdout.splitlines() if "would be" not in line]
    assert done.stdout.splitlines()[: len(same)] == same
    assert "allocation 13: job 5 (PENDING), reserved, 16 CPUs of kunpeng-01, PID -" in done.stdout
    again = conduct("import-scns", scns.url, CONDUCTOR_LANG="zh")
    assert "10 个作业此前已导入，保持不变。" in again.stdout
    assert "从未归还：4 个分配，共 22 个 CPU" in again.stdout
    assert "Imported" not in again.stdout


def test_json_has_it_for_programs(conduct: Type, scns: Scns) -> None:
    told = json.loads(conduct("import-scns", scns.url, "--json").stdout)
    assert (told["jobs"], told["imported"], told["imported_before"], told["position"]) == (10, 10, 0, 20)
    assert {"there": "RUNNING", "here": "FAILED", "reason": "ExitUnknown", "jobs": 1} in told["states"]
    assert [leak["allocation_id"] for leak in told["never_released"]] == [11, 13, 14, 16]
    assert told["bad"] == told["changed_since"] == []


def test_what_the_audit_prints_closes_the_leak_and_the_jobs_life_tells_of_it(
    conduct: Type, scns: Scns
) -> None:
    conduct("import-scns", scns.url)
    said = conduct("audit", "--quick")
    assert said.exit_code == 1
    assert all(cell_len(line) <= 80 for line in said.stdout.splitlines())
    printed = [
        line.strip() for line in said.stdout.splitlines() if line.strip().startswith("conductor repair")
    ]
    assert len(printed) == 4
    assert "the job was RUNNING there" in " ".join(said.stdout.split())
    for command in printed:
        words = shlex.split(command)[1:]
        shown = conduct(*words, "--dry-run")
        done = conduct(*words, "--yes", "--reason", "looked")
        assert (shown.exit_code, done.exit_code) == (0, 0)
        assert "ImportedAllocationClosed" in shown.stdout
        assert "ImportedAllocationClosed" in done.stdout
    assert conduct("audit").exit_code == 0
    told = {
        "en": ("imported from the original system", "was FAILED on kunpeng-01 as PID 4002", "never given back",
               "allocation 11 of the original system closed by"),
        "zh": ("从原系统（", "FAILED", "PID 4002", "从未归还", "关闭原系统的分配 11"),
    }  # fmt: skip
    ran, waits = ("".join(conduct("job", number).stdout.split()) for number in (6, 5))
    assert "wasRUNNINGonkunpeng-02" in ran
    assert ",held" not in ran
    assert ",held" in waits
    for language, phrases in told.items():
        life = "".join(conduct("job", 2, CONDUCTOR_LANG=language).stdout.split())
        assert [part for part in phrases if part.replace(" ", "") not in life] == []


def test_pids_of_the_original_are_found(conduct: Type, scns: Scns) -> None:
    conduct("import-scns", scns.url)
    sheet = conduct("pids", "--pid", 4009).stdout
    assert "PID 4009 on kunpeng-01: job 9" in sheet
    assert "SCNS-Conductor API through import-scns" in sheet
    assert "Ended by" not in sheet
    listed = conduct("pids", "--json").stdout
    assert [one["process_id"] for one in json.loads(listed)["processes"]] == [4009, 4008, 4006, 4002, 4001]


def test_bad_rows_and_bad_words_are_refused(api: Api, conduct: Type, empty_database_url: str) -> None:
    scns = Scns(empty_database_url, STATUS)
    scns.job(1)
    scns.job(2, submit_time="infinity")
    refused = conduct("import-scns", scns.url)
    assert refused.exit_code == 1
    assert "job 2: its submit_time 'infinity' is no time" in refused.stderr
    assert conduct("import-scns", scns.url, "--dry-run").exit_code == 1
    zone = conduct("import-scns", scns.url, "--timezone", "Mars/Olympus")
    assert (zone.exit_code, "Asia/Shanghai" in zone.stderr) == (2, True)
    assert api.count_events() == 0
    done = conduct("import-scns", scns.url, "--skip-bad", "--timezone", "Asia/Shanghai", "--user", "bob")
    assert done.exit_code == 0
    assert "left out: 1" in done.stderr
    assert api.sql("SELECT user_name, account, extract(hour FROM submit_time)::int FROM jobs") == [
        ("bob", "fluids", 18)
    ]
