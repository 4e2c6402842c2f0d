"""A database with a long log on the measured system's server, and commands of the product that run on it.

Promises: each command is a process of its own, as an operator starts it; its time and memory are what the kernel
says of it. Refuses to know: what is measured.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from conductor.migrate import migrate
from scripts.benchmarks.figures import BenchError
from scripts.benchmarks.long_log import make_long_log
from scripts.benchmarks.system import Measured

DATABASE = "long_log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a command answered, how long it took and what it used."""

    answer: Any
    seconds: float
    cpu_seconds: float
    peak_mb: float


def long_log_database(measured: Measured, events: int) -> str:
    """Make it, and give its URL."""
    url = made_database(measured, DATABASE)
    make_long_log(url, events)
    return url


def made_database(measured: Measured, name: str) -> str:
    """A database with the schema and nothing else, beside the system's own; gives its URL."""
    address = urlsplit(measured.system.settings.database_url or "")
    url = urlunsplit(address._replace(path=f"/{name}"))
    with measured.database() as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    migrate(url)
    return url


def run_command(measured: Measured, url: str, *words: str) -> Done:
    """Run `conductor` with these words, of which one is --json. Raises `BenchError`."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(sys.path),
        "CONDUCTOR_HOME": str(measured.system.settings.home),
        "CONDUCTOR_DATABASE_URL": url,
    }
    command = [sys.executable, "-m", "conductor", *words]
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        began_at = time.monotonic()
        child = subprocess.Popen(command, env=environment, stdout=said, stderr=complained)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - began_at
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        complained.seek(0)
        if child.returncode != 0:
            words_said = complained.read()[-500:].decode("utf-8", "replace")
            raise BenchError(f"{' '.join(words)} ended with {child.returncode}: {words_said}")
        return Done(
            answer=json.loads(said.read()),
            seconds=seconds,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            peak_mb=usage.ru_maxrss / 1024,
        )
