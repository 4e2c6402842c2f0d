"""`conductor why`: a short answer that fits a screen, in the reader's language, with the command to type."""

from typing import Any

import pytest
from rich.cells import cell_len

from conductor.cli.screen import Screen
from conductor.cli.why import why_sheet

AT = "2026-11-21T16:05:52+00:00"
FOUND: dict[str, Any] = {
    "job_id": 42,
    "state": "PENDING",
    "reason": "Resources",
    "told": {
        "code": "Resources",
        "parameters": {
            "wanted": "cpus=8 gpu:2",
            "count": 3,
            "node_name": "gpu03",
            "free_cpus": 2,
            "total_cpus": 16,
            "short": [
                {"code": "short_cpus", "parameters": {"free": 2, "total": 16}},
                {"code": "short_gres", "parameters": {"name": "gpu", "free": 1, "total": 4}},
            ],
        },
        "sentence": "as the server says it",
    },
    "leases": "known",
    "holders": [
        {
            "job_id": i,
            "name": f"6_{i}",
            "user_name": "alice",
            "node_name": "gpu03",
            "cpus": 1,
            "holds": {"cpus": 1, "gres/gpu": 2},
            "ends_by": AT if i % 2 else None,
        }
        for i in range(20)
    ],
    "holders_count": 35,
    "ahead": [7, 8, 9],
    "ahead_names": ["7", "6_8", "9"],
    "ahead_count": 900,
    "starts_by": AT,
    "starts_by_told": {"code": "starts_by", "parameters": {"at": AT}, "sentence": "at"},
    "remedies": [
        {
            "code": "fewer_cpus",
            "parameters": {"cpus": 2, "option": "--cpus-per-task 2"},
            "command": None,
            "sentence": "x",
        }
    ],
}


def shown(found: dict[str, Any], capsys: pytest.CaptureFixture[str], language: Any = "en") -> list[str]:
    why_sheet(found, Screen(language=language, out_is_terminal=False, err_is_terminal=False))
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_fits_80_columns_and_a_screen(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(FOUND, capsys, language)
    assert max(map(cell_len, lines)) <= 80
    assert len(lines) <= 24
    assert any("cpus=1 gpu:2" in line for line in lines)


def test_the_reason_comes_first_and_times_are_local(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(FOUND, capsys)
    assert lines[0] == "Job 42 is PENDING: Resources."
    assert any("900 (7, 6_8, 9, …)" in line for line in lines)
    assert any("no limit" in line for line in lines)
    assert not any("2026-11-21T" in line for line in lines)


def test_a_task_of_an_array_is_called_by_its_index(capsys: pytest.CaptureFixture[str]) -> None:
    task = {**FOUND, "array_job_id": 40, "array_task_id": 2}
    assert shown(task, capsys)[0] == "Job 40_2 is PENDING: Resources."


def test_an_array_is_summed_up_before_its_first_waiting_task(capsys: pytest.CaptureFixture[str]) -> None:
    array = {"job_id": 40, "tasks": {"COMPLETED": 20, "PENDING": 80}}
    lines = shown({**FOUND, "array_job_id": 40, "array_task_id": 20, "array": array}, capsys)
    assert lines[:2] == ["Array 40: 20 COMPLETED, 80 PENDING.", "Job 40_20 is PENDING: Resources."]


def test_what_it_depends_on_is_told_condition_by_condition(capsys: pytest.CaptureFixture[str]) -> None:
    waits = {"name": "6_2", "state": "RUNNING", "reason": None, "ends_by": AT}
    one = {
        "code": "awaited_waiting_array",
        "parameters": {"condition": "afterok:6", "jobs": 3, "ended": 1},
        "jobs": [waits, {**waits, "state": "PENDING", "reason": "Priority", "ends_by": None}],
    }
    lines = shown({**FOUND, "awaited": [one]}, capsys)
    assert "  afterok:6 is open: 1 of 3 have ended." in lines
    assert "    6_2 PENDING (Priority)" in lines
    assert any(line.startswith("    6_2 RUNNING, until 2026-") for line in lines)


def test_a_sentence_of_a_newer_server_is_shown_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    newer = {"code": "Preempted", "parameters": {}, "sentence": "It gave way to job 7."}
    assert "It gave way to job 7." in shown({**FOUND, "told": newer}, capsys)


def test_what_a_job_is_called_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    odd = {**FOUND["told"], "parameters": {**FOUND["told"]["parameters"], "node_name": "a\x1b[2Jb"}}
    assert not any("\x1b" in line for line in shown({**FOUND, "told": odd}, capsys))
