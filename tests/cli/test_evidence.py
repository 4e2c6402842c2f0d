"""Checkpoints and case files, typed: made from a real log, believed or refused, in both languages."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from conductor.cli.app import app
from tests.fix_engine import Engine
from tests.postgres.test_evidence import CHAIN_ANEW, DISARM
from tests.postgres.test_replay import a_busy_day

Type = Callable[..., Result]


def typist(engine: Engine, home: Path) -> Type:
    settings = {"CONDUCTOR_DATABASE_URL": engine.url, "CONDUCTOR_HOME": str(home), "CONDUCTOR_LANG": "en"}

    def conduct(*words: object, **changed: str | None) -> Result:
        arguments = [str(word) for word in words]
        return CliRunner().invoke(app, arguments, env={**settings, **changed}, prog_name="conductor")

    return conduct


@pytest.fixture
def conduct(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types a command where a day has passed, in a folder of its own, with no server."""
    engine.run(a_busy_day)
    monkeypatch.chdir(tmp_path)
    return typist(engine, tmp_path / "home")


NO_DATABASE = {"CONDUCTOR_DATABASE_URL": "postgresql://127.0.0.1:1/nowhere"}


def test_a_checkpoint_is_a_line_that_verify_believes(conduct: Type, tmp_path: Path) -> None:
    said = conduct("checkpoint")
    assert said.exit_code == 0
    assert json.loads(said.stdout)["format"] == "conductor-checkpoint-1"
    assert said.stdout.count("\n") == 1
    told = conduct("checkpoint", "--output", "monday.json")
    note = json.loads((tmp_path / "monday.json").read_text())
    assert f"Position {note['position']} is signed" in told.stdout
    proved = conduct("replay", "verify", "--checkpoint", "monday.json")
    assert proved.exit_code == 0
    assert f"Nothing up to position {note['position']} was rewritten" in proved.stdout
    again = conduct("checkpoint", "-o", "monday.json", CONDUCTOR_LANG="zh")
    assert again.exit_code == 1
    assert "已存在" in again.stderr
    assert json.loads((tmp_path / "monday.json").read_text()) == note
    whole = json.loads(conduct("checkpoint", "--json").stdout)
    assert whole["checkpoint"]["position"] == note["position"]


def test_an_empty_log_has_nothing_to_sign(database_url: str, tmp_path: Path) -> None:
    said = typist(Engine(database_url), tmp_path / "home")("checkpoint", "-o", tmp_path / "note")
    assert said.exit_code == 1
    assert "nothing to sign yet" in said.stderr
    assert list(tmp_path.iterdir()) == [], "no key either"


