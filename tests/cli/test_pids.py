"""`conductor pids`, typed against a real server."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len

from conductor.client import connect
from conductor.settings import Settings
from tests.cli.test_commands import Type, conduct  # noqa: F401
from tests.fix_api import TOKEN, Api


@pytest.fixture
def processes(api: Api) -> Api:
    """Two jobs ran as one PID, on two nodes; the second was cancelled."""
    for number, node in enumerate(("gpu03", "node-2"), 1):
        api.register(node)
        job_id = api.submit(name="流体" * 20, user_name="alice", account="physics")
        allocation = api.start(job_id, node=node)
        if number == 1:
            api.end(allocation, exit_code=3)
        else:
            api.post(f"/jobs/{job_id}/cancel")
            outcome = {"reason": "cancelled", "exit_code": None, "exit_signal": 15}
            api.command("Release", allocation_id=allocation, incarnation=1, **outcome)
    return api


def test_several_are_a_table_of_80_columns_and_one_is_a_sheet(processes: Api, conduct: Type) -> None:  # noqa: F811
    said = conduct("pids", "--pid", 4711)
    assert said.exit_code == 0
    lines = said.stdout.splitlines()
    assert lines[0].split() == ["PID", "NODE", "JOB", "USER", "STARTED", "ENDED", "EXIT", "RELEASE"]
    assert [line.split()[:4] for line in lines[1:]] == [
        ["4711", "node-2", "2", "alice"],
        ["4711", "gpu03", "1", "alice"],
    ]
    assert "SIGTERM  cancelled (admin)" in lines[1]
    assert max(map(cell_len, lines)) <= 80
    sheet = conduct("pids", "--pid", 4711, "--node", "node-2").stdout
    for shown in (
        "PID 4711 on node-2: job 2",
        "physics",
        "Ended by      admin through the API",
        "SIGTERM",
        "boot",
    ):
        assert shown in sheet
    assert "节点" not in sheet
    assert "结束者      admin 通过 API" in conduct("pids", "--node", "node-2", CONDUCTOR_LANG="zh").stdout


def test_a_time_is_local_and_picks_who_was_alive(processes: Api, conduct: Type) -> None:  # noqa: F811
    [first] = json.loads(conduct("pids", "--node", "gpu03", "--json").stdout)["processes"]
    started = datetime.fromisoformat(first["start_time"]).replace(tzinfo=UTC).astimezone()
    then = started.replace(tzinfo=None).isoformat(" ")
    assert "job 1" in conduct("pids", "--pid", 4711, "--at", then).stdout
    before = (started - timedelta(seconds=1)).isoformat()
    nobody = conduct("pids", "--at", before)
    assert (nobody.exit_code, nobody.stdout, nobody.stderr) == (0, "", "No process matches.\n")
    wrong = conduct("pids", "--at", "teatime")
    assert wrong.exit_code == 2
    assert "teatime is no time" in wrong.stderr


def test_wide_shows_every_column_and_json_is_the_apis(processes: Api, conduct: Type) -> None:  # noqa: F811
    wide = conduct("pids", "--wide").stdout
    assert "SUBMITTED BY" in wide
    assert wide.count("流体" * 20) == 2
    assert json.loads(conduct("pids", "--json").stdout) == processes.get("/pids")
    assert "More follow" in conduct("pids", "--limit", 1, "--wide").stderr


def test_the_client_has_them_as_values(processes: Api) -> None:
    settings = Settings(home=processes.settings.home, url=processes.url, api_token=TOKEN)
    with connect(settings) as client:
        page = client.processes(pid=4711, limit=1)
        assert (page.processes[0].ended_by, page.processes[0].exit_signal) == ("admin", 15)
        assert client.processes(cursor=page.next).processes[0].exit_code == 3
