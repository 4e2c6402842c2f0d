"""`conductor audit` says what is wrong and prints the command; typed as it stands, `conductor repair` mends it."""

import json
import shlex
from pathlib import Path

import pytest
from rich.cells import cell_len
from typer.testing import Result

from conductor.cli.audit import sentence_lines
from projections.audit_catalogue import sentence
from tests.cli.test_commands import Type, typed_at
from tests.fix_api import Api

PARAMETERS = {"node_name": "node-1", "node_state": "UP", "expires_at": None}


@pytest.fixture
def conduct(api: Api) -> Type:
    return typed_at(api.url, api.settings.home)


@pytest.fixture
def leak(api: Api) -> int:
    """An allocation whose process is gone."""
    api.register()
    allocation_id = api.start(api.submit(name="leaks"))
    api.sql("SELECT observe_node('node-1', 1, ARRAY[%s::bigint], '[]', NULL, NULL)", allocation_id)
    return allocation_id


@pytest.fixture
def fork(api: Api) -> str:
    """A node that remembers another history."""
    api.register()
    api.sql("SELECT observe_node('node-1', 1, '{}', '[]', 1, sha256('another'))")
    return "node-node-1 position 1"


def printed_command(said: Result) -> list[str]:
    """The words of the command that the audit printed, without `conductor`."""
    [line] = [line for line in said.stdout.splitlines() if line.strip().startswith("conductor ")]
    return shlex.split(line)[1:]


def test_nothing_wrong_is_said_with_what_was_looked_at(api: Api, conduct: Type) -> None:
    api.register()
    api.submit()
    said = conduct("audit")
    assert (said.exit_code, said.stdout) == (
        0,
        "No findings. Live allocations: 0, nodes: 1, events replayed: 2, rows compared:\n2.\n",
    )
    assert "not replayed" in conduct("audit", "--quick").stdout


def test_what_the_audit_prints_mends_it(api: Api, conduct: Type, leak: int) -> None:
    said = conduct("audit")
    assert said.exit_code == 1
    assert "ERRORS: 1" in said.stdout
    assert f"process_missing  allocation {leak}" in said.stdout
    assert "ResourcesAllocated" in said.stdout
    command = printed_command(said)
    assert command == ["repair", "process_missing", "allocation", str(leak)]
    before = api.count_events()
    tried = conduct(*command, "--dry-run", "--reason", "OOM killer")
    assert (tried.exit_code, api.count_events()) == (0, before)
    assert f"job-1: ResourcesReleased allocation_id={leak} reason=repaired" in tried.stdout
    done = conduct(*command, "--yes", "--reason", "OOM killer")
    assert (done.exit_code, "Appended:" in done.stdout) == (0, True)
    assert api.get("/jobs/1")["reason"] == "Repaired: process_missing: OOM killer"
    [metadata] = api.sql("SELECT metadata FROM events WHERE type = 'ResourcesReleased'")[0]
    assert (metadata["actor"], metadata["channel"]) == ("admin", "cli")
    assert conduct("audit").exit_code == 0


def test_a_repair_that_is_no_longer_needed_does_nothing(api: Api, conduct: Type, leak: int) -> None:
    api.end(leak)
    before = api.count_events()
    said = conduct("repair", "process_missing", "allocation", leak, "--yes")
    assert (said.exit_code, api.count_events()) == (1, before)
    assert "does not find" in said.stderr


def test_without_a_terminal_and_without_yes_nothing_is_done(api: Api, conduct: Type, leak: int) -> None:
    before = api.count_events()
    said = conduct("repair", "process_missing", "allocation", leak)
    assert (said.exit_code, api.count_events()) == (2, before)
    assert "--yes" in said.stderr


@pytest.mark.parametrize(("answer", "code", "appended"), [("y", 0, 1), ("n", 1, 0), ("", 1, 0)])
def test_it_asks_and_takes_no_for_an_answer(
    api: Api, conduct: Type, leak: int, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, appended: int
) -> None:
    monkeypatch.setattr("conductor.cli.repair.somebody_is_there", lambda: True)
    before = api.count_events()
    said = conduct("repair", "process_missing", "allocation", leak, lines=f"{answer}\n")
    assert said.exit_code == code
    assert "[y/N]" in said.stderr
    assert api.count_events() == before + appended


