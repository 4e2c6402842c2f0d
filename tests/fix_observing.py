"""An executor's observer without an executor: the test says what its supervisor holds and what runs."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from conductor.core.identifiers import AllocationId, Incarnation, NodeName
from conductor.log_memory import MemoryFile
from conductor.observing import Observer
from conductor.strays import Surroundings, spool_name
from conductor.supervisor.mark import Mark
from conductor.supervisor.process_tree import MARK_NAME, mark_of
from tests.fix_engine import Engine
from tests.process.supervised import until

NODE = NodeName("node-1")
LIFE = "0123456789abcdef"
ROW = "SELECT incarnation, missing, strays, remembered_position, remembered_hash FROM node_observations"


class Looker:
    """An executor's observer on a spool, with what the test says that the supervisor holds."""

    def __init__(self, engine: Engine, spool: Path) -> None:
        self.engine, self.spool = engine, spool
        self.held: list[AllocationId] = []
        self.leaders: list[int] = []
        self.supervisor_pid: int | None = None
        self.incarnation = Incarnation(1)

    def observer(self) -> Observer:
        """Of a session that begins."""
        return Observer(
            pool=self.engine.pool,
            node_name=NODE,
            incarnation=self.incarnation,
            memory_file=MemoryFile(self.spool),
            held=lambda: self.held,
            around=lambda: Surroundings(
                spool_name=spool_name(self.spool), supervisor_pid=self.supervisor_pid, leaders=self.leaders
            ),
            agree_seconds=0.01,
        )

    async def look(self) -> dict[str, Any]:
        await self.observer().observe()
        return self.row()

    def row(self) -> dict[str, Any]:
        names = ("incarnation", "missing", "strays", "position", "hash")
        [row] = self.engine.sql(ROW)
        return dict(zip(names, row, strict=True))

    def remembers_the_end(self) -> bool:
        row = self.row()
        [head] = self.engine.sql("SELECT position, hash FROM events ORDER BY position DESC LIMIT 1")
        return (row["position"], row["hash"]) == head


@pytest.fixture
def looker(engine: Engine, tmp_path: Path) -> Looker:
    return Looker(engine, tmp_path)


@pytest.fixture
def tampered(tampered_engine: Engine, tmp_path: Path) -> Looker:
    return Looker(tampered_engine, tmp_path)


@pytest.fixture
def started() -> Iterator["Started"]:
    with ExitStack() as stack:
        yield Started(stack)


class Started:
    """Processes of the test's own, ended with it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def marked(self, mark: str | None, script: str = "exec sleep 300") -> subprocess.Popen[bytes]:
        environment = {"PATH": os.environ["PATH"]} | ({} if mark is None else {MARK_NAME: mark})
        process = subprocess.Popen(["/bin/sh", "-c", script], env=environment)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        until(lambda: mark_of(process.pid) == mark and comm(process.pid) == "sleep", "its exec")
        return process


def comm(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def mark_on(spool: Path, allocation_id: int) -> str:
    return Mark(allocation_id, spool_name(spool), LIFE).text()
