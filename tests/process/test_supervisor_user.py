"""Jobs under another account: whose rights open what, and what such a job can see and reach."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from conductor.supervisor.account import AccountRefused, checked_account
from conductor.supervisor.protocol import RunAs
from tests.process.supervised import Executor, Supervised, output_of

UID, GID, GROUP = 54321, 54322, 54323
ACCOUNT: RunAs = {"user_name": "ada", "uid": UID, "gid": GID, "groups": [GID, GROUP], "home": "/home/ada"}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that every user may pass through; those of `tmp_path` are private."""
    place = Path(tempfile.mkdtemp(prefix="conductor-user-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def supervised(place: Path) -> Iterator[Supervised]:
    supervised = Supervised(place / "spool", umask=0o022)
    yield supervised
    assert supervised.end() == 0


@pytest.fixture(scope="module")
def executor(supervised: Supervised) -> Executor:
    return supervised.executor()


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def number(numbers: Iterator[int]) -> int:
    return next(numbers)


@pytest.fixture
def home(place: Path, number: int) -> Path:
    """A folder of the user's own."""
    home = place / f"home-{number}"
    home.mkdir(0o700)
    os.chown(home, UID, GID)
    return home


@pytest.fixture
def ours(place: Path, number: int) -> Path:
    """A folder of root's that nobody else may enter."""
    ours = place / f"ours-{number}"
    ours.mkdir(0o700)
    return ours


def refused(executor: Executor, number: int, **more: Any) -> str:
    executor.gate(number, "echo ran\n", run_as=ACCOUNT, **more)
    reason: str = executor.event(number, "launch_failed")["reason"]
    return reason


@pytest.mark.parametrize("first_line", ["", "#!/bin/sh\n"], ids=["bash", "sh"])
def test_it_is_that_user_with_its_groups_and_nothing_more(
    supervised: Supervised, executor: Executor, number: int, first_line: str
) -> None:
    script = """
        id -u; id -g; id -G; umask; echo $HOME $USER $LOGNAME
        sed -n 's/^NoNewPrivs:[[:space:]]*//p; s/^CapEff:[[:space:]]*//p' /proc/self/status
        ls /proc/self/fd | wc -l
    """
    assert executor.run(number, first_line + script, run_as=ACCOUNT)["exit_code"] == 0
    lines = output_of(supervised.spool, number).decode().splitlines()
    assert lines[:5] == [str(UID), str(GID), f"{GID} {GROUP}", "0077", "/home/ada ada ada"]
    assert sorted(lines[5:7]) == ["0000000000000000", "1"]
    assert lines[7] == "4"  # 0, 1, 2 and the listing's own


def test_its_script_output_and_work_folder_are_its_own_and_nobody_elses(
    supervised: Supervised, executor: Executor, number: int
) -> None:
    script = (
        'stat -c "%u %g %a" "$0" . /dev/stdout -L; cat "$0" >/dev/null; touch kept; echo more >>/dev/stdout\n'
    )
    assert executor.run(number, script, run_as=ACCOUNT)["exit_code"] == 0
    lines = output_of(supervised.spool, number).decode().splitlines()
    assert lines == [f"{UID} {GID} 700", f"{UID} {GID} 700", f"{UID} {GID} 600", "more"]
    kept = supervised.spool / "work" / f"job_{number}" / "kept"
    assert (kept.stat().st_uid, kept.stat().st_mode & 0o777) == (UID, 0o600)


def test_the_spool_shows_it_nothing_of_others(
    supervised: Supervised, executor: Executor, number: int
) -> None:
    executor.run(number, "echo secret\n")
    spool = supervised.spool
    script = f"""
        ls {spool} || ls {spool}/scripts || ls {spool}/output || ls {spool}/work && echo listed
        cat {spool}/journal || cat {spool}/scripts/job_{number}.sh || cat {spool}/output/job_{number}.out && echo read
        echo x >{spool}/mine || echo x >{spool}/scripts/mine && echo written
        exit 0
    """
    executor.run(-number, script, run_as=ACCOUNT)
    assert output_of(spool, -number) == b""


def test_users_do_not_hand_work_folders_to_one_another(
    supervised: Supervised, executor: Executor, number: int
) -> None:
    executor.run(number, "exit 0\n", run_as=ACCOUNT)
    assert not (supervised.spool / "work" / f"job_{number}").exists()
    executor.run(-number, "stat -c %u .\n")
    assert output_of(supervised.spool, -number) == b"0\n"


def test_outputs_are_opened_with_its_own_rights(
    executor: Executor, number: int, home: Path, ours: Path
) -> None:
    exited = executor.run(number, "echo hello\n", run_as=ACCOUNT, stdout_path=f"{home}/my.log")
    assert exited["exit_code"] == 0
    status = (home / "my.log").stat()
    assert (status.st_uid, status.st_mode & 0o777) == (UID, 0o600)
    assert "cannot be opened" in refused(executor, -number, stdout_path=f"{ours}/my.log")
    assert list(ours.iterdir()) == []


def test_its_groups_open_what_is_theirs_and_roots_do_not(executor: Executor, number: int, ours: Path) -> None:
    ours.chmod(0o770)  # of root's group
    assert "cannot be opened" in refused(executor, -number, stdout_path=f"{ours}/my.log")
    os.chown(ours, 0, GROUP)
    exited = executor.run(number, "echo hello\n", run_as=ACCOUNT, stdout_path=f"{ours}/my.log")
    assert exited["exit_code"] == 0
    assert (ours / "my.log").read_text() == "hello\n"


def test_no_link_of_its_own_leads_where_it_may_not_write(
    executor: Executor, number: int, home: Path, ours: Path
) -> None:
    (ours / "precious").write_text("data")
    (home / "folder").symlink_to(ours)
    (home / "file").symlink_to(ours / "precious")
    (home / "hard").symlink_to("/etc/passwd")
    for offset, name in enumerate(("folder/precious", "folder/new", "file", "hard")):
        refused(executor, 1000 * number + offset, stdout_path=f"{home}/{name}")
    assert [(path.name, path.read_text()) for path in ours.iterdir()] == [("precious", "data")]


def test_a_work_folder_it_may_not_enter_is_refused(
    supervised: Supervised, executor: Executor, number: int, home: Path, ours: Path
) -> None:
    assert executor.run(number, "pwd\n", run_as=ACCOUNT, work_dir=str(home))["exit_code"] == 0
    assert output_of(supervised.spool, number).decode() == f"{home}\n"
    (home / "link").symlink_to(ours)
    for offset, folder in enumerate((ours, home / "link", home / "missing")):
        assert str(folder) in refused(executor, 1000 * number + offset, work_dir=str(folder))


def test_its_output_is_capped_in_its_own_folder_too(executor: Executor, number: int, home: Path) -> None:
    exited = executor.run(
        number, "echo 0123456789\n", run_as=ACCOUNT, stdout_path=f"{home}/log", output_limit_bytes=4
    )
    assert exited["truncated"] == ["stdout"]
    assert (home / "log").read_bytes() == b"0123\n[conductor: output truncated at 4 bytes]\n"


def test_it_can_be_stopped_and_its_memory_watched(executor: Executor, number: int) -> None:
    executor.started(number, "exec sleep 300\n", run_as=ACCOUNT)
    executor.ask("stop", number, cause="cancelled", grace_seconds=5)
    assert executor.event(number, "exited")["cause"] == "cancelled"
    script = "x=$(head -c 60M /dev/zero | tr '\\0' x); sleep 300\n"
    exited = executor.run(-number, script, run_as=ACCOUNT, memory_mb=40)
    assert exited["cause"] == "out_of_memory"


def test_the_supervisor_is_root_again_afterwards(
    supervised: Supervised, executor: Executor, number: int, ours: Path
) -> None:
    status = Path(f"/proc/{supervised.process.pid}/status").read_text()
    before = [line for line in status.splitlines() if line.startswith(("Uid", "Gid", "Groups"))]
    executor.run(number, "exit 0\n", run_as=ACCOUNT)
    refused(executor, -number, stdout_path=f"{ours}/my.log")
    status = Path(f"/proc/{supervised.process.pid}/status").read_text()
    assert [line for line in status.splitlines() if line.startswith(("Uid", "Gid", "Groups"))] == before


def test_a_spool_it_cannot_pass_through_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    supervised = Supervised(tmp_path / "spool")
    reason = refused(supervised.executor(), 1)
    assert "ada" in reason
    assert "chmod o+x" in reason
    assert supervised.end() == 0


def test_a_supervisor_that_is_not_root_runs_jobs_as_itself_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checked_account(ACCOUNT) == ACCOUNT
    assert checked_account(None) is None
    monkeypatch.setattr(os, "geteuid", lambda: UID)
    assert checked_account(ACCOUNT) is None
    monkeypatch.setattr(os, "geteuid", lambda: UID + 1)
    with pytest.raises(AccountRefused, match="not root"):
        checked_account(ACCOUNT)
