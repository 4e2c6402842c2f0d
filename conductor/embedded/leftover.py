"""What an earlier server left behind on a data folder.

Promises: never ends a process. A server that is still going down is waited for, however long that takes; a
pid file that names a stranger's process is removed, and the stranger is left alone. A process is recognised
as a server on this data by its program and its current folder, never by a number in a file.

Refuses to know: how a server is started.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from conductor.embedded.account import EmbeddedPostgresError, Say

PID_FILE = "postmaster.pid"
STATUS_LINE = 7
# A server that nobody is stopping is somebody's; one that is going down says so in its pid file within
# moments.
PATIENCE_SECONDS = 30.0
SAY_EVERY_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.05


def status_of(data: Path, pid: int) -> str:
    """What that server itself says: `starting`, `ready`, `stopping`; empty when it says nothing."""
    lines = _pid_file_lines(data)
    return lines[STATUS_LINE].strip() if len(lines) > STATUS_LINE and lines[0] == str(pid) else ""


def wait_for_an_earlier_server(data: Path, say: Say) -> None:
    """Return once no process of an earlier server is left on this data folder."""
    patient_until = time.monotonic() + PATIENCE_SECONDS
    say_at = time.monotonic() + 1.0
    while processes := list(_servers_on(data)):
        now = time.monotonic()
        if any(status_of(data, process) == "stopping" for process in processes):
            patient_until = now + PATIENCE_SECONDS
        if now > patient_until:
            raise EmbeddedPostgresError(_in_the_way(data, processes))
        if now > say_at:
            say(f"waiting for an earlier PostgreSQL (process {processes[0]}) to finish")
            say_at = now + SAY_EVERY_SECONDS
        time.sleep(LOOK_EVERY_SECONDS)
    _forget_pid_file(data)


def _in_the_way(data: Path, processes: list[int]) -> str:
    first = min(processes)
    return (
        f"a PostgreSQL (process {first}) runs on {data} and is not stopping; stop it with `kill -INT {first}`"
    )


def _forget_pid_file(data: Path) -> None:
    # PostgreSQL believes a pid file whose number names any living process of its user, and would refuse to
    # start.
    (data / PID_FILE).unlink(missing_ok=True)


def _pid_file_lines(data: Path) -> list[str]:
    try:
        return (data / PID_FILE).read_text(errors="replace").splitlines()
    except OSError:
        return []


def _servers_on(data: Path) -> Iterator[int]:
    """Every process, the main one or a backend, that works in this data folder."""
    folder = os.path.realpath(data)
    for process in Path("/proc").glob("[0-9]*"):
        if _link(process / "cwd") == folder and _program(process) == "postgres":
            yield int(process.name)


def _program(process: Path) -> str:
    return Path(_link(process / "exe").removesuffix(" (deleted)")).name


def _link(path: Path) -> str:
    try:
        return os.fspath(path.readlink())
    except OSError:
        return ""
