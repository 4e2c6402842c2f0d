"""A job's limits: the warning before its end, the cap of its output, its memory, its `ulimit`s."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.process.supervised import Executor, Supervised, gone, output_of, until, write_to

TWO_WHO_TRAP = """
sh -c 'trap "echo child" USR1; echo ready; while :; do sleep 0.02; done' &
trap 'echo shell' USR1
while :; do wait; done
"""


def mark(limit_bytes: int) -> bytes:
    return b"[conductor: output truncated at %d bytes]\n" % limit_bytes


def python(code: str) -> str:
    return f"exec {shlex.quote(sys.executable)} -I -S -c {shlex.quote(code)}\n"


@pytest.fixture(
    scope="module", params=[("--group-every-job",), ("--without-cgroups",)], ids=["cgroups", "no cgroups"]
)
def supervised(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Supervised]:
    supervised = Supervised(tmp_path_factory.mktemp("limits") / "spool", request.param)
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
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


# The warning


@pytest.mark.parametrize(
    ("batch_only", "told"), [(True, b"shell"), (False, b"child")], ids=["B:USR1", "USR1"]
)
def test_the_warning_reaches_the_shell_alone_or_everything_else(
    supervised: Supervised, executor: Executor, number: int, batch_only: bool, told: bytes
) -> None:
    exited = executor.run(
        number,
        TWO_WHO_TRAP,
        time_limit_seconds=1.2,
        warn_signal=signal.SIGUSR1,
        warn_seconds=0.7,
        warn_batch_only=batch_only,
        kill_grace_seconds=0.1,
    )
    assert exited["cause"] == "timed_out"
    assert output_of(supervised.spool, number).split() == [b"ready", told]


def test_a_warning_longer_than_the_limit_comes_at_the_start(executor: Executor, number: int) -> None:
    exited = executor.run(
        number,
        "exec sleep 300\n",
        time_limit_seconds=300.0,
        warn_signal=signal.SIGUSR1,
        warn_seconds=1000.0,
        warn_batch_only=True,
    )
    assert (exited["exit_signal"], exited["cause"]) == (signal.SIGUSR1, None)


def test_the_warning_outlives_the_supervisor(tmp_path: Path) -> None:
    first = Supervised(tmp_path / "spool")
    first.executor().started(
        1,
        TWO_WHO_TRAP,
        time_limit_seconds=2.0,
        warn_signal=signal.SIGUSR1,
        warn_seconds=1.0,
        kill_grace_seconds=0.1,
    )
    first.kill()
    second = Supervised(tmp_path / "spool")
    assert second.executor().event(1, "exited")["cause"] == "timed_out"
    assert output_of(second.spool, 1).split() == [b"ready", b"child"]
    assert second.end() == 0


# Output


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        ("0123456789", b"0123\n" + mark(4)),
        (r"012\n456789", b"012\n" + mark(4)),
        ("01234", b"0123\n" + mark(4)),
        (r"\0\1\2\3\4\033[2J", b"\0\1\2\3\n" + mark(4)),
    ],
)
def test_what_is_too_long_is_cut_and_says_so(
    supervised: Supervised, executor: Executor, number: int, printed: str, kept: bytes
) -> None:
    exited = executor.run(number, f"printf '{printed}'; printf 'err\n' >&2; exit 5\n", output_limit_bytes=4)
    assert (exited["exit_code"], exited["truncated"]) == (5, ["stdout"])
    assert output_of(supervised.spool, number) == kept
    assert output_of(supervised.spool, number, "err") == b"err\n"


def test_what_just_fits_is_left_alone(supervised: Supervised, executor: Executor, number: int) -> None:
    exited = executor.run(number, "printf 0123; printf 0123 >&2\n", output_limit_bytes=4)
    assert exited["truncated"] == []
    assert output_of(supervised.spool, number) == output_of(supervised.spool, number, "err") == b"0123"


def test_a_writer_behind_the_cap_is_neither_blocked_nor_ended(
    supervised: Supervised, executor: Executor, number: int, fifo: Path, tmp_path: Path
) -> None:
    done = tmp_path / "done"
    script = f"printf 0123456789; read _ <{fifo}; printf more; printf more >&2; touch {done}; exit 6\n"
    executor.started(number, script, output_limit_bytes=4, join_output=True)
    until(lambda: output_of(supervised.spool, number) == b"0123\n" + mark(4), "the cut")
    write_to(fifo, "\n")
    until(done.exists, "the script to print on")
    exited = executor.event(number, "exited")
    assert (exited["exit_code"], exited["truncated"]) == (6, ["stdout"])
    assert output_of(supervised.spool, number) == b"0123\n" + mark(4)


def test_a_printer_of_a_gigabyte_stays_bounded_on_disk(
    supervised: Supervised, executor: Executor, number: int
) -> None:
    limit = 1024 * 1024
    pid = executor.started(number, "exec head -c 1G /dev/zero\n", output_limit_bytes=limit)
    path = supervised.spool / "output" / f"job_{number}.out"
    most = 0
    while not gone(pid):
        most = max(most, path.stat().st_blocks * 512)
    exited = executor.event(number, "exited")
    assert (exited["exit_code"], exited["truncated"]) == (0, ["stdout"])
    assert path.stat().st_size == limit + 1 + len(mark(limit))
    assert most < 512 * 1024 * 1024


def test_a_cap_counts_from_where_the_attempt_began(
    supervised: Supervised, executor: Executor, number: int, tmp_path: Path
) -> None:
    path = tmp_path / "mine.log"
    path.write_text("from before\n")
    exited = executor.run(number, "echo 0123456789\n", output_limit_bytes=4, stdout_path=str(path))
    assert exited["truncated"] == ["stdout"]
    assert path.read_bytes() == b"from before\n0123\n" + mark(4)


@pytest.mark.parametrize("put", ["ln -s", "ln"])
def test_what_is_put_in_the_outputs_place_is_not_cut(
    executor: Executor, number: int, tmp_path: Path, put: str
) -> None:
    victim, mine = tmp_path / "victim", tmp_path / "mine.log"
    victim.write_text("precious data\n")
    script = f"rm {mine}; {put} {victim} {mine}; echo 0123456789\n"
    exited = executor.run(number, script, output_limit_bytes=4, stdout_path=str(mine))
    assert exited["truncated"] == []
    assert victim.read_text() == "precious data\n"


def test_output_to_nowhere_needs_no_cap(executor: Executor, number: int) -> None:
    exited = executor.run(number, "echo 0123456789\n", output_limit_bytes=4, stdout_path="/dev/null")
    assert (exited["exit_code"], exited["truncated"]) == (0, [])


def test_a_cap_outlives_the_supervisor(tmp_path: Path, fifo: Path) -> None:
    first = Supervised(tmp_path / "spool")
    script = f"read _ <{fifo}; printf 0123456789; exec sleep 300\n"
    first.executor().started(1, script, output_limit_bytes=4)
    first.kill()
    second = Supervised(tmp_path / "spool")
    executor = second.executor()
    write_to(fifo, "\n")
    until(lambda: output_of(second.spool, 1) == b"0123\n" + mark(4), "the cut")
    executor.ask("stop", 1, cause="cancelled", grace_seconds=0)
    assert executor.event(1, "exited")["truncated"] == ["stdout"]
    assert second.end() == 0


# Memory


@pytest.mark.parametrize("escape", ["", "os.setsid() if os.fork() == 0 else time.sleep(300)"])
def test_a_job_with_more_memory_than_it_asked_for_is_killed(
    executor: Executor, number: int, escape: str
) -> None:
    code = f"import os, time\n{escape}\nheld = bytearray(b'x') * (100 << 20)\ntime.sleep(300)\n"
    exited = executor.run(number, "trap '' TERM\n" + python(code), memory_mb=50)
    assert (exited["exit_signal"], exited["cause"]) == (signal.SIGKILL, "out_of_memory")


def test_memory_that_processes_share_counts_once(
    supervised: Supervised, executor: Executor, number: int, fifo: Path
) -> None:
    code = f"""
