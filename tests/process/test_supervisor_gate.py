"""No line of a script runs before its gate is opened, and after that it runs as if there had been no gate."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.supervised import Executor, Supervised, gone, output_of, until

HOSTILE = {
    "POSIXLY_CORRECT": "1",
    "BASH_ENV": "/nonexistent/evil",
    "ENV": "/nonexistent/evil",
    "SHELLOPTS": "braceexpand:posix:errexit",
    "BASHOPTS": "failglob",
    "UID": "4711",
    "EUID": "4711",
    "PPID": "4711",
    "BASH_VERSINFO": "9",
    "IFS": "x",
    "TMOUT": "1",
    "OPTIND": "not a number",
    "PWD": "/nonexistent",
    "_": "underscore",
}
INTERPRETERS = {
    "none": "",
    "bash": "#!/bin/bash\n",
    "usr bash with blanks": "#! /usr/bin/bash \t\n",
    "env bash": "#!/usr/bin/env bash\n",
    "login bash": "#!/bin/bash -l\n",
    "sh -e": "#!/bin/sh -e\n",
}


@pytest.fixture(scope="module")
def supervised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervised]:
    supervised = Supervised(tmp_path_factory.mktemp("gate") / "spool")
    yield supervised
    assert supervised.end() == 0


@pytest.fixture(scope="module")
def executor(supervised: Supervised) -> Executor:
    return supervised.executor()


@pytest.fixture
def allocation_id(request: pytest.FixtureRequest, supervised: Supervised) -> int:
    used: list[int] = supervised.__dict__.setdefault("used", [0])
    used[0] += 1
    return used[0]


@pytest.mark.parametrize("first_line", INTERPRETERS.values(), ids=INTERPRETERS)
def test_nothing_of_a_script_runs_before_its_gate_is_opened(
    executor: Executor, allocation_id: int, tmp_path: Path, first_line: str
) -> None:
    ran = tmp_path / "ran"
    pid = executor.gated(allocation_id, f"{first_line}echo ran >{ran}\n")
    until(lambda: _reads_a_pipe(pid), "the child to wait")
    assert not ran.exists()
    executor.ask("open", allocation_id)
    assert executor.event(allocation_id, "exited")["exit_code"] == 0
    assert ran.read_text() == "ran\n"


@pytest.mark.parametrize("first_line", INTERPRETERS.values(), ids=INTERPRETERS)
def test_nothing_of_a_discarded_script_runs(
    executor: Executor, allocation_id: int, tmp_path: Path, first_line: str
) -> None:
    pid = executor.gated(allocation_id, f"{first_line}echo ran >{tmp_path}/ran\n")
    executor.ask("discard", allocation_id)
    executor.event(allocation_id, "discarded")
    assert gone(pid)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("first_line", INTERPRETERS.values(), ids=INTERPRETERS)
def test_a_hostile_environment_neither_opens_the_gate_nor_disturbs_the_script(
    executor: Executor, supervised: Supervised, allocation_id: int, tmp_path: Path, first_line: str
) -> None:
    evil = tmp_path / "evil"
    evil.write_text(f"echo sourced >>{tmp_path}/sourced\n")
    pid = executor.gated(
        allocation_id, f"{first_line}echo A=$A\n", environment={**HOSTILE, "A": "1", "BASH_ENV": str(evil)}
    )
    until(lambda: _reads_a_pipe(pid), "the child to wait")
    assert not (tmp_path / "sourced").exists()
    executor.ask("open", allocation_id)
    assert executor.event(allocation_id, "exited")["exit_code"] == 0
    assert output_of(supervised.spool, allocation_id) == b"A=1\n"


def test_the_jobs_own_startup_file_is_read_behind_the_gate(
    executor: Executor, supervised: Supervised, allocation_id: int, tmp_path: Path
) -> None:
    startup = tmp_path / "startup"
    startup.write_text("greet() { echo hello $1; }\n")
    executor.run(allocation_id, "greet you\n", environment={"BASH_ENV": str(startup)})
    assert output_of(supervised.spool, allocation_id) == b"hello you\n"


def test_a_shell_that_cannot_read_the_gate_finds_no_script(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    executor.gated(allocation_id, "echo ran\n")
    assert not (supervised.spool / "scripts" / f"job_{allocation_id}.sh").exists()


def test_the_gates_own_variables_and_descriptors_are_gone(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    script = "find /proc/$$/fd -type l -printf '%f %l\\n'; env\n"
    executor.run(
        allocation_id, script, environment={"MINE": "1"}, standard_environment={"CONDUCTOR_JOB_ID": "9"}
    )
    lines = output_of(supervised.spool, allocation_id).decode().splitlines()
    descriptors = dict(line.split(" ", 1) for line in lines if line[0].isdigit())
    assert descriptors.pop("0") == "/dev/null"
    assert descriptors.pop("1").endswith(f"output/job_{allocation_id}.out")
    assert descriptors.pop("2").endswith(f"output/job_{allocation_id}.err")
    assert [path.rpartition("/")[2] for path in descriptors.values()] == [f"job_{allocation_id}.sh"]
    names = {line.partition("=")[0] for line in lines if not line[0].isdigit()}
    expected = {
        "CONDUCTOR_JOB_ID",
        "CONDUCTOR_JOB_MARK",
        "HOME",
        "LANG",
        "MINE",
        "PATH",
        "PWD",
        "SHLVL",
        "USER",
        "_",
    }
    assert names == expected


def test_a_python_script_has_no_stray_descriptor(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    script = (
        "#!/usr/bin/env python3\nimport os, sys\nfor fd in (0, 1, 2): os.fstat(fd)\n"
        "for fd in range(3, 64):\n    try: os.fstat(fd); print(fd)\n    except OSError: pass\n"
        "print(sys.argv[0], os.environ['A'])\n"
    )
    executor.run(allocation_id, script, environment={"A": "b"})
    path = supervised.spool / "scripts" / f"job_{allocation_id}.sh"
    assert output_of(supervised.spool, allocation_id).decode() == f"{path} b\n"


def test_the_supervisors_own_environment_stays_its_own(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path / "spool", env={"CONDUCTOR_DATABASE_URL": "secret", "A": "1"})
    executor = supervised.executor()
    executor.run(1, "cat /proc/self/environ; env\n")
    assert b"secret" not in output_of(supervised.spool, 1)
    assert supervised.end() == 0


def test_values_arrive_whatever_they_hold(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    values = {
        "QUOTES": 'it\'s "quoted" `not run` $(not run) \\ $HOME',
        "LINES": "\nfirst\n\nthird\n",
        "BYTES": bytes(range(1, 256)).decode("utf-8", "surrogateescape"),
        "CHINESE": "你好",
        "EMPTY": "",
        "LANG": "zh_CN.GBK",
    }
    for number, first_line in enumerate(("", "#!/bin/sh\n")):
        executor.run(10_000 + 2 * allocation_id + number, f"{first_line}env -0\n", environment=values)
        output = output_of(supervised.spool, 10_000 + 2 * allocation_id + number)
        seen = dict(line.split(b"=", 1) for line in output.split(b"\0") if line)
        for name, value in values.items():
            assert seen[name.encode()] == value.encode("utf-8", "surrogateescape")


def test_a_large_environment_and_a_script_of_a_mebibyte_arrive_whole(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    values = {f"LARGE_{number}": "x" * 100_000 for number in range(8)}
    script = "echo ${#LARGE_7}\n" + "# 你好\n" * ((1 << 20) // 9 - 10) + "echo end\n"
    assert executor.run(allocation_id, script, environment=values)["exit_code"] == 0
    assert output_of(supervised.spool, allocation_id) == b"100000\nend\n"


def test_standard_names_win_over_the_jobs_own(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    names = {"SLURM_JOB_ID": "ours"}
    executor.run(
        allocation_id,
        "echo $SLURM_JOB_ID\n",
        environment={"SLURM_JOB_ID": "theirs"},
        standard_environment=names,
    )
    assert output_of(supervised.spool, allocation_id) == b"ours\n"


def test_the_script_and_its_mark_can_be_seen_from_outside(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    for number, first_line in enumerate(("", "#!/bin/sh\n")):
        job = 20_000 + 2 * allocation_id + number
        pid = executor.started(job, f"{first_line}while :; do sleep 60; done\n")
        path = f"{supervised.spool}/scripts/job_{job}.sh"
        until(lambda pid=pid, path=path: path.encode() in _arguments(pid)[1:2], "the arguments")  # type: ignore[misc]
        assert f"CONDUCTOR_JOB_MARK={job}.".encode() in Path(f"/proc/{pid}/environ").read_bytes()
        assert os.getsid(pid) == pid
        executor.ask("stop", job, cause="cancelled")
        executor.event(job, "exited")


def test_an_interpreter_gets_the_rest_of_its_line_as_one_argument(
    executor: Executor, supervised: Supervised, allocation_id: int, tmp_path: Path
) -> None:
    shows = tmp_path / "shows"
    shows.write_text('#!/bin/sh\nfor word; do echo "[$word]"; done\n')
    shows.chmod(0o755)
    executor.run(allocation_id, f"#!{shows}  one  two\t \nnothing\n")
    path = supervised.spool / "scripts" / f"job_{allocation_id}.sh"
    assert output_of(supervised.spool, allocation_id).decode() == f"[one  two]\n[{path}]\n"


def test_affinity_holds_from_the_first_line(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    cpu = executor.welcome["cpu_ids_of_machine"][-1]
    executor.run(
        allocation_id, "grep Cpus_allowed_list /proc/self/status\n", cpu_ids=[cpu], set_affinity=True
    )
    assert output_of(supervised.spool, allocation_id).split()[-1] == str(cpu).encode()


def test_a_prologue_is_sourced_behind_the_gate(
    executor: Executor, supervised: Supervised, allocation_id: int, tmp_path: Path
) -> None:
    prologue = tmp_path / "site's prologue"
    prologue.write_text('export FROM_SITE="$MINE"; greet() { echo hello $1; }; false\n')
    executor.run(
        allocation_id, "echo $?; greet $FROM_SITE\n", environment={"MINE": "you"}, prologue=str(prologue)
    )
    assert output_of(supervised.spool, allocation_id) == b"0\nhello you\n"


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"work_dir": "/nonexistent/folder"}, "/nonexistent/folder"),
        ({"work_dir": "/etc/passwd"}, "/etc/passwd"),
        ({"stdout_path": "/nonexistent/out"}, "/nonexistent/out"),
        ({"stdout_path": "/dev/zero"}, "/dev/zero"),
        ({"script": "#!/nonexistent/interpreter\n"}, "/nonexistent/interpreter"),
        ({"script": "#!python3\n"}, "python3"),
        ({"cpu_ids": [100_000], "set_affinity": True}, "100000"),
        ({"prologue": "/nonexistent/prologue"}, "/nonexistent/prologue"),
        ({"environment": {"NOT-A-NAME": ""}}, "NOT-A-NAME"),
        ({"environment": {"NUL": "\0"}}, "NUL"),
        ({"environment": {"NUMBER": 1}}, "argument of type 'int'"),
        ({"script": "echo \ud800\n", "opened": True}, "surrogates"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_started_fails_with_a_reason_and_the_supervisor_lives(
    executor: Executor, allocation_id: int, more: dict[str, object], named: str
) -> None:
    script = str(more.pop("script", "echo ran\n"))
    if more.pop("opened", False):
        executor.gated(allocation_id, script, **more)
        executor.ask("open", allocation_id)
    else:
        executor.gate(allocation_id, script, **more)
    reason = executor.event(allocation_id, "launch_failed")["reason"]
    assert named in reason
    executor.ask("forget", allocation_id)
    assert executor.run(30_000 + allocation_id, "exit 0\n")["exit_code"] == 0


def test_output_never_goes_into_a_pipe_or_through_a_link(
    executor: Executor, allocation_id: int, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for number, name in enumerate(("pipe", "link")):
        job = 40_000 + 2 * allocation_id + number
        executor.gate(job, "echo ran\n", stdout_path=str(tmp_path / name))
        assert str(tmp_path / name) in executor.event(job, "launch_failed")["reason"]
    assert not (tmp_path / "target").exists()


def test_equal_paths_share_one_open_file_and_append(
    executor: Executor, allocation_id: int, tmp_path: Path
) -> None:
    path = tmp_path / "both"
    path.write_bytes(b"before\n")
    executor.run(
        allocation_id, "echo out; echo err >&2; echo out\n", stdout_path=str(path), stderr_path=str(path)
    )
    assert path.read_bytes() == b"before\nout\nerr\nout\n"


def test_a_gate_asked_for_twice_is_answered_twice_and_made_once(
    executor: Executor, allocation_id: int
) -> None:
    first = executor.gated(allocation_id, "exit 7\n")
    assert executor.gated(allocation_id, "exit 8\n") == first
    for _ in range(2):
        executor.ask("open", allocation_id)
        executor.event(allocation_id, "opened", "exited")
    assert executor.event(allocation_id, "exited")["exit_code"] == 7


def test_a_gated_child_that_dies_is_a_launch_that_failed(executor: Executor, allocation_id: int) -> None:
    pid = executor.gated(allocation_id, "echo ran\n")
    os.kill(pid, 9)
    assert "signal 9" in executor.event(allocation_id, "launch_failed")["reason"]
    executor.ask("open", allocation_id)
    assert "signal 9" in executor.event(allocation_id, "launch_failed")["reason"]


def test_an_earlier_attempts_script_is_replaced_and_its_output_continued(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    executor.run(allocation_id, "echo first\n")
    executor.ask("forget", allocation_id)
    executor.run(50_000 + allocation_id, "echo second\n", job_id=allocation_id, attempt=2)
    assert output_of(supervised.spool, allocation_id) == b"first\nsecond\n"


def test_a_work_folder_is_private_empty_and_the_jobs_own(executor: Executor, supervised: Supervised) -> None:
    """Folders that were left empty are handed on; one with something in it stays."""
    spool = supervised.spool
    assert executor.run(60_000, "pwd; chmod 777 .\n")["exit_code"] == 0
    executor.run(60_001, "touch kept; pwd\n")
    pid = executor.started(60_002, "ls -A; pwd; exec sleep 60\n")
    until(lambda: output_of(spool, 60_002) != b"", "the script's first lines")
    folder = spool / "work" / "job_60002"
    assert Path(f"/proc/{pid}/cwd").resolve() == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    executor.ask("stop", 60_002, cause="cancelled")
    executor.event(60_002, "exited")
    assert output_of(spool, 60_002).decode() == f"{folder}\n"
    assert (spool / "work" / "job_60001" / "kept").exists()
    shutil.rmtree(spool / "work" / "job_60001")


def test_output_bytes_are_kept_exactly(
    executor: Executor, supervised: Supervised, allocation_id: int
) -> None:
    script = "printf 'no end\\0\\033[31m\\377'; head -c 300000 /dev/zero >&2\n"
    executor.run(allocation_id, script)
    assert output_of(supervised.spool, allocation_id) == b"no end\0\x1b[31m\xff"
    assert output_of(supervised.spool, allocation_id, "err") == bytes(300_000)


def _arguments(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def _reads_a_pipe(pid: int) -> bool:
    """Asleep, with a pipe as standard input: it waits at its gate."""
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "S" and str(Path(f"/proc/{pid}/fd/0").readlink()).startswith("pipe:")
