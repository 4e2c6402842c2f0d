"""A real system in a temporary home, as `conductor up` runs it, and how a client reaches it.

Promises: its own embedded PostgreSQL with durable commits, default settings but for the CPUs; whoever runs
the bench has no setting in it. When the block ends, however it ends, no process and no file is left.
Refuses to know: what is measured.
"""

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from conductor.embedded.place import find_place
from conductor.logfile import tail
from conductor.settings import Settings, read_or_make_token
from conductor.up import System, running_system
from conductor.up.node import Supervisor
from scripts.benchmarks.api_connection import ApiConnection
from scripts.benchmarks.cpu import CpuMeter
from scripts.benchmarks.figures import BenchError

READY_SECONDS = 30.0
FLOOR_DATABASE = "floors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The system that is measured."""

    system: System
    spool: Path
    data: Path
    floor_url: str

    def connect(self) -> ApiConnection:
        return ApiConnection(self.system.api_url, read_or_make_token(self.system.settings))

    def database(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A session of the bench's own, for looking only."""
        url = self.system.settings.database_url or ""
        return psycopg.connect(url, autocommit=True, application_name="this client")

    def query(self, question: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.database() as connection:
            return connection.execute(question.encode(), parameters).fetchall()

    def cpu_meter(self) -> CpuMeter:
        supervisor = Supervisor(self.spool).pid
        if supervisor is None:
            raise BenchError(f"no supervisor holds {self.spool}")
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        return CpuMeter(_services(self.system), supervisor, postmaster, self.floor_url)


@contextmanager
def measured_system(
    cpus: int, folder: Path | None, spool_folder: Path | None, folders: ExitStack
) -> Iterator[Measured]:
    """A system whose scheduler leads and whose node is up. `BenchError` when a part of it died meanwhile.

    Its files go with `folders`, after the last figure: for minutes after many were deleted, some file systems are
    slow to make new ones (ext4 without a journal: fs/ext4/ialloc.c, recently_deleted).
    """
    home = folders.enter_context(_temporary_folder(folder)) / "home"
    spool = (
        folders.enter_context(_temporary_folder(spool_folder)) / "spool" if spool_folder else home / "spool"
    )
    folders.callback(_remove_outside_data, home)
    with ExitStack() as held:
        held.callback(_end_supervisor, spool)
        settings = Settings(home=home, spool=spool, api_port=0, node_name="bench", total_cpus=cpus, lang="en")
        system = held.enter_context(running_system(settings))
        place = find_place(home)
        assert place is not None
        try:
            floor_url = _make_floor_database(system)
            measured = Measured(system=system, spool=spool, data=place.data, floor_url=floor_url)
            _wait_until_well(measured)
            yield measured
        except (BenchError, OSError, psycopg.Error, psutil.Error) as error:
            raise BenchError(f"{error}{_deaths(system)}") from error
        if deaths := _deaths(system):
            raise BenchError(f"it cannot be measured like this:{deaths}")


def _deaths(system: System) -> str:
    """Who died, and the last it said: the logs go with the home."""
    dead = [role for role, pid in _services(system).items() if not _lives(pid)]
    words = {role: tail(system.settings.home / "logs" / f"{role}.log") for role in dead}
    return "".join(f"\nthe {role} died; its log ends with:\n{words[role]}" for role in dead)


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _wait_until_well(measured: Measured) -> None:
    """Ready means that the API answers; jobs need a scheduler that leads and a node as well."""
    until = time.monotonic() + READY_SECONDS
    with measured.connect() as connection:
        while json.loads(connection.ask("GET", "/health"))["status"] != "ok":
            if time.monotonic() > until:
                raise BenchError(f"the system was not well after {READY_SECONDS:.0f} s")
            time.sleep(0.05)


def _services(system: System) -> dict[str, int]:
    return {role: pid for role, pid in system.pids.items() if pid is not None}


def _make_floor_database(system: System) -> str:
    """The floors are measured on the same server, not in the same tables."""
    url = system.settings.database_url or ""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {FLOOR_DATABASE}".encode())
    return psycopg.conninfo.make_conninfo(url, dbname=FLOOR_DATABASE, application_name="floors")


@contextmanager
def _temporary_folder(inside: Path | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="conductor-bench-", dir=inside))
    # Root's database belongs to another user, who must be able to pass.
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_outside_data(home: Path) -> None:
    """The data lie outside the home when the server's user cannot reach it."""
    place = find_place(home)
    if place is not None and not place.folder.is_relative_to(home):
        shutil.rmtree(place.folder, ignore_errors=True)


def _end_supervisor(spool: Path) -> None:
    """It outlives its system when it holds jobs, which it does when the bench was broken off."""
    pid = Supervisor(spool).pid
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
