"""Arrays and dependencies, typed against a real server."""

import re
from pathlib import Path

import pytest

from conductor.cli.job_views import shortened
from conductor.client import Client
from tests.cli.test_commands import Type, typed_at
from tests.fix_api import TOKEN, Api


@pytest.fixture
def conduct(api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Type:
    """Types a command at the test's own server, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return typed_at(api.url, api.settings.home)


def test_an_array_is_submitted_shown_and_changed_whole_or_in_part(
    api: Api, conduct: Type, tmp_path: Path
) -> None:
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/bash\ntrue\n")
    assert conduct("submit", "-a", "1-9%2", "-J", "sweep", script).stdout == "Submitted batch job 1\n"
    assert api.get("/jobs/1_9")["stdout_path"] == "slurm-%A_%a.out"
    assert conduct("submit", "-d", "afterok:1:1_2", "--parsable", script).stdout == "10\n"
    listed = conduct("jobs").stdout
    assert re.search(r"^1_\[1-9%2\] +sweep .*\(NoNodes\)$", listed, re.MULTILINE), listed
    assert "(Dependency)" in listed
    assert (len(listed.splitlines()), len(conduct("jobs", "-r").stdout.splitlines())) == (3, 11)
    assert conduct("jobs", "--array", 1, "--json").stdout.count('"array_job_id": 1,') == 9
    assert re.search(r"task 1 of array 1 \(1-9%2\); 9 tasks: 9 PENDING", conduct("job", 1).stdout)
    assert "task 9 of array 1" in conduct("job", "1_9").stdout
    assert conduct("hold", "1_[2-4]").stdout.startswith("Array 1_[2-4]: 3 tasks are held now")
    assert "its tasks that wait were held already" in conduct("hold", "1_[2-4]").stdout
    assert "none of its waiting tasks (2) was held" in conduct("unhold", "1_[5-6]").stdout
    assert conduct("unhold", 3).stdout == "Job 1_3 may run.\n"
    assert conduct("reprioritize", 5, 1).stdout == "Array 1: 9 tasks have priority 5 now.\n"
    assert conduct("cancel", "1_[8,9]").stdout == "Array 1_[8,9]: 2 tasks are cancelled.\n"
    assert conduct("cancel", "1").stdout == "Array 1: 9 tasks are cancelled.\n"
    assert conduct("unhold", "1_9").stdout == (
        "Job 1_9 is CANCELLED: it does not wait, and nothing holds it.\n"
    )
    assert conduct("unhold", "1").stdout == ("Array 1: 9 tasks wait no more; nothing holds them.\n")
    assert conduct("requeue", "1_1", CONDUCTOR_LANG="zh").stdout == "作业 1_1 已重新排队：PENDING。\n"
    assert (conduct("cancel", "1_77").exit_code, conduct("cancel", "x").exit_code) == (1, 2)
    assert "follows one job" in conduct("run", "--array", "1-2", script).stderr
    assert "waits for afterok:1" in conduct("job", 10).stdout


def test_an_array_that_has_ended_is_read_as_a_whole(api: Api) -> None:
    head = api.submit(array="0-3")
    api.post(f"/jobs/{head}/cancel")
    with Client(api.url, TOKEN) as client:
        ended = client.wait_array(head, patience_seconds=0)
    assert [task.state for task in ended] == ["CANCELLED"] * 4


def test_very_many_tasks_in_a_line_are_cut_within_the_brackets() -> None:
    assert shortened("42_7") == "42_7"
    assert shortened("42_[0-99%10]") == "42_[0-99%10]"
    assert shortened("42_[1,3,5,7,9,11,13,15,17,19%2]") == "42_[1,3,5,7,9,11,...%2]"
    assert shortened("123456789_[4000000-4000001,4000003]") == "123456789_[...]"


def test_a_task_goes_by_its_name_in_messages(api: Api, conduct: Type) -> None:
    incarnation = api.register()
    head = api.submit(array="0-9")
    assert conduct("reprioritize", 3, head + 4).stdout == f"Job {head}_4 has priority 3.\n"
    allocation = api.start(head + 4, incarnation=incarnation)
    assert f"Job {head}_4 is RUNNING" in conduct("hold", head + 4).stderr
    api.end(allocation, incarnation=incarnation)
