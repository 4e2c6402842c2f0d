"""A whole system whose parts can be ended without warning and started again: what the fault tests play on.

Everything is a process of its own. Nothing waits for time: `until` looks again and again, also while PostgreSQL is
away.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg

from conductor.embedded import EmbeddedPostgres
from conductor.supervisor.launch import supervisor_command
from tests.faults.evidence import Evidence, Outcome, violations
from tests.looking import Looking

ROOT = Path(__file__).parent.parent.parent
PATIENCE_SECONDS = 40.0
TOKEN = "a-token-of-the-tests-own"
# Connections that a pool may open later than the count before.
POOL_SLACK = 4


class Node:
    """One node: a spool, its supervisor, its executor."""

    def __init__(
        self, cluster: "Cluster", name: str, cpus: int, settings: Mapping[str, str], enter: Sequence[str]
    ) -> None:
        """`enter` is put before its commands: how to get to where the node is."""
        self.cluster, self.name, self.enter = cluster, name, list(enter)
        self.home = cluster.home / name
        self.spool = self.home / "spool"
        self.home.mkdir()
        self.spool.mkdir(mode=0o700)
        self.settings = {"NODE_NAME": name, "TOTAL_CPUS": str(cpus), "CONDUCTOR_HOME": str(self.home)}
        self.settings |= settings
        self.executor: subprocess.Popen[bytes]
        self.first_supervisor: subprocess.Popen[bytes]

    def start_supervisor(self, crash_at: str | None = None) -> None:
        options = [f"--crash-at={crash_at}"] if crash_at else []
        self.first_supervisor = self.cluster.spawn(
            [*self.enter, *supervisor_command(self.spool, options)], {}
        )
        until(lambda: (self.spool / "supervisor.lock").exists() and self.supervisor_pid() is not None)

    def start_executor(self, crash_at: str | None = None) -> None:
        more = {"CONDUCTOR_CRASH_AT": crash_at} if crash_at else {}
        self.executor = self.cluster.start("executor", self.enter, **self.settings, **more)

    def supervisor_pid(self) -> int | None:
        """Whoever holds the spool and lives: the one that the test started, or one that an executor did."""
        with suppress(FileNotFoundError, ValueError):
            pid = int((self.spool / "supervisor.lock").read_text())
            return pid if alive(pid) else None
        return None

    def kill_supervisor(self) -> None:
        pid = self.supervisor_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: not alive(pid))

    def children(self) -> list[int]:
        pid = self.supervisor_pid()
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text() if pid else ""
        return [int(child) for child in text.split()]

    def output(self, job_id: int, stream: str = "out") -> str:
        with suppress(FileNotFoundError):
            return (self.spool / "output" / f"job_{job_id}.{stream}").read_text(errors="replace")
        return ""


class Cluster:
    """PostgreSQL is given; API and scheduler are started here, nodes by the test."""

    def __init__(self, home: Path, database_url: str, *, waiting_jobs: int = 40, **settings: str) -> None:
        self.home, self.database_url = home, database_url
        self.settings = settings
        self.run = secrets.token_hex(3)  # in the nodes' names, which every process of a job carries
        self.evidence = Evidence(folder=home / "evidence", waiting_jobs=waiting_jobs)
        self.evidence.prepare()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.nodes: dict[str, Node] = {}
        self.expected: dict[int, Outcome] = {}
        self._looking = Looking(database_url)
        self._port = _free_port()
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self._port}/api/v1",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=30,
            trust_env=False,
        )

    # Parts

    def spawn(self, command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with (self.home / f"process-{len(self.processes):03}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def start(self, role: str, enter: Sequence[str] = (), **settings: str) -> subprocess.Popen[bytes]:
        environment = {
            "CONDUCTOR_DATABASE_URL": self.database_url,
            "CONDUCTOR_HOME": str(self.home),
            "CONDUCTOR_KILL_GRACE_SECONDS": "30",
            "CONDUCTOR_LEASE_SECONDS": "120",
            "CONDUCTOR_POLL_SECONDS": "0.3",
            **self.settings,
            **settings,
        }
        return self.spawn([*enter, sys.executable, "-P", "-m", "conductor", role], environment)

    def start_scheduler(self, crash_at: str | None = None) -> None:
        more = {"CONDUCTOR_CRASH_AT": crash_at} if crash_at else {}
        self.scheduler = self.start("scheduler", **more)

    def start_api(self, crash_at: str | None = None) -> None:
        more = {"CONDUCTOR_CRASH_AT": crash_at} if crash_at else {}
        address = {"CONDUCTOR_API_PORT": str(self._port), "CONDUCTOR_API_TOKEN": TOKEN}
        self.api = self.start("api", **address, **more)

    def wait_for_api(self) -> None:
        def ready() -> bool:
            with suppress(httpx.TransportError):
                return self.client.get(f"http://127.0.0.1:{self._port}/ready").status_code == 200
            return False

        self.until(ready)

    def add_node(self, name: str, cpus: int = 1, enter: Sequence[str] = (), **settings: str) -> Node:
        """A node whose parts are not started yet."""
        node = Node(self, f"{name}-{self.run}", cpus, settings, enter)
        self.nodes[node.name] = node
        return node

    def wait_for_leases(self, count: int) -> None:
        self.until_sql("SELECT count(*) = %s FROM node_leases WHERE expires_at > now()", count)

    # Jobs

    def submit(self, *scripts: str, **fields: Any) -> list[int]:
        """One transaction, through the API."""
        jobs = [{"script": script, **fields} for script in scripts]
        answer = self.client.post("/jobs/submit/batch", json={"jobs": jobs})
        assert answer.status_code == 201, answer.text
        return [int(job["job_id"]) for job in answer.json()["jobs"]]

    def cancel(self, job_id: int) -> None:
        answer = self.client.post(f"/jobs/{job_id}/cancel")
        assert answer.status_code in (200, 202), answer.text

    def node_of(self, job_id: int) -> Node:
        [(name,)] = self.sql("SELECT node_name FROM resource_allocations WHERE job_id = %s", job_id)
        return self.nodes[name]

    # Questions

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """As the database's administrator."""
        return self._looking.sql(statement, *parameters)

    def until(self, true: Callable[[], bool], what: str = "", seconds: float = PATIENCE_SECONDS) -> None:
        until(true, lambda: f"{what}\n{self.logs()}", seconds)

    def until_sql(self, question: str, *parameters: Any, seconds: float = PATIENCE_SECONDS) -> None:
        found: list[tuple[Any, ...]] = []

        def true() -> bool:
            with suppress(psycopg.OperationalError):
                found[:] = self.sql(question, *parameters)
            return found == [(True,)]

        until(true, lambda: f"{question} {parameters}: {found}\n{self.logs()}", seconds)

    def until_ended(self, *job_ids: int, seconds: float = PATIENCE_SECONDS) -> None:
        live = "SELECT id, state, reason FROM jobs WHERE id = ANY(%s) AND NOT final"
        self.until_sql(f"SELECT NOT EXISTS ({live})", list(job_ids), seconds=seconds)

    def logs(self) -> str:
        texts = [file.read_text(errors="replace") for file in sorted(self.home.glob("process-*.log"))]
        texts += [file.read_text(errors="replace") for file in self.home.glob("*/spool/supervisor.log")]
        return "\n".join(text[-1500:] for text in texts if text)[-12000:]

    # The proof

    def prove(self) -> None:
        """All jobs have ended; nothing is left that should not be, and nothing happened that should not have."""
        self.until_sql("SELECT coalesce(bool_and(final), true) FROM jobs")
        spools = {name: node.spool for name, node in self.nodes.items()}
        # What the supervisors still hold is forgotten a moment after the log knows its end.
        self.until(lambda: not any(node.children() for node in self.nodes.values()), "children are left")
        found = violations(self.database_url, self.evidence, self.expected, spools)
        assert not found, "\n".join([*found, self.logs()])

    def living(self) -> dict[str, int]:
        """The parts that live now: names and PIDs."""
        parts = {"api": self.api.pid, "scheduler": self.scheduler.pid}
        for node in self.nodes.values():
            parts[f"executor of {node.name}"] = node.executor.pid
            if (pid := node.supervisor_pid()) is not None:
                parts[f"supervisor of {node.name}"] = pid
        return {name: pid for name, pid in parts.items() if alive(pid)}

    def prove_descriptors(self, before: Mapping[int, Counter[str]]) -> None:
        """Whoever lived through it has as many open as before, but for a pool's later connections."""

        def grown() -> dict[int, Counter[str]]:
            more = {pid: descriptors(pid) - counted for pid, counted in before.items() if alive(pid)}
            return {pid: kinds for pid, kinds in more.items() if _matters(kinds)}

        until(lambda: not grown(), lambda: f"descriptors grew: {grown()}, were {before}", 10)

    def close(self) -> None:
        """End everything the cluster started, jobs first."""
        self.client.close()
        self._looking.close()
        for process in self.processes:
            if process.poll() is None and process.pid not in self._supervisors():
                process.kill()
        for node in self.nodes.values():
            for pid in node.children():
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        for pid in self._supervisors():
            os.kill(pid, signal.SIGKILL)
        for process in self.processes:
            process.kill()
            process.wait(10)
        self.evidence.close()

    def _supervisors(self) -> set[int]:
        return {pid for node in self.nodes.values() if (pid := node.supervisor_pid()) is not None}


