"""The spool between two moments: what is half done there opens no gate, starts nothing and leads nowhere else."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

import pytest

from conductor.supervisor.launch import supervisor_command
from tests.process.supervised import Supervised, gone, until


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.mark.parametrize("first_line", ["", "#!/bin/sh\n", "#!/bin/bash -e\n"])
def test_a_gate_whose_supervisor_is_gone_lets_nobody_pass_even_with_the_script_in_place(
    spool: Path, tmp_path: Path, first_line: str
) -> None:
    """Killed between the two: the script is written, the gate not yet opened."""
    supervised = Supervised(spool)
    script = f"{first_line}echo ran >{tmp_path}/ran\n"
    pid = supervised.executor().gated(1, script)
    path = spool / "scripts/job_1.sh"
    path.write_text(script)
    path.chmod(0o700)
    supervised.kill()
    until(lambda: gone(pid), "the gated child to end")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["scripts", "output", "work", "journal", "supervisor.lock"])
def test_a_link_inside_the_spool_is_not_followed(spool: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    spool.mkdir(0o700)
    (spool / name).symlink_to(elsewhere / "file" if name in ("journal", "supervisor.lock") else elsewhere)
    ended = subprocess.run(supervisor_command(spool), capture_output=True, timeout=20, check=False)
    assert ended.returncode != 0
    assert list(elsewhere.iterdir()) == []


def test_a_link_in_a_scripts_place_is_not_followed(spool: Path, tmp_path: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    executor.gated(1, "echo ran\n")
    (spool / "scripts/job_1.sh").symlink_to(tmp_path / "elsewhere")
    executor.ask("open", 1)
    executor.event(1, "launch_failed")
    assert not (tmp_path / "elsewhere").exists()
    assert supervised.end() == 0


def test_nothing_is_forked_before_the_journal_says_so(spool: Path) -> None:
    supervised = Supervised(spool)
    executor = supervised.executor()
    _, hard = resource.prlimit(supervised.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(
        supervised.process.pid, resource.RLIMIT_FSIZE, ((spool / "journal").stat().st_size, hard)
    )
    executor.gate(1, "echo ran\n")
    executor.event(1, "launch_failed")
    resource.prlimit(supervised.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    assert not (spool / "output/job_1.out").exists()
    assert supervised.end() == 0