def test_what_nothing_mends_is_acknowledged_with_a_reason_and_alarms_no_more(
    api: Api, conduct: Type, fork: str
) -> None:
    said = conduct("audit")
    assert said.exit_code == 1
    command = printed_command(said)
    assert command == ["repair", "acknowledge", "history_forked", *fork.split(), "--reason", "..."]
    refused = conduct(*command, "--yes")
    assert (refused.exit_code, "--reason" in refused.stderr) == (2, True)
    assert api.count_events() == 1, "a command that was copied as it stands gives no reason"
    assert conduct(*command, "--yes", "--reason", "restored on Monday").exit_code == 0
    again = conduct("audit")
    assert again.exit_code == 0
    assert "ACKNOWLEDGED: 1" in again.stdout
    assert "restored on Monday" in again.stdout
    assert "None as severe" in conduct("audit", "--severity", "warning").stdout
    once_more = conduct(*command, "--yes", "--reason", "restored on Monday")
    assert (once_more.exit_code, "already" in once_more.stderr) == (0, True)
    assert "Appended:" in conduct(*command, "--yes", "--reason", "and on Tuesday").stdout
    assert "and on Tuesday" in conduct("audit").stdout


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (("row_differs", "jobs", "1"), 1, "conductor replay rebuild"),
        (("process_stray", "node-a", "pid", "1", "start", "2"), 1, "repair acknowledge process_stray node-a"),
        (("hash_broken", "position", "1"), 1, "conductor repair acknowledge hash_broken position 1"),
        (("acknowledge", "process_missing", "allocation", "1"), 1, "can be mended"),
        (("bad_luck", "allocation", "1"), 2, "no finding named bad_luck"),
        (("process_missing",), 2, "reservation_expired allocation 7"),
        (("acknowledge",), 2, "reservation_expired allocation 7"),
    ],
)
def test_a_wrong_way_is_told_the_right_one(
    api: Api, conduct: Type, words: tuple[str, ...], code: int, part: str
) -> None:
    said = conduct("repair", *words, "--yes", "--reason", "x")
    assert (said.exit_code, api.count_events()) == (code, 0)
    assert part in said.stderr


def test_json_has_what_the_api_says(api: Api, conduct: Type, leak: int) -> None:
    told = json.loads(conduct("audit", "--json", "--quick").stdout)
    [finding] = told["findings"]
    assert finding["repair"] == f"conductor repair process_missing allocation {leak}"
    assert json.loads(conduct("audit", "--json", "--quick", "--severity", "error").stdout)["findings"] == [
        finding
    ]
    done = conduct("repair", "process_missing", "allocation", leak, "--yes", "--json")
    [answer] = json.loads(done.stdout)["answers"]
    assert answer["events"][0]["type"] == "ResourcesReleased"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_everything_fits_80_columns_but_the_command_to_copy(
    api: Api, conduct: Type, leak: int, language: str
) -> None:
    api.submit(name="流体" * 50, comment="x")
    api.sql("SELECT observe_node('node-1', 1, ARRAY[%s::bigint], '[]', 1, sha256('x'))", leak)
    said = conduct("audit", CONDUCTOR_LANG=language)
    lines = [line for line in said.stdout.splitlines() if not line.strip().startswith("conductor ")]
    assert len(lines) > 15
    assert [line for line in lines if cell_len(line) > 80] == []
    assert ("作业" in said.stdout) == (language == "zh")


def test_a_node_that_no_event_explains_is_mended_by_what_is_printed(
    api: Api, conduct: Type, tmp_path: Path
) -> None:
    api.register()
    api.sql("CREATE TEMP TABLE ghost AS SELECT * FROM nodes; UPDATE ghost SET name = 'ghost', cpu_block = 99; "
            "INSERT INTO nodes SELECT * FROM ghost")  # fmt: skip
    for words in (("audit",), ("audit", "--quick")):
        said = conduct(*words)
        assert "row_unexpected  nodes ghost" in said.stdout
        assert printed_command(said) == ["replay", "rebuild"]
    database = {"CONDUCTOR_DATABASE_URL": api.database_url}
    assert conduct(*printed_command(said), **database).exit_code == 0
    assert conduct("audit").exit_code == 0


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_to_be_typed_stands_whole_on_a_line_of_its_own(
    api: Api, conduct: Type, language: str
) -> None:
    api.register()
    stray = {"pid": 4711, "start_ticks": 99, "mark": "m", "job_id": None, "allocation_id": 7, "attempt": 1}
    strays = json.dumps([{**stray, "command": ": `rm -r ~`"}])
    api.sql("SELECT observe_node('node-1', 1, '{}', %s, NULL, NULL)", strays)
    lines = conduct("audit", CONDUCTOR_LANG=language).stdout.splitlines()
    assert [line.strip() for line in lines if line.startswith("    ")][:3] == [
        "sed 's/.*) //' /proc/4711/stat | cut -d' ' -f20", "kill 4711", "kill -9 4711"
    ]  # fmt: skip
    assert [line for line in lines if cell_len(line) > 80] == []


def test_what_stands_in_backquotes_is_not_broken() -> None:
    for width in range(20, 80):
        told = "\n".join(sentence_lines(sentence("node_lease_stale", PARAMETERS, "en"), width))
        assert "(`GET /health`)" in told
