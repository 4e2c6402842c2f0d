"""How somebody else starts a supervisor; imported by the executor's side and by `conductor up`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from conductor.supervisor.spool import new_folder_mode

LOG_NAME = "supervisor.log"


class SupervisorNotStarted(Exception):
    """The text is what the supervisor said about it."""


def supervisor_command(spool: Path, options: Sequence[str] = ()) -> list[str]:
    """By path, isolated and without `site`: less memory, and the starter's surroundings do not matter."""
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
    return [sys.executable, "-I", "-S", program, "--spool", str(spool), *options]


def start_detached(spool: Path, options: Sequence[str] = ()) -> None:
    """Returns when it listens, or when another one holds the spool. It is nobody's child and outlives us."""
    spool.mkdir(mode=new_folder_mode(), exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    log = os.open(spool / LOG_NAME, flags, 0o600)
    begin = os.fstat(log).st_size
    try:
        ended = subprocess.run(
            supervisor_command(spool, ["--detach", *options]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"LANG": "C.UTF-8"},
            start_new_session=True,
            check=False,
        )
    finally:
        os.close(log)
    if ended.returncode not in (0, 3):
        said = (spool / LOG_NAME).read_bytes()[begin:].decode("utf-8", "replace").strip()
        raise SupervisorNotStarted(f"The supervisor for {spool} could not start: {said}")
