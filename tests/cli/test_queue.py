"""`conductor jobs --queue`, and names of nodes that nobody registered."""

import json
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.cli.test_commands import Type, typed_at
from tests.fix_api import Api
from tests.http.test_why import heard


@pytest.fixture
def conduct(api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Type:
    monkeypatch.chdir(tmp_path)
    return typed_at(api.url, api.settings.home)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_queue_is_shown_in_its_order_within_80_columns(api: Api, conduct: Type, language: str) -> None:
    heard(api)
    conduct("policy", "licences=matlab:5")
    api.submit(name="流体模拟" * 20, user_name="u" * 40, account="a" * 40, time_limit="9-23:00:00")
    api.submit(name="urgent", priority=7)
    conduct("submit", "-a", "0-1", "--wrap", "true")
    said = conduct("jobs", "--queue", "--limit", 3, CONDUCTOR_LANG=language)
    _, *rows, licence = said.stdout.splitlines()
    assert [row.split()[:2] for row in rows] == [["1", "2"], ["2", "1"], ["3", "3_0"]]
    assert max(map(cell_len, said.stdout.splitlines())) <= 80
    assert "matlab" in licence
    assert "1" in said.stderr
    assert json.loads(conduct("jobs", "--queue", "--json").stdout)["waiting"] == 4


def test_an_empty_queue_and_filters_are_told(conduct: Type) -> None:
    empty = conduct("jobs", "--queue")
    assert (empty.exit_code, "Nothing is in the queue" in empty.stderr) == (0, True)
    refused = conduct("jobs", "--queue", "-u", "alice")
    assert (refused.exit_code, "whole queue" in refused.stderr) == (2, True)


@pytest.mark.parametrize("by_line", [False, True])
def test_a_name_that_another_hides_is_warned_of(
    api: Api, conduct: Type, tmp_path: Path, by_line: bool
) -> None:
    api.register("n1")
    (tmp_path / "job.sh").write_text(
        "#!/bin/sh\n#SBATCH -w n1,nope\ntrue\n" if by_line else "#!/bin/sh\ntrue\n"
    )
    said = conduct("submit", *(() if by_line else ("-w", "n1,nope")), "job.sh")
    assert (said.exit_code, said.stdout) == (0, "Submitted batch job 1\n")
    assert "warning: no node is registered as nope" in said.stderr
    assert conduct("submit", "-w", "n1", "--wrap", "true").stderr == ""
