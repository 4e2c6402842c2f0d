"""The commands, typed against a real server; the test plays scheduler and executor."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

import conductor
from conductor.cli.app import COMMANDS, app
from conductor.cli.services import libpq_variables
from conductor.client import Client, Event
from tests.fix_api import TOKEN, Api

ROOT = Path(conductor.__file__).parent.parent
Type = Callable[..., Result]


@pytest.fixture
def conduct(api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Type:
    """Types a command at the test's own server, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return typed_at(api.url, api.settings.home)


def typed_at(url: str, home: Path) -> Type:
    settings = {
        "CONDUCTOR_URL": url,
        "CONDUCTOR_API_TOKEN": TOKEN,
        "CONDUCTOR_HOME": str(home),
        "CONDUCTOR_LANG": "en",
    }

    def conduct(*words: object, lines: str | bytes | None = None, **changed: str | None) -> Result:
        return CliRunner().invoke(
            app,
            [str(word) for word in words],
            input=lines,
            env={**settings, **changed},
            prog_name="conductor",
        )

    return conduct


def test_submit_prints_what_sbatch_prints_and_its_output_goes_where_slurms_goes(
    api: Api, conduct: Type, tmp_path: Path
) -> None:
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/bash\necho hello\n")
    said = conduct("submit", "-c", 2, "-t", "1:30", "-J", "流体", "--mem", "1G", "--nice", 3, script)
    assert (said.exit_code, said.stdout) == (0, "Submitted batch job 1\n")
    job = api.get("/jobs/1")
    assert (job["name"], job["total_cpus_required"], job["memory_mb"]) == ("流体", 2, 1024)
    assert (job["time_limit_seconds"], job["priority"]) == (90, -3)
    assert (job["work_dir"], job["stdout_path"], job["stderr_path"]) == (str(tmp_path), "slurm-%j.out", None)
    assert api.get("/jobs/1/environment")["environment"] == {}
    assert api.sql("SELECT metadata->>'channel' FROM events") == [("cli",)]


def test_a_scripts_own_lines_count_and_those_ignored_are_told_on_standard_error(
    api: Api, conduct: Type, tmp_path: Path
) -> None:
    script = tmp_path / "job.sh"
    script.write_text(
        "#!/bin/bash\n#SBATCH -J lines -c 3 -o %x.out --chdir=sub\n#SBATCH --mail-type=END --begin=now+1hour\n"
        "#SBATCH --export=HERE,B=2\ntrue\n"
    )
    said = conduct("submit", "-c", 2, "--parsable", script, HERE="1")
    assert (said.exit_code, said.stdout) == (0, "1\n")
    assert said.stderr == "conductor: warning: line 3: --mail-type is ignored: no mail is sent\n"
    job = api.get("/jobs/1")
    assert (job["name"], job["total_cpus_required"], job["stdout_path"]) == ("lines", 2, "%x.out")
    assert (job["work_dir"], job["reason"]) == (str(tmp_path / "sub"), "BeginTime")
    assert api.get("/jobs/1/environment")["environment"] == {"HERE": "1", "B": "2"}
    script.write_text("#!/bin/bash\n#SBATCH --mem-per-cpu=1\ntrue\n")
    refused = conduct("submit", script)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "script line 2: --mem-per-cpu is not read here; ask for it as in `--mem 4G`" in refused.stderr


def test_submit_reads_standard_input_and_prints_the_bare_id(conduct: Type) -> None:
    said = conduct("submit", "--parsable", "-", lines="#!/bin/sh\ntrue\n")
    assert (said.exit_code, said.stdout) == (0, "1\n")
    assert conduct("job", 1, "--script").stdout == "#!/bin/sh\ntrue\n"


def test_a_bad_script_is_refused_with_one_sentence_and_nothing_is_appended(api: Api, conduct: Type) -> None:
    said = conduct("submit", "-", lines=b"echo a\r\n")
    assert (said.exit_code, said.stdout) == (1, "")
    assert "dos2unix" in said.stderr
    assert len(said.stderr.splitlines()) == 1
    wrong = conduct("submit", "--mem-per-cpu=1", "job.sh")
    assert (wrong.exit_code, "ask for it as in `--mem 4G`" in wrong.stderr) == (2, True)
    assert api.count_events() == 0


