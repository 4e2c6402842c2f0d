"""Nodes as the command line shows and changes them; the test plays their executors."""

import json
import re
import time
from pathlib import Path

import pytest
from rich.cells import cell_len
from typer.testing import Result

from tests.cli.test_commands import Type, typed_at
from tests.fix_api import Api


@pytest.fixture
def conduct(api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Type:
    monkeypatch.chdir(tmp_path)
    return typed_at(api.url, api.settings.home)


def heard_from(api: Api, node: str, *, seconds_ago: int = 0) -> None:
    api.sql("SELECT renew_lease(%s, 1, 30, '{}')", node)
    passed = f"interval '{seconds_ago} seconds'"
    api.sql(f"UPDATE node_leases SET renewed_at = renewed_at - {passed}, expires_at = expires_at - {passed}")  # noqa: S608


@pytest.mark.parametrize(
    ("language", "up", "lost"),
    [
        ("en", "silent for 1:02", "silent for 1:02:0. (LOST: not heard from for 45 s)"),
        ("zh", "已失联 1:02", "已失联 1:02:0.（LOST：not heard from for 45 s）"),
    ],
)
def test_a_node_that_is_not_heard_from_says_so_and_has_nothing_free(
    api: Api, conduct: Type, language: str, up: str, lost: str
) -> None:
    api.register("node-1", 4)
    heard_from(api, "node-1", seconds_ago=62)

    def row(*words: str) -> str:
        return conduct("nodes", *words, CONDUCTOR_LANG=language).stdout.splitlines()[1]

    assert re.fullmatch(rf"node-1 +UP +0 +0 +- +4 +1\.0G +{up}", row())
    assert json.loads(conduct("nodes", "--json").stdout)["nodes"][0]["state"] == "UP"
    heard_from(api, "node-1", seconds_ago=3660)
    api.command("DeclareNodeLost", node_name="node-1", reason="not heard from for 45 s")
    told = re.split(r"  +", row("--wide"))
    assert (told[1], told[4]) == ("LOST", "-")
    assert re.fullmatch(re.escape(lost).replace("0\\.", "0."), told[7])
    assert cell_len(row()) <= 80


def sheet_of(said: Result) -> dict[str, str]:
    lines = [line.strip() for line in said.stdout.splitlines()[1:]]
    return dict(re.split(r"  +", line, maxsplit=1) for line in lines)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_node_is_shown_with_who_drained_it_and_when_in_local_time(
    api: Api, conduct: Type, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        api.register("n1", labels={f"label-{number}": "value" for number in range(12)}, memory_mb=2048)
        heard_from(api, "n1")
        conduct("drain", "n1", "--reason", "old disk")
        conduct("resume", "n1")
        conduct("drain", "n1", "--reason", "new disk")
        said = conduct("node", "n1", CONDUCTOR_LANG=language)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert max(cell_len(line) for line in said.stdout.splitlines()) <= 80
    assert re.search(
        {
            "en": r"State  +DRAINED\n.*new disk\n.*\+08:00, by admin",
            "zh": r"状态  +DRAINED\n.*new disk\n.*\+08:00，由 admin",
        }[language],
        said.stdout,
    )
    assert "+00:00" not in said.stdout
    assert not re.search("[a-z]+_[a-z]+", said.stdout)  # no key of the API
    heard_from(api, "n1", seconds_ago=62)
    assert {"en": "DRAINED, silent for 1:02", "zh": "DRAINED，已失联 1:02"}[language] in conduct(
        "node", "n1", CONDUCTOR_LANG=language
    ).stdout


def test_nodes_are_listed_shown_drained_and_resumed(api: Api, conduct: Type) -> None:
    assert "No nodes are registered" in conduct("nodes").stderr
    api.register("node-1", 4)
    api.start(api.submit(cpus=3))
    assert re.search(
        r"^node-1 +UP +3 +0 +- +4 +1\.0G +not heard from yet$", conduct("nodes").stdout, re.MULTILINE
    )
    heard_from(api, "node-1")
    assert re.search(r"^node-1 +UP +3 +0 +1 +4 +1\.0G$", conduct("nodes").stdout, re.MULTILINE)
    assert conduct("drain", "node-1", "--reason", "disk").exit_code == 0
    assert re.search(r"^  Reason +disk$", conduct("node", "node-1").stdout, re.MULTILINE)
    assert conduct("resume", "node-1").stdout == "Node node-1 takes jobs again.\n"
    stats = conduct("stats").stdout
    assert "4 = 3 used + 0 reserved + 1 free + 0 unavailable" in stats
    assert json.loads(conduct("nodes", "--json").stdout)["nodes"][0]["used_cpus"] == 3


def test_what_nodes_offer_and_jobs_ask_of_them_is_shown(api: Api, conduct: Type, tmp_path: Path) -> None:
    api.register("n1", labels={"zone": "a"}, gres={"gpu": 4}, numa=[[0, 1], [2, 3]], memory_mb=2048)
    (tmp_path / "job.sh").write_text("true\n")
    options = ("-w", "n[1-2]", "-C", "zone=a", "--gres", "gpu:2", "--mem", "1G", "--exclusive")
    assert conduct("submit", *options, "job.sh").exit_code == 0
    api.start(1, node="n1")
    heard_from(api, "n1")
    table = conduct("nodes", "--wide").stdout
    assert [re.split(r"  +", line.strip()) for line in table.splitlines()] == [
        [
            "NAME",
            "STATE",
            "USED",
            "RESERVED",
            "FREE",
            "TOTAL",
            "MEMORY",
            "REASON",
            "HELD",
            "GRES",
            "NUMA",
            "LABELS",
        ],
        ["n1", "UP", "4", "0", "0", "4", "2.0G", "1.0G", "gpu:2/4", "0-1 | 2-3", "zone=a"],
    ]
    sheet = sheet_of(conduct("node", "n1"))
    assert (sheet["Labels"], sheet["Resources"], sheet["Memory"]) == (
        "zone=a", "gpu 2 of 4 held", "2048 MB, 1024 held",
    )  # fmt: skip
    assert (sheet["NUMA"], sheet["CPUs"]) == ("0-1 | 2-3", "4: 4 used, 0 reserved, 0 free")
    job = conduct("job", 1).stdout
    for said in ("gpu:2 (numbers gpu 0-1)", "the whole node", "zone=a", "n1, n2"):
        assert said in job
    refused = conduct("submit", "--gres", "gpu:5", "job.sh")
    assert (refused.exit_code, "no node has more than 4" in refused.stderr) == (1, True)


def test_who_drained_and_resumed_a_node_and_why_is_in_the_log(api: Api, conduct: Type) -> None:
    api.register("n1")
    conduct("drain", "n1", "--reason", "new disk")
    assert api.get("/nodes/n1")["reason"] == "new disk"
    assert "its reason stays: new disk" in conduct("drain", "n1").stdout
    conduct("drain", "n1", "--reason", "and fan")
    assert api.get("/nodes/n1")["reason"] == "and fan"
    conduct("resume", "n1", "--reason", "disk is in")
    events = api.get("/events", stream="node-n1")["events"][1:]
    told = [
        (e["type"], e["data"]["reason"], e["metadata"]["actor"], e["metadata"]["channel"]) for e in events
    ]
    assert told == [
        ("NodeDrained", "new disk", "admin", "cli"),
        ("NodeDrained", "and fan", "admin", "cli"),
        ("NodeResumed", "disk is in", "admin", "cli"),
    ]