def until(
    true: Callable[[], bool], explain: Callable[[], str] = lambda: "", seconds: float = PATIENCE_SECONDS
) -> None:
    """Look until it is so; processes tell nobody what they have become."""
    give_up_at = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up_at, explain()
        time.sleep(0.02)


def state_of(pid: int) -> str:
    """The letter that the kernel gives a process's state; Z when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def alive(pid: int) -> bool:
    return state_of(pid) not in "ZX"


def descriptors(pid: int) -> Counter[str]:
    """How many descriptors a process has open: sockets and others."""
    kinds: Counter[str] = Counter()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            kinds["sockets" if str(link.readlink()).startswith("socket:") else "others"] += 1
    return kinds


def _matters(kinds: Counter[str]) -> bool:
    return kinds["sockets"] > POOL_SLACK or kinds["others"] > 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def shut_down_immediately(server: EmbeddedPostgres) -> None:
    """PostgreSQL drops everything, as in a crash; clients see their connections break."""
    assert server.process is not None
    server.process.send_signal(signal.SIGQUIT)
    server.process.wait(30)


def start_again(server: EmbeddedPostgres) -> None:
    server.stop()
    server.start()


@contextmanager
def running_cluster(home: Path, database_url: str, **settings: Any) -> Iterator[Cluster]:
    """API and scheduler, ready; ends everything at the end."""
    cluster = Cluster(home, database_url, **settings)
    try:
        yield cluster
    finally:
        cluster.close()
