"""Waiting for several jobs, and submitting them: codes, counts, and how few requests that takes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from conductor.cli import awaiting
from conductor.cli.screen import Screen
from conductor.client import Client
from tests.cli.test_commands import Type, typed_at
from tests.cli.test_run import PATIENCE_SECONDS, Terminal, started
from tests.fix_api import Api


@pytest.fixture
def conduct(api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Type:
    monkeypatch.chdir(tmp_path)
    return typed_at(api.url, api.settings.home)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def test_wait_ends_with_the_highest_code_of_all_that_were_named(api: Api, conduct: Type) -> None:
    api.register()
    conduct("submit", "-a", "0-2", "--wrap", "true")
    alone = api.submit()
    for job_id, code in ((1, 0), (2, 3), (3, 5), (alone, 1)):
        api.end(api.start(job_id), exit_code=code)
    assert conduct("wait", alone).exit_code == 1
    assert conduct("wait", alone).stdout == f"Job {alone}: FAILED (NonZeroExitCode, code 1).\n"
    some = conduct("wait", "1_[0-1]", alone)
    assert (some.exit_code, some.stdout) == (3, "3 jobs have ended: 1 COMPLETED, 2 FAILED.\n")
    whole = json.loads(conduct("wait", 1, "--json").stdout)
    assert ([job["exit_code"] for job in whole["jobs"]], whole["exit_code"]) == ([0, 3, 5], 5)


def test_wait_for_what_is_not_there_is_no_jobs_code(conduct: Type) -> None:
    conduct("submit", "-a", "0-2", "--wrap", "true")
    for name in ("99", "1_[2-4]", "1_9"):
        said = conduct("wait", name)
        assert (said.exit_code, said.stdout) == (125, "")
        assert "conductor: " in said.stderr


def test_wait_comes_back_when_the_last_has_ended(api: Api) -> None:
    api.register()
    first, second = api.submit(), api.submit()
    with started(api, "wait", str(first), str(second)) as process:
        api.end(api.start(first), exit_code=7)
        api.end(api.start(second))
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, err) == (7, b"")
    assert b"1 COMPLETED, 1 FAILED" in out


def test_a_bar_counts_by_state_on_a_terminal_and_an_interrupt_says_that_jobs_go_on(
    api: Api, terminals: list[Terminal]
) -> None:
    api.register()
    terminal = Terminal(api, "submit", "--wait", "-a", "0-3", "--wrap", "something")
    terminals.append(terminal)
    terminal.wait_for(r"0/4.*4 PENDING")
    api.end(api.start(1))
    terminal.wait_for(r"1/4.*1 COMPLETED {2}3 PENDING")
    terminal.type("\x03")
    terminal.wait_for(r"goes on; `conductor wait 1` waits for it again")
    assert terminal.process.wait(PATIENCE_SECONDS) == 130
    assert [job["state"] for job in api.get("/jobs")["jobs"]].count("PENDING") == 3


class Listing:
    """A server with jobs 1 to `count`; each look finds a quarter of those that wait ended."""

    def __init__(self, count: int) -> None:
        self.left, self.count, self.pages = count, count, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/jobs"):
            self.pages += 1
            top, limit = int(request.url.params["cursor"]) - 1, int(request.url.params["limit"])
            rows = [self.job(number) for number in range(top, max(0, top - limit), -1)]
            self.left //= 4
            return httpx.Response(200, json={"jobs": rows, "next": None})
        return httpx.Response(200, json=self.job(int(request.url.path.rsplit("/", 1)[-1])))

    def job(self, number: int) -> dict[str, object]:
        ended = number > self.left
        return {"id": number, "state": "COMPLETED" if ended else "RUNNING", "exit_code": 0 if ended else None}


def test_a_thousand_jobs_cost_a_request_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaiting, "_PAUSES", 0.0)
    server = Listing(1000)
    client = Client("http://127.0.0.1:9", transport=httpx.MockTransport(server))
    screen = Screen(language="en", out_is_terminal=False, err_is_terminal=False)
    ended = awaiting.wait_for_all(client, range(1, 1001), screen)
    assert [job.id for job in ended] == [*range(1, 1001)]
    assert server.pages <= 6


LINES = """{"script": "#!/bin/sh\\ntrue\\n", "name": "one", "cpus": 2}

{"script": "true\\n", "array": "0-1"}
"""


def test_a_file_of_lines_is_submitted_whole(api: Api, conduct: Type, tmp_path: Path) -> None:
    (tmp_path / "jobs.ndjson").write_text(LINES)
    said = conduct("submit", "--batch", "jobs.ndjson")
    assert (said.exit_code, said.stdout) == (0, "Submitted 2 batch jobs: 1 to 2\n")
    one, task = api.get("/jobs/1"), api.get("/jobs/3")
    assert (one["name"], one["total_cpus_required"], one["stdout_path"]) == ("one", 2, "slurm-%j.out")
    assert (task["array_job_id"], task["stdout_path"]) == (2, "slurm-%A_%a.out")
    assert one["work_dir"] == task["work_dir"] == str(tmp_path)
    assert conduct("submit", "--batch", "-", "--parsable", lines=LINES).stdout == "4\n5\n"
    told = json.loads(conduct("submit", "--batch", "-", "--json", lines=LINES).stdout)
    assert [job["job_id"] for job in told["jobs"]] == [7, 8]


@pytest.mark.parametrize(
    ("lines", "words", "sentence"),
    [
        ("", (), "has no job"),
        ("{}\n", (), "line 1 of - is no JSON object"),
        ('{"script": "true"}\nnonsense\n', (), "line 2 of - is no JSON object"),
        ('{"script": "true", "cpu": 2}\n', (), "cpu is no field of a submission; did you mean cpus?"),
        ('{"script": "true"}\n', ("-c", "2"), "leave --cpus-per-task out here"),
        ('{"script": "true"}\n', ("-o", "x"), "leave --output out here"),
        ('{"script": "true"}\n{"script": "true", "cpus": 0}\n', (), "cpus"),
    ],
)
def test_a_file_that_cannot_be_submits_nothing(
    api: Api, conduct: Type, lines: str, words: tuple[str, ...], sentence: str
) -> None:
    said = conduct("submit", "--batch", "-", *words, lines=lines)
    assert said.exit_code in (1, 2)
    assert sentence in said.stderr
    assert api.count_events() == 0


def test_submit_tells_its_answer_as_json_and_with_wait_what_came_of_it(api: Api, conduct: Type) -> None:
    told = json.loads(conduct("submit", "--json", "--wrap", "true").stdout)
    assert (told["job_id"], told["state"]) == (1, "PENDING")
    api.register()
    with started(api, "submit", "--json", "--wait", "--wrap", "true") as process:
        while not (found := [job for job in api.get("/jobs")["jobs"] if job["id"] == 2]):
            pass
        api.end(api.start(found[0]["id"]), exit_code=4)
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    told = json.loads(out)
    assert (told["exit_code"], told["jobs_by_state"], process.returncode) == (4, {"FAILED": 1}, 4)


def test_a_noun_agrees_with_its_number(api: Api, conduct: Type) -> None:
    conduct("submit", "-a", "0-1", "-H", "--wrap", "true")
    assert conduct("unhold", "1_[0]").stdout.startswith("Array 1_[0]: 1 task may run now.")
    assert re.match(r"Array 1: 2 tasks are cancelled\.", conduct("cancel", 1).stdout)