import json
import os
held = bytearray(b"x") * (40 << 20)
for _ in range(3):
    if os.fork() == 0:
        break
print("ready", flush=True)
open({str(fifo)!r}).read()
"""
    executor.started(number, python(code), memory_mb=100)
    until(lambda: output_of(supervised.spool, number).count(b"ready") == 4, "the four")
    # Somebody too big who comes later is seen by the same look or a later one.
    other = python("import time; held = bytearray(b'x') * (100 << 20); time.sleep(300)")
    assert executor.run(-number, other, memory_mb=50)["cause"] == "out_of_memory"
    write_to(fifo, "")
    assert executor.event(number, "exited")["cause"] is None


def test_an_adopted_job_is_held_to_its_memory_too(tmp_path: Path, fifo: Path) -> None:
    first = Supervised(tmp_path / "spool")
    code = f"open({str(fifo)!r}).read(); held = bytearray(b'x') * (100 << 20); import time; time.sleep(300)"
    pid = first.executor().started(1, python(code), memory_mb=50)
    first.kill()
    second = Supervised(tmp_path / "spool")
    executor = second.executor()
    write_to(fifo, "")
    assert executor.event(1, "exited")["cause"] == "out_of_memory"
    assert gone(pid)
    assert second.end() == 0


# ulimits


def test_limits_hold_soft_and_hard_from_the_first_line(
    supervised: Supervised, executor: Executor, number: int
) -> None:
    script = "ulimit -Sn; ulimit -Hn; ulimit -c\n"
    executor.run(number, script, limits={"nofile": 77, "core": 0})
    assert output_of(supervised.spool, number).split() == [b"77", b"77", b"0"]


@pytest.mark.parametrize("limits", [{"nonsense": 1}, {"nofile": -7}, {"nofile": 1 << 62}])
def test_a_limit_that_cannot_be_set_fails_the_launch(
    executor: Executor, number: int, limits: dict[str, int]
) -> None:
    executor.gate(number, "exit 0\n", limits=limits)
    reason = executor.event(number, "launch_failed")["reason"]
    assert next(iter(limits)) in reason


def test_no_job_gains_privileges_by_what_it_executes(
    supervised: Supervised, executor: Executor, number: int
) -> None:
    executor.run(number, "grep NoNewPrivs /proc/self/status\n")
    assert output_of(supervised.spool, number).split() == [b"NoNewPrivs:", b"1"]


def test_signals_of_its_own_accord_are_in_its_log(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path / "spool")
    executor = supervised.executor()
    stubborn = "trap '' TERM; echo ready; while :; do sleep 60; done\n"
    executor.started(7, stubborn, time_limit_seconds=0.1, kill_grace_seconds=0.05)
    executor.event(7, "exited")
    assert supervised.end() == 0
    lines = [json.loads(line) for line in supervised.log.splitlines()]
    told = [(one["event"], one["allocation"], one["signal"], one["why"]) for one in lines if "signal" in one]
    assert told == [
        ("job.signalled", 7, "SIGTERM", "timed_out"),
        ("job.signalled", 7, "SIGKILL", "timed_out"),
    ]
    assert {"job", "attempt", "timestamp", "level", "process"} <= set(lines[0])
