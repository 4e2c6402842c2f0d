"""Scheduler, executors and supervisors as real processes on the test's own database.

Nothing waits for time: `until` looks again at every notification of the log.
"""

import os
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from conductor.log import LOG_CHANNEL
from conductor.supervisor.launch import supervisor_command
from tests.fix_engine import Engine
from tests.fix_postgres import fresh_database, temporary_home
from tests.looking import Looking

PATIENCE_SECONDS = 30.0
ROOT = Path(__file__).parent.parent


class Node:
    """One node's supervisor and executor, on a spool of their own."""

    def __init__(self, system: "System", name: str, cpus: int, **settings: str) -> None:
        self.system, self.name = system, name
        self.home = system.home / name
        self.spool = self.home / "spool"
        self.home.mkdir()
        self.spool.mkdir(mode=0o700)
        self.settings = {
            "NODE_NAME": name,
            "TOTAL_CPUS": str(cpus),
            "CONDUCTOR_HOME": str(self.home),
            **settings,
        }
        self.supervisor = system.spawn(supervisor_command(self.spool), {})
        self.executor = self.start_executor()

    def start_executor(self) -> subprocess.Popen[bytes]:
        self.executor = self.system.start("executor", **self.settings)
        return self.executor

    def output(self, job_id: int, stream: str = "out") -> str:
        return (self.spool / "output" / f"job_{job_id}.{stream}").read_text()

    def supervised(self) -> list[int]:
        """PIDs of the supervisor's children: gated, running, or left behind by a job."""
        pid = self.supervisor.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class FirstLine:
    """A job's first line, which tells that it runs: RUNNING is said before, while the process waits at its gate."""

    def __init__(self, folder: Path) -> None:
        self._pipe = folder / f"begun-{secrets.token_hex(4)}"
        os.mkfifo(self._pipe)
        self._descriptor = os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK)

    def __str__(self) -> str:
        return f"echo >{self._pipe}\n"

    def wait(self) -> None:
        ready, _, _ = select.select([self._descriptor], [], [], PATIENCE_SECONDS)
        assert ready, "the first line never ran"
        os.close(self._descriptor)


class System:
    def __init__(self, engine: Engine, home: Path) -> None:
        self.engine, self.home = engine, home
        self.processes: list[subprocess.Popen[bytes]] = []
        self.nodes: list[Node] = []
        self._looking = Looking(engine.url)
        self._listener = psycopg.connect(engine.url, autocommit=True)
        self._listener.execute(sql.SQL("LISTEN {}").format(sql.Identifier(LOG_CHANNEL)))

    def spawn(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        log = (self.home / f"process-{len(self.processes)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                command,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def start(self, role: str, **settings: str) -> subprocess.Popen[bytes]:
        environment = {
            "CONDUCTOR_DATABASE_URL": self.engine.url,
            "CONDUCTOR_HOME": str(self.home),
            "CONDUCTOR_KILL_GRACE_SECONDS": "0.5",
            **settings,
        }
        return self.spawn([sys.executable, "-m", "conductor", role], environment)

    def node(self, name: str = "node-1", cpus: int = 4, **settings: str) -> Node:
        """A node that has been heard from."""
        node = Node(self, name, cpus, **settings)
        self.nodes.append(node)
        self.until("SELECT EXISTS (SELECT FROM node_leases WHERE node_name = %s)", name)
        return node

    def submit(self, script: str = "true\n", **fields: Any) -> int:
        return self.engine.run(lambda engine: engine.submit(script=script, **fields))

    def until(self, question: str, *parameters: Any, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the database answers true. Leases and rows notify nobody, so look now and then as well."""
        give_up_at = time.monotonic() + seconds
        while self._looking.sql(question, *parameters) != [(True,)]:
            if time.monotonic() > give_up_at:
                raise AssertionError(f"never true: {question} {parameters}\n{self.logs()}")
            for _ in self._listener.notifies(timeout=0.05, stop_after=1):
                pass

    def until_state(self, job_id: int, state: str, **more: Any) -> None:
        self.until("SELECT state = %s FROM jobs WHERE id = %s", state, job_id, **more)

    def until_ended(self, *job_ids: int, **more: Any) -> list[str]:
        self.until("SELECT bool_and(final) FROM jobs WHERE id = ANY(%s)", list(job_ids), **more)
        rows = self.engine.sql("SELECT state FROM jobs WHERE id = ANY(%s) ORDER BY id", list(job_ids))
        return [state for (state,) in rows]

    def job(self, job_id: int, *columns: str) -> tuple[Any, ...]:
        return self.engine.sql(f"SELECT {', '.join(columns)} FROM jobs WHERE id = %s", job_id)[0]  # noqa: S608

    def pid(self, job_id: int) -> int:
        return int(
            self.engine.sql("SELECT process_id FROM resource_allocations WHERE job_id = %s", job_id)[0][0]
        )

    def logs(self) -> str:
        return "\n".join(file.read_text() for file in sorted(self.home.glob("process-*.log")))[-4000:]

    def close(self) -> None:
        """End what the test started: executors first, then whatever their supervisors still hold."""
        self._listener.close()
        self._looking.close()
        supervisors = {node.supervisor.pid for node in self.nodes}
        for process in self.processes:
            if process.pid not in supervisors and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
        for node in self.nodes:
            for pid in node.supervised() if node.supervisor.poll() is None else []:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        for process in self.processes:
            if process.pid in supervisors:
                process.kill()
            process.wait(10)


@pytest.fixture
def system(engine: Engine, home: Path) -> Iterator[System]:
    """A scheduler; nodes are added by the test. Ends with `replay verify` through `engine`."""
    system = System(engine, home)
    system.start("scheduler")
    yield system
    system.close()


@pytest.fixture(scope="module")
def shared_system(postgres_url: str, template_database: str) -> Iterator[System]:
    """One scheduler and a node of 8 CPUs for a file's tests whose jobs end with them; then `replay verify`."""
    with temporary_home() as home, fresh_database(postgres_url, template_database) as url:
        system = System(Engine(url), home)
        try:
            system.start("scheduler")
            system.node(cpus=8)
            yield system
        finally:
            system.close()
        assert system.engine.differences() == []


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
