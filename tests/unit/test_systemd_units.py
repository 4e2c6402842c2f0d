"""The units of `scripts/systemd`: each starts a command that exists, and none ends a job."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from conductor.cli.app import COMMANDS

FOLDER = Path(__file__).parent.parent.parent / "scripts" / "systemd"
ALIASES = {
    "api": "scns-api.service",
    "scheduler": "scns-scheduler.service",
    "executor": "scns-worker.service",
}
PARTS = ("api", "scheduler", "executor", "supervisor")


def unit(part: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string((FOLDER / f"conductor-{part}.service").read_text("utf-8"))
    return parsed


def test_there_is_one_unit_for_each_part() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"conductor-{part}.service" for part in PARTS}


@pytest.mark.parametrize("part", PARTS)
def test_a_unit_starts_its_part_and_brings_it_back_for_ever(part: str) -> None:
    told = unit(part)
    command = told["Service"]["ExecStart"].split()
    assert (Path(command[0]).name, command[1:]) == ("conductor", [part])
    assert part in {name for name, *_ in COMMANDS}
    assert told["Service"]["Restart"] == "always"
    assert told["Unit"]["StartLimitIntervalSec"] == "0"
    assert told["Install"].get("Alias") == ALIASES.get(part)


@pytest.mark.parametrize("part", ["executor", "supervisor"])
def test_systemd_signals_what_it_started_and_no_job(part: str) -> None:
    assert unit(part)["Service"]["KillMode"] == "process"


def test_the_supervisor_may_make_control_groups_and_is_upgraded_by_reloading() -> None:
    service = unit("supervisor")["Service"]
    assert service["Delegate"] == "yes"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
@pytest.mark.parametrize("part", PARTS)
def test_systemd_finds_nothing_wrong_with_a_unit(part: str, tmp_path: Path) -> None:
    text = (FOLDER / f"conductor-{part}.service").read_text("utf-8")
    copy = tmp_path / f"conductor-{part}.service"
    copy.write_text(text.replace("/usr/local/bin/conductor", "/bin/true"), "utf-8")  # need not be installed
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert copy.name not in done.stderr, done.stderr