def test_a_submitted_job_is_changed_from_hold_to_cancel(api: Api, conduct: Type) -> None:
    assert conduct("submit", "-H", "--wrap", "true").exit_code == 0
    assert "JobHeldUser" in conduct("jobs").stdout
    assert conduct("unhold", 1).stdout == "Job 1 may run.\n"
    assert conduct("reprioritize", "--", -7, 1).stdout == "Job 1 has priority -7.\n"
    assert conduct("reprioritize", -8, 1).exit_code == 0
    assert conduct("hold", 1, "--reason", "later").exit_code == 0
    assert conduct("cancel", 1).stdout == "Job 1 is cancelled.\n"
    assert conduct("cancel", 1).exit_code == 0
    assert conduct("requeue", 1).stdout == "Job 1 is put back: PENDING.\n"
    assert api.get("/jobs/1")["priority"] == -8


def test_of_several_jobs_one_that_is_refused_does_not_spare_the_others(api: Api, conduct: Type) -> None:
    api.submit()
    api.submit()
    said = conduct("cancel", 1, 99, 2)
    assert said.exit_code == 1
    assert said.stdout == "Job 1 is cancelled.\nJob 2 is cancelled.\n"
    assert "no job 99" in said.stderr


def test_jobs_lists_what_waits_or_runs_and_with_all_what_ended(api: Api, conduct: Type) -> None:
    api.register()
    running, waiting, ended = api.submit(name="runs"), api.submit(name="waits"), api.submit(name="ended")
    api.start(running)
    api.post(f"/jobs/{ended}/cancel")
    listed = conduct("jobs").stdout
    assert ("runs" in listed, "waits" in listed, "ended" in listed) == (True, True, False)
    assert re.search(rf"^ *{running} +runs .* RUNNING +1 +0:0\d +node-1$", listed, re.MULTILINE)
    assert "ended" in conduct("jobs", "--all").stdout
    assert "ended" in conduct("jobs", "-s", "cancelled,failed").stdout
    assert "waits" not in conduct("jobs", "--node", "node-1").stdout
    some = json.loads(conduct("jobs", "--all", "--limit", 2, "--json").stdout)
    assert [job["id"] for job in some["jobs"]] == [ended, waiting]
    assert some["next"] is not None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_table_keeps_within_80_columns(api: Api, conduct: Type, language: str) -> None:
    api.register("node-with-a-very-long-name" * 5)
    api.command("DrainNode", node_name="node-with-a-very-long-name" * 5, reason="更换磁盘" * 30)
    for number in range(3):
        api.submit(name=f"模拟计算{'流体' * 60}{number}", user_name="u" * 60, cpus=4, time_limit="9-23:59:59")
    for command in ("jobs", "nodes", "events", "stats"):
        said = conduct(command, CONDUCTOR_LANG=language)
        assert said.exit_code == 0
        assert [line for line in said.stdout.splitlines() if cell_len(line) > 80] == []
    assert conduct("jobs", "--wide").stdout.count("流体" * 60) == 3


def test_a_job_shows_everything_with_its_events_as_a_timeline(api: Api, conduct: Type) -> None:
    api.register()
    job_id = api.submit(name="whole", cpus=2, comment="a\x1b[2Jb", account="physics")
    allocation = api.start(job_id, pid=4711)
    write_output(api, job_id, b"first\n\x1b]0;title\x07last\n")
    api.end(allocation, exit_code=3)
    said = conduct("job", job_id).stdout
    assert "\x1b" not in said
    for shown in (
        "Job 1: whole",
        "FAILED (NonZeroExitCode)",
        "code 3",
        "physics",
        "2 (0-1)",
        "4711",
        "^[]0;title^Glast",
    ):
        assert shown in said
    steps = [line.split("s  ", 1)[-1] for line in said.splitlines() if re.match(r"  \d+  \d\d:", line)]
    assert [step.split(" ")[0] for step in steps[1:]] == ["2", "started", "ended"]
    found = json.loads(conduct("job", job_id, "--json").stdout)
    assert found["exit_code"] == 3
    assert [step["what"] for step in found["timeline"]] == ["submitted", "reserved", "started", "finished"]
    assert [step["caused_by"] for step in found["timeline"]] == [None, "job-1@1", "job-1@2", "job-1@3"]


def test_logs_print_the_bytes_as_they_are_into_a_pipe(api: Api, conduct: Type) -> None:
    api.register()
    job_id = api.submit()
    allocation = api.start(job_id)
    write_output(api, job_id, b"\x1b[31mout\xff\r\n")
    write_output(api, job_id, b"err\n", "err")
    assert conduct("logs", job_id).stdout_bytes == b"\x1b[31mout\xff\r\n"
    assert conduct("logs", job_id, "--stderr").stdout_bytes == b"err\n"
    api.end(allocation)
    assert conduct("logs", "-f", job_id).stdout_bytes == b"\x1b[31mout\xff\r\n"


