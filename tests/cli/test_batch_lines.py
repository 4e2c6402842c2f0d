"""What is wrong with a batch is told by the line on which it stands."""

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import Type, typed_at
from tests.fix_api import Api

GOOD = {"script": "#!/bin/sh\ntrue\n"}


@pytest.fixture
def conduct(api: Api) -> Type:
    api.register()
    return typed_at(api.url, api.settings.home)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"cpus": 0}, "conductor: line 3 of jobs.ndjson: cpus must be at least 1\n"),
        ({"cpus": 1000}, "conductor: line 3 of jobs.ndjson: The job asks for 1000 CPUs"),
        ({"dependency": "afterok:99"}, "conductor: line 3 of jobs.ndjson: dependency: There is no job 99"),
    ],
)
def test_the_line_is_that_of_the_file_blank_ones_counted(
    conduct: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps(GOOD), "", json.dumps({**GOOD, **wrong})]
    Path("jobs.ndjson").write_text("\n".join(lines) + "\n")
    refused = conduct("submit", "--batch", "jobs.ndjson")
    assert refused.exit_code == 1
    assert refused.stderr.startswith(said)
    assert "jobs[" not in refused.stderr
    chinese = conduct("submit", "--batch", "jobs.ndjson", CONDUCTOR_LANG="zh")
    assert chinese.stderr.startswith("conductor：jobs.ndjson 第 3 行：")


def test_a_file_that_is_not_there_is_told_in_the_readers_language(conduct: Type) -> None:
    said = conduct("submit", "--batch", "/nowhere/x", CONDUCTOR_LANG="zh")
    assert (said.exit_code, said.stderr) == (2, "conductor：无法读取 /nowhere/x：没有该文件或目录\n")


def test_a_field_is_named_with_the_colon_of_the_sentences_language(conduct: Type) -> None:
    assert conduct("submit", "-c", "99", "--wrap", "x", CONDUCTOR_LANG="zh").stderr.startswith(
        "conductor：cpus：作业要求"
    )
    assert conduct("submit", "-w", "no", "--wrap", "x").stderr.startswith("conductor: nodelist: The job")