def test_verify_names_what_a_superuser_rewrote(
    tampered_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tampered_engine.run(a_busy_day)
    monkeypatch.chdir(tmp_path)
    conduct = typist(tampered_engine, tmp_path / "home")
    conduct("checkpoint", "-o", "monday.json")
    for statement in (
        DISARM,
        'UPDATE events SET metadata = metadata || \'{"actor": "eve"}\' WHERE position = 2',
        CHAIN_ANEW,
    ):
        tampered_engine.sql(statement)
    assert conduct("replay", "verify").exit_code == 0
    said = conduct("replay", "verify", "--checkpoint", "monday.json")
    assert said.exit_code == 1
    assert "monday.json remembers the hash" in said.stdout
    found = json.loads(conduct("replay", "verify", "--checkpoint", "monday.json", "--json").stdout)
    assert (found["equal"], found["differences_total"]) == (False, 1)
    assert found["checkpoints"][0]["file"] == "monday.json"


@pytest.mark.parametrize(
    ("damage", "code", "position", "exported"),
    [
        ("DELETE FROM events WHERE position BETWEEN 3 AND 4", "position_missing", 3, 4),
        ("DELETE FROM events WHERE position = 1", "position_missing", 1, 1),
        ("UPDATE events SET data = data || '{\"priority\": 9}' WHERE position = 3", "hash_broken", 3, 3),
        ("UPDATE events SET hash = sha256('x') WHERE position = 5", "hash_broken", 5, 5),
    ],
)
def test_what_is_signed_or_exported_of_a_damaged_log_says_so(
    tampered_engine: Engine, tmp_path: Path, damage: str, code: str, position: int, exported: int
) -> None:
    tampered_engine.run(a_busy_day)
    conduct = typist(tampered_engine, tmp_path)
    for command in (("checkpoint",), ("export", "--from", 1), ("export", "--job", 1, "--job", 2)):
        assert "damaged" not in conduct(*command).stderr
    for statement in (DISARM, damage):
        tampered_engine.sql(statement)
    said = conduct("checkpoint")
    assert (said.exit_code, json.loads(said.stdout)["format"]) == (0, "conductor-checkpoint-1")
    assert f"the log is damaged at position {position} ({code})" in said.stderr
    whole = conduct("export", "--from", 1)
    assert whole.exit_code == 0
    assert f"the log is damaged at position {exported} ({code})" in whole.stderr


def test_a_hole_in_what_is_looked_back_at_is_said(tampered_engine: Engine, tmp_path: Path) -> None:
    """The only event of job 1: what is left folds, and lacks it."""
    tampered_engine.run(a_busy_day)
    conduct = typist(tampered_engine, tmp_path)
    [(position,)] = tampered_engine.sql("SELECT position FROM events WHERE stream = 'job-1'")
    tampered_engine.sql(DISARM)
    tampered_engine.sql("DELETE FROM events WHERE position = %s", position)
    said = conduct("replay", "as-of", "now")
    assert (said.exit_code, f"the first at position {position}:" in said.stderr) == (0, True)
    assert conduct("replay", "as-of", position - 1).stderr == ""
    assert conduct("replay", "as-of", "now", "--into", "past").stderr == said.stderr


def test_strangers_notes_are_refused_by_name(conduct: Type, engine: Engine, tmp_path: Path) -> None:
    missing = conduct("replay", "verify", "--checkpoint", "monday.json")
    assert (missing.exit_code, "no checkpoint was signed on this home" in missing.stderr) == (125, True)
    conduct("checkpoint", "-o", "ours.json")
    stranger = typist(engine, tmp_path / "stranger")
    stranger("checkpoint", "-o", "theirs.json")
    refused = conduct("replay", "verify", "--checkpoint", "ours.json", "--checkpoint", "theirs.json")
    assert (refused.exit_code, "signed by another key" in refused.stderr) == (125, True)
    trusted = conduct(
        "replay",
        "verify",
        "--checkpoint",
        "theirs.json",
        "--public-key",
        tmp_path / "stranger/checkpoint.pub",
    )
    assert trusted.exit_code == 0
    alone = conduct("replay", "verify", "--public-key", tmp_path / "stranger/checkpoint.pub")
    assert (alone.exit_code, "--checkpoint" in alone.stderr) == (2, True)


def test_what_is_wrong_with_notes_and_files_is_said_in_the_readers_language(
    tampered_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tampered_engine.run(a_busy_day)
    monkeypatch.chdir(tmp_path)
    conduct = typist(tampered_engine, tmp_path / "home")
    chinese = {"CONDUCTOR_LANG": "zh"}
    missing = conduct("replay", "verify", "--checkpoint", "monday.json", **chinese)
    assert "此目录从未签过检查点" in missing.stderr
    (tmp_path / "case.jsonl").write_text("{}\n")
    assert "不是案例文件" in conduct("job", 1, "--file", "case.jsonl", **chinese).stderr
    assert "日志中没有作业 99" in conduct("export", "--job", 99, **chinese).stderr
    for statement in (DISARM, "UPDATE events SET data = data || '{\"priority\": 9}' WHERE stream = 'job-1'"):
        tampered_engine.sql(statement)
    said = conduct("replay", "verify", **chinese).stdout
    assert "该事件或其前一个事件被改动过" in said
    assert "jobs 1.priority：日志为 9，表中为 0" in said
    conduct("export", "--from", 1, "-o", "all.jsonl")
    proved = conduct("replay", "verify", "--file", "all.jsonl", **chinese)
    assert "该事件与其哈希不符" in proved.stdout
    [first, *_] = json.loads(conduct("replay", "verify", "--json", **chinese).stdout)["differences"]
    assert first.keys() == {"code", "subject", "text"}


def test_another_clusters_note_is_refused(conduct: Type, tmp_path: Path, empty_database_url: str) -> None:
    from conductor.migrate import migrate

    migrate(empty_database_url)
    conduct("checkpoint", "-o", "ours.json")
    conduct("export", "--job", 1, "-o", "ours.jsonl")
    elsewhere = Engine(empty_database_url)
    elsewhere.run(a_busy_day)
    there = typist(elsewhere, tmp_path / "home")
    refused = there("replay", "verify", "--checkpoint", "ours.json")
    assert (refused.exit_code, "says nothing about this log" in refused.stderr) == (125, True)
    there("export", "--from", 1, "-o", "theirs.jsonl")
    assert conduct("replay", "verify", "--checkpoint", "ours.json", "--file", "ours.jsonl").exit_code == 0
    refused = conduct("replay", "verify", "--checkpoint", "ours.json", "--file", "theirs.jsonl")
    assert (refused.exit_code, "says nothing about this log" in refused.stderr) == (125, True)


def test_a_case_file_is_read_with_no_database_and_no_server(conduct: Type, tmp_path: Path) -> None:
    told = conduct("export", "--job", 2, "--scripts", "-o", "case.jsonl")
    assert (told.exit_code, told.stdout) == (0, "")
    assert "case.jsonl: events 5, scripts 1, environments 0" in told.stderr
    assert (tmp_path / "case.jsonl").stat().st_mode & 0o777 == 0o600
    proved = conduct("replay", "verify", "--file", "case.jsonl", **NO_DATABASE)
    assert proved.exit_code == 0
    assert proved.stdout.startswith("Sound: every event has its hash")
    assert "what lies between its 2 pieces" in proved.stdout
    shown = conduct("job", 2, "--file", "case.jsonl", **NO_DATABASE)
    assert "Job 2: job_2" in shown.stdout
    assert "COMPLETED" in shown.stdout
    assert "PID 4711" in shown.stdout
    assert conduct("job", 2, "--script", "--file", "case.jsonl", **NO_DATABASE).stdout == "true\n"
    found = json.loads(conduct("job", 2, "--file", "case.jsonl", "--json", **NO_DATABASE).stdout)
    assert (found["state"], found["exit_code"], found["resource_allocation"]["process_id"]) == (
        "COMPLETED",
        0,
        4711,
    )
    assert found["events"][0]["type"] == "JobSubmitted"
    other = conduct("job", 3, "--file", "case.jsonl", **NO_DATABASE)
    assert (other.exit_code, "job 3 is not in case.jsonl" in other.stderr) == (1, True)


def test_an_export_to_standard_output_is_the_file(conduct: Type, tmp_path: Path) -> None:
    said = conduct("export", "--from", 1)
    (tmp_path / "all.jsonl").write_bytes(said.stdout_bytes)
    found = json.loads(conduct("replay", "verify", "--file", "all.jsonl", "--json", **NO_DATABASE).stdout)
    assert (found["equal"], found["streams_partial"]) == (True, [])
    assert found["runs"] == [{"from": 1, "to": found["events"]}]


def test_a_checkpoint_proves_a_case_file_on_a_laptop(conduct: Type, tmp_path: Path) -> None:
    conduct("checkpoint", "-o", "monday.json")
    conduct("export", "--from", 3, "-o", "range.jsonl")
    conduct("export", "--job", 1, "-o", "job.jsonl")
    laptop = {**NO_DATABASE, "CONDUCTOR_HOME": str(tmp_path / "laptop")}
    key = tmp_path / "home" / "checkpoint.pub"
    words = ("replay", "verify", "--checkpoint", "monday.json", "--public-key", key, "--file")
    proved = conduct(*words, "range.jsonl", **laptop)
    assert proved.exit_code == 0
    assert "was rewritten since" in proved.stdout
    unproved = conduct(*words, "job.jsonl", **laptop)
    assert unproved.exit_code == 0
    assert "was rewritten since" not in unproved.stdout
    assert "the checkpoint monday.json" in unproved.stdout


def test_a_file_that_is_not_sound_is_shown_with_a_warning_and_fails_its_proof(
    tampered_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tampered_engine.run(a_busy_day)
    monkeypatch.chdir(tmp_path)
    conduct = typist(tampered_engine, tmp_path / "home")
    for statement in (DISARM, "UPDATE events SET data = data || '{\"priority\": 9}' WHERE stream = 'job-1'"):
        tampered_engine.sql(statement)
    conduct("export", "--from", 1, "-o", "case.jsonl")
    proved = conduct("replay", "verify", "--file", "case.jsonl", CONDUCTOR_LANG="zh")
    assert (proved.exit_code, "有误" in proved.stdout) == (1, True)
    shown = conduct("job", 1, "--file", "case.jsonl")
    assert (shown.exit_code, "is not sound" in shown.stderr) == (0, True)
    (tmp_path / "case.jsonl").write_bytes((tmp_path / "case.jsonl").read_bytes()[:-10])
    cut = conduct("job", 1, "--file", "case.jsonl")
    assert (cut.exit_code, "cut off" in cut.stderr) == (1, True)


@pytest.mark.parametrize(
    "words", [["export"], ["export", "--job", 1, "--from", 1], ["export", "--job", 1, "--to", 3]]
)
def test_an_export_says_what_it_wants(conduct: Type, words: list[object]) -> None:
    said = conduct(*words)
    assert (said.exit_code, "--job ID" in said.stderr) == (2, True)


def test_whoever_may_only_read_reports_can_sign_and_export_but_no_scripts(
    conduct: Type, engine: Engine, tmp_path: Path
) -> None:
    [(owner,)] = engine.sql("SELECT relowner::regrole::text FROM pg_class WHERE relname = 'events'")
    role = owner.strip('"').removesuffix("_owner") + "_report"
    more = "&" if "?" in engine.url else "?"
    reader = {"CONDUCTOR_DATABASE_URL": f"{engine.url}{more}options=-c%20role%3D{role}"}
    assert conduct("checkpoint", **reader).exit_code == 0
    assert conduct("export", "--job", 1, "-o", "case.jsonl", **reader).exit_code == 0
    refused = conduct("export", "--job", 1, "--scripts", "-o", "scripts.jsonl", **reader)
    assert (refused.exit_code, "permission denied for table scripts" in refused.stderr) == (1, True)
    assert not (tmp_path / "scripts.jsonl").exists()


def test_a_refused_export_leaves_no_file(conduct: Type, tmp_path: Path) -> None:
    said = conduct("export", "--job", 99, "-o", "case.jsonl")
    assert (said.exit_code, "no job 99" in said.stderr) == (1, True)
    assert not (tmp_path / "case.jsonl").exists()
    assert conduct("export", "--job", 1, "-o", "nowhere/case.jsonl").exit_code == 1


def test_a_case_file_as_of_a_position_shows_what_the_log_shows(conduct: Type) -> None:
    conduct("export", "--from", 1, "-o", "all.jsonl")
    from_file = conduct("replay", "as-of", 4, "--file", "all.jsonl", "--json")
    from_log = conduct("replay", "as-of", 4, "--json")
    assert json.loads(from_file.stdout) == json.loads(from_log.stdout)
    assert conduct("replay", "as-of", 4, "--file", "all.jsonl").stdout.startswith("As of position 4")
    one = conduct("replay", "as-of", 4, "--job", 1, "--file", "all.jsonl", "--json")
    assert json.loads(one.stdout)["state"] == "PENDING"
    assert (
        json.loads(conduct("job", 1, "--file", "all.jsonl", "--as-of", 4, "--json").stdout)["state"]
        == "PENDING"
    )
    assert conduct("replay", "as-of", 4, "--file", "all.jsonl", "--into", "past").exit_code == 2


def test_verify_goes_on_from_a_checkpoint(
    tampered_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tampered_engine.run(a_busy_day)
    monkeypatch.chdir(tmp_path)
    here = typist(tampered_engine, tmp_path / "home")
    here("checkpoint", "-o", "monday.json")
    position = json.loads(Path("monday.json").read_text())["position"]
    tampered_engine.run(lambda engine: engine.submit())
    words = ("replay", "verify", "--from-checkpoint", "monday.json")
    report = json.loads(here(*words, "--json").stdout)
    assert (report["equal"], report["since"], report["events"]) == (True, position, 1)
    assert f"All up to position {position} is trusted" in here(*words).stdout
    tampered_engine.sql("UPDATE jobs SET priority = 7 WHERE NOT final")
    differs = here(*words, "--json")
    assert differs.exit_code == 1
    assert {one["code"] for one in json.loads(differs.stdout)["differences"]} == {"row_differs"}
    assert here(*words, "--file", "case.jsonl").exit_code == 2