def test_events_are_the_newest_or_those_that_match(api: Api, conduct: Type) -> None:
    for _ in range(5):
        api.submit()
    newest = conduct("events", "--limit", 2, "--json").stdout
    assert [event["position"] for event in json.loads(newest)["events"]] == [4, 5]
    assert conduct("events", "--stream", "job-1").stdout.count("JobSubmitted") == 1
    assert "No events match" in conduct("events", "--type", "NodeLost").stderr


def test_events_are_followed_a_line_each(api: Api, conduct: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        api.submit(name="流体" * 60)
    follow_events = Client.follow_events

    def three(*given: Any, **named: Any) -> Iterator[Event]:
        """Then whoever looks on has had enough."""
        yield from islice(follow_events(*given, **named), 3)

    monkeypatch.setattr(Client, "follow_events", three)
    lines = conduct("events", "-f", "--limit", 3).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["3", "4", "5"]
    assert all("JobSubmitted" in line and cell_len(line) <= 80 for line in lines)
    told = conduct("events", "--follow", "--after", 1, "--type", "JobSubmitted", "--json").stdout
    events = [json.loads(line) for line in told.splitlines()]
    assert events == api.get("/events", after=1, limit=3)["events"]


def test_events_say_who_did_it_and_what_of_the_policy_was_another_value_then(api: Api, conduct: Type) -> None:
    api.submit()
    for change in ("order=backfill", "guard_seconds=60", "order=first_fit"):
        conduct("policy", change)

    def rows(*words: str) -> list[list[str]]:
        return [re.split(r"  +", line.strip()) for line in conduct("events", *words).stdout.splitlines()]

    heading, *told = rows()
    assert heading == ["POS", "TIME", "STREAM", "EVENT", "BY", "DETAILS"]
    assert [row[4:] for row in told[1:]] == [
        ["admin", "order=backfill"],
        ["admin", "guard_seconds=60"],
        ["admin", "order=first_fit"],
    ]
    heading, *told = rows("--stream", "policy", "--after", "3")
    assert (heading, told[0][2:]) == (
        ["POS", "TIME", "EVENT", "BY", "DETAILS"],
        ["PolicyChanged", "admin", "order=first_fit"],
    )
    heading, *told = rows("--wide")
    assert (heading[5], told[1][4:]) == ("THROUGH", ["admin", "cli", "order=backfill"])
    for language in ("en", "zh"):
        listed = conduct("events", CONDUCTOR_LANG=language).stdout.splitlines()
        assert max(map(cell_len, listed)) <= 80


def test_sentences_come_in_the_language_of_the_user(conduct: Type) -> None:
    conduct("submit", "--wrap", "true")
    chinese = conduct("cancel", 1, CONDUCTOR_LANG="zh")
    assert chinese.stdout == "作业 1 已取消。\n"
    assert "没有作业 9" in conduct("cancel", 9, CONDUCTOR_LANG="zh").stderr


def test_where_no_server_answers_the_code_is_69_and_the_sentence_says_what_to_do(home: Path) -> None:
    said = typed_at("http://127.0.0.1:9", home)("jobs")
    assert said.exit_code == 69
    assert "no server answers at http://127.0.0.1:9" in said.stderr
    assert "conductor up" in said.stderr
    chinese = typed_at("http://127.0.0.1:9", home)("jobs", CONDUCTOR_LANG="zh")
    assert "没有服务在监听" in chinese.stderr


def test_a_wrong_token_and_a_wrong_setting_are_sentences(conduct: Type) -> None:
    refused = conduct("jobs", CONDUCTOR_API_TOKEN="another-token-than-the-servers")
    assert (refused.exit_code, "refused the token" in refused.stderr) == (1, True)
    wrong = conduct("jobs", CONDUCTOR_LANG="klingon")
    assert (wrong.exit_code, "CONDUCTOR_LANG" in wrong.stderr) == (1, True)


def test_replay_verify_says_equal_and_finds_a_row_changed_by_hand(api: Api, conduct: Type) -> None:
    api.submit(name="true name")
    settings = {"CONDUCTOR_DATABASE_URL": api.database_url}
    equal = conduct("replay", "verify", **settings)
    assert (equal.exit_code, equal.stdout[:6]) == (0, "Equal:")
    api.sql("ALTER TABLE jobs DISABLE TRIGGER USER; UPDATE jobs SET name = 'forged'")
    different = conduct("replay", "verify", **settings)
    assert different.exit_code == 1
    assert "forged" in different.stdout
    assert json.loads(conduct("replay", "verify", "--json", **settings).stdout)["equal"] is False
    api.sql("UPDATE jobs SET name = 'true name'; ALTER TABLE jobs ENABLE TRIGGER USER")


def test_replay_rebuild_mends_and_says_what_by_whom(api: Api, conduct: Type) -> None:
    job_id = api.submit(name="true name")
    settings = {"CONDUCTOR_DATABASE_URL": api.database_url}
    nothing = conduct("replay", "rebuild", **settings)
    assert (nothing.exit_code, "Nothing differs" in nothing.stdout) == (0, True)
    api.sql("UPDATE jobs SET name = 'forged'")
    would = conduct("replay", "rebuild", "--dry-run", **settings)
    assert (would.exit_code, f"jobs {job_id}: was not as the log says" in would.stdout) == (1, True)
    done = json.loads(conduct("replay", "rebuild", "--json", "--reason", "forgery", **settings).stdout)
    assert done["rows"] == {"jobs": [job_id]}
    assert done["differences"] == [{"table": "jobs", "key": job_id, "kind": "differing"}]
    listed = conduct("events", "--json").stdout
    assert "ProjectionsRebuilt" in listed
    assert "jobs 1, forgery" in conduct("events").stdout


def test_the_token_is_shown_where_there_is_one(home: Path) -> None:
    conduct = typed_at("http://127.0.0.1:9", home)
    assert conduct("token", "show").stdout == f"{TOKEN}\n"
    none = conduct("token", "show", CONDUCTOR_API_TOKEN=None)
    assert (none.exit_code, "no token" in none.stderr) == (1, True)


def test_psql_takes_the_report_role_with_its_limits(api: Api) -> None:
    environment = {
        "PATH": "/nonexistent", "PYTHONPATH": str(ROOT), "CONDUCTOR_HOME": str(api.settings.home),
        "CONDUCTOR_DATABASE_URL": api.database_url,
    }  # fmt: skip

    def psql(statement: str) -> subprocess.CompletedProcess[str]:
        # PATH leads nowhere: no psql of the machine's is needed.
        command = [sys.executable, "-P", "-m", "conductor", "psql", "--role", "report", "-XAtc", statement]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    shown = psql("SELECT current_user, current_setting('statement_timeout')")
    assert re.fullmatch(r"\w+_report\|1min\n", shown.stdout), shown.stderr
    refused = psql("DELETE FROM jobs")
    assert (refused.returncode, "read-only" in refused.stderr) == (1, True)


def test_psql_shows_no_password_in_the_process_list() -> None:
    variables = libpq_variables(
        "postgresql://me:secret@db.example:5433/site?sslmode=require", "site_report", limited=True
    )
    assert variables.pop("PGOPTIONS").startswith("-c role=site_report -c statement_timeout=")
    assert variables == {
        "PGHOST": "db.example", "PGPORT": "5433", "PGDATABASE": "site", "PGUSER": "me", "PGPASSWORD": "secret",
        "PGSSLMODE": "require",
    }  # fmt: skip


def test_a_reader_that_has_seen_enough_is_no_error(api: Api) -> None:
    for _ in range(3):
        api.submit(comment="x" * 4000)
    reader, writer = os.pipe()
    os.close(reader)
    environment = {"PYTHONPATH": str(ROOT), "CONDUCTOR_URL": api.url, "CONDUCTOR_API_TOKEN": TOKEN}
    command = [sys.executable, "-P", "-m", "conductor", "jobs", "--json"]
    with os.fdopen(writer, "wb") as full:
        ended = subprocess.run(command, env=environment, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize("name", [name for name, *_ in COMMANDS])
def test_every_command_has_help_with_an_example_within_80_columns(name: str) -> None:
    said = CliRunner().invoke(app, [name, "--help"], prog_name="conductor")
    assert said.exit_code == 0
    assert "Example: " in said.stdout
    assert max(map(len, said.stdout.splitlines())) <= 80


def test_help_loads_none_of_the_libraries_that_make_a_start_slow() -> None:
    heavy = "{'httpx', 'psycopg', 'pydantic', 'starlette', 'uvicorn', 'rich', 'orjson', 'structlog'}"
    program = (
        f"import conductor.cli.app, sys; print({{name.split('.')[0] for name in sys.modules}} & {heavy})"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "set()\n"


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.sh")), ids=lambda path: path.name)
def test_an_example_is_a_script_that_its_own_first_line_can_run(example: Path) -> None:
    assert example.read_text().startswith("#!/")
    assert example.stat().st_mode & stat.S_IXUSR
    interpreter = example.read_text().split("\n", 1)[0].split("/")[-1].split()[-1]
    parse = {"bash": ["bash", "-n"], "python3": [sys.executable, "-m", "ast"]}[interpreter]
    assert subprocess.run([*parse, str(example)], capture_output=True, check=False).returncode == 0


def write_output(api: Api, job_id: int, data: bytes, ending: str = "out") -> None:
    folder = api.settings.spool / "output"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"job_{job_id}.{ending}").open("ab") as file:
        file.write(data)
