"""A task of an array goes by its name in exports, in case files and in the past too."""

import json
from pathlib import Path

import pytest

from tests.cli.test_evidence import NO_DATABASE, Type, typist
from tests.fix_engine import Engine
from tests.postgres.test_resolving import submit_array


@pytest.fixture
def conduct(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Types a command where job 1 is alone, and jobs 2 to 5 are the tasks 0, 3, 6 and 9 of array 2."""

    async def story(engine: Engine) -> None:
        await engine.submit()
        assert await submit_array(engine, "0-9:3", held=True) == [2, 3, 4, 5]

    engine.run(story)
    monkeypatch.chdir(tmp_path)
    return typist(engine, tmp_path / "home")


def exported(conduct: Type, *jobs: str) -> list[int]:
    words = [word for job in jobs for word in ("--job", job)]
    said = conduct("export", *words)
    assert said.exit_code == 0, said.stderr
    found: list[int] = json.loads(said.stdout.splitlines()[0])["selection"]["jobs"]
    return found


def test_a_task_some_tasks_and_jobs_are_exported_by_their_names(conduct: Type) -> None:
    assert exported(conduct, "2_6") == [4]
    assert exported(conduct, "2_[3,9]", "1") == [1, 3, 5]
    assert exported(conduct, "2") == [2], "the array's number is its first task where something is read"


def test_what_is_no_task_is_named_and_nothing_is_written(conduct: Type, tmp_path: Path) -> None:
    refused = conduct("export", "--job", "2_[6-8]", "-o", "case.jsonl")
    assert (refused.exit_code, "The log knows no job 2_7, 2_8; nothing" in refused.stderr) == (1, True)
    many = conduct("export", "--job", "1_[0-9]", CONDUCTOR_LANG="zh")
    assert "日志中没有作业 1_0, 1_1, 1_2, 1_3, 1_4, ...；" in many.stderr
    wrong = conduct("export", "--job", "2-6")
    assert (wrong.exit_code, "a task of an array as 42_7" in wrong.stderr.replace("\n", " ")) == (2, True)
    assert not (tmp_path / "case.jsonl").exists()


def test_a_file_shows_a_task_by_its_name(conduct: Type) -> None:
    conduct("export", "--job", "2_6", "-o", "case.jsonl")
    shown = conduct("job", "2_6", "--file", "case.jsonl", **NO_DATABASE)
    assert shown.exit_code == 0, shown.stderr
    assert "task 6 of array 2" in shown.stdout
    assert conduct("job", "4", "--file", "case.jsonl", **NO_DATABASE).stdout == shown.stdout
    other = conduct("job", "2_3", "--file", "case.jsonl", **NO_DATABASE)
    assert (other.exit_code, "job 2_3 is not in case.jsonl" in other.stderr) == (1, True)
    several = conduct("job", "2_[3-6]", "--file", "case.jsonl", **NO_DATABASE)
    assert (several.exit_code, "2_[3-6] names several jobs; give one" in several.stderr) == (2, True)
    chinese = conduct("job", "2_[3-6]", "--file", "case.jsonl", CONDUCTOR_LANG="zh", **NO_DATABASE)
    assert "请只给一个" in chinese.stderr


def test_the_past_shows_a_task_by_its_name(conduct: Type) -> None:
    shown = conduct("replay", "as-of", 5, "--job", "2_6")
    assert shown.exit_code == 0, shown.stderr
    assert "task 6 of array 2" in shown.stdout
    conduct("export", "--from", 1, "-o", "all.jsonl")
    from_file = conduct("replay", "as-of", 5, "--job", "2_6", "--file", "all.jsonl", **NO_DATABASE)
    assert "task 6 of array 2" in from_file.stdout
    early = conduct("replay", "as-of", 3, "--job", "2_9")
    assert (early.exit_code, "there was no job 2_9 yet at position 3" in early.stderr) == (1, True)
    unknown = conduct("replay", "as-of", 5, "--job", "2_7")
    assert (unknown.exit_code, "no job 2_7" in unknown.stderr) == (1, True)
    several = conduct("replay", "as-of", 5, "--job", "2_[3,6]")
    assert (several.exit_code, "give one" in several.stderr) == (2, True)
