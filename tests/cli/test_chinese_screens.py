"""The screens as somebody sees them who works in Chinese: within 80 columns, and no English sentence left."""

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.cli.test_commands import Type, typed_at
from tests.fix_api import Api

SCREENS = (
    "jobs", "jobs --all", "jobs --queue", "job 1", "job 2", "job 3", "why 1", "why 2", "why 3", "nodes", "node node-1",
    "stats", "policy", "policy --history", "policy --fair-share", "events --limit 20", "pids", "audit", "token list",
    "cancel 1",
)  # fmt: skip
# Three English words in a row are a sentence; names of options and of what runs are none.
SENTENCE = re.compile(r"(?<![\w-])[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}(?![\w-])|exit code")


@pytest.fixture
def conduct(api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Type:
    """At a system with a job that has ended, one that runs and one that waits, all with long Chinese names."""
    monkeypatch.chdir(tmp_path)
    api.register()
    name = "大气环流模式耦合数值模拟与敏感性试验第二十三号"
    first = api.submit(name=name, user_name="张三", account="大气物理")
    running = api.submit(name=name, user_name="欧阳修", time_limit=90)
    api.submit(name=name, user_name="张三", cpus=4, priority=7, comment="请在今晚之前运行")
    api.end(api.start(first))
    api.start(running)
    return typed_at(api.url, api.settings.home)


@pytest.mark.parametrize("words", SCREENS)
def test_a_screen_fits_80_columns_and_is_chinese(conduct: Type, words: str) -> None:
    said = conduct(*words.split(), CONDUCTOR_LANG="zh")
    assert said.exit_code == 0, said.output
    assert re.search(r"[\u4e00-\u9fff]", said.stdout)
    assert [line for line in said.stdout.splitlines() if cell_len(line) > 80] == []
    assert [line for line in said.stdout.splitlines() if SENTENCE.search(re.sub("`[^`]*`", "", line))] == []


def test_the_values_of_a_sheet_stand_in_one_column(conduct: Type) -> None:
    said = conduct("node", "node-1", CONDUCTOR_LANG="zh").stdout
    rows = [re.match(r"  (\S+)( {2,})(\S.*)", line) for line in said.splitlines()]
    begins = {cell_len(row[1] + row[2]) for row in rows if row}
    assert len(begins) == 1, said
