"""A node that is cut off, and a database that is away: promises 4 and 7.

The nodes are network namespaces of their own, and reach PostgreSQL by TCP over a cable that can be pulled.
"""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from conductor.embedded import EmbeddedPostgres
from conductor.migrate import migrate
from tests.faults.cluster import Cluster, Node, alive, running_cluster, start_again, until
from tests.faults.evidence import Outcome
from tests.fix_postgres import NOT_DURABLE, temporary_home

pytestmark = pytest.mark.faults

LEASE_SECONDS = 4.0
# Every line of it has the time, by the clock that both nodes share.
TICKING = """trap 'sleep 60' TERM
while [ ! -e "$EVIDENCE/end" ]; do
    date +%s.%N >> "$EVIDENCE/ticks.$CONDUCTOR_ATTEMPT"
    sleep 0.05
done"""


class Cable:
    """A network namespace and the cable to it; this end has address 1, that end 2."""

    def __init__(self, number: int) -> None:
        self.name = f"cf{secrets.token_hex(3)}"
        self.subnet = f"10.{80 + number}.{secrets.randbelow(250)}"
        self._near, far = f"{self.name}n", f"{self.name}f"
        for command in (
            ["netns", "add", self.name],
            ["link", "add", self._near, "type", "veth", "peer", "name", far, "netns", self.name],
            ["address", "add", f"{self.subnet}.1/24", "dev", self._near],
            ["link", "set", self._near, "up"],
            ["-n", self.name, "address", "add", f"{self.subnet}.2/24", "dev", far],
            ["-n", self.name, "link", "set", far, "up"],
            ["-n", self.name, "link", "set", "lo", "up"],
        ):
            _ip(command)

    @property
    def enter(self) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def pull(self) -> None:
        _ip(["link", "set", self._near, "down"])

    def plug_in(self) -> None:
        _ip(["link", "set", self._near, "up"])

    def remove(self) -> None:
        _ip(["netns", "delete", self.name])


def _ip(command: Sequence[str]) -> None:
    done = subprocess.run(["ip", *command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(command)}: {done.stderr}")


@pytest.fixture
def cables() -> Iterator[tuple[Cable, Cable]]:
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("nsenter") is None:
        pytest.skip("network namespaces need root, `ip` and `nsenter`")
    with ExitStack() as stack:
        made = []
        for number in (1, 2):
            try:
                made.append(Cable(number))
            except OSError as error:
                pytest.skip(f"no network namespaces here: {error}")
            stack.callback(made[-1].remove)
        yield made[0], made[1]


@pytest.fixture
def server_on_cables(cables: tuple[Cable, Cable]) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL that listens on this end of both cables, and nowhere else."""
    addresses = ",".join(f"{cable.subnet}.1" for cable in cables)
    with (
        temporary_home() as home,
        EmbeddedPostgres(home, extra_config={**NOT_DURABLE, "listen_addresses": addresses}) as server,
    ):
        let_in(server.url(), cables)
        migrate(server.url())
        yield server


def let_in(url: str, cables: Sequence[Cable]) -> None:
    with psycopg.connect(url, autocommit=True) as administrator:
        found = administrator.execute("SHOW hba_file").fetchone()
        assert found is not None
        with Path(found[0]).open("a") as file:
            file.writelines(f"host all all {cable.subnet}.0/24 trust\n" for cable in cables)
        administrator.execute("SELECT pg_reload_conf()")


class Site:
    """Two nodes at the ends of two cables; API and scheduler beside PostgreSQL."""

    def __init__(self, cluster: Cluster, cables: tuple[Cable, Cable]) -> None:
        self.cluster, self.cables = cluster, cables
        self.nodes = [self._node(f"node-{number}", cable) for number, cable in enumerate(cables, 1)]
        cluster.start_api()
        cluster.start_scheduler()
        cluster.wait_for_api()

    def _node(self, name: str, cable: Cable) -> Node:
        url = f"postgresql://postgres@{cable.subnet}.1/conductor"
        return self.cluster.add_node(name, cpus=2, enter=cable.enter, CONDUCTOR_DATABASE_URL=url)

    def start_node(self, number: int) -> Node:
        node = self.nodes[number]
        node.start_supervisor()
        node.start_executor()
        self.cluster.until_sql("SELECT EXISTS (SELECT FROM node_leases WHERE node_name = %s)", node.name)
        return node

    def incarnation(self, node: Node) -> int:
        return int(self.cluster.sql("SELECT incarnation FROM nodes WHERE name = %s", node.name)[0][0])

    def ticks(self, attempt: int) -> list[float]:
        path = self.cluster.evidence.folder / f"ticks.{attempt}"
        return [float(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def site(home: Path, cables: tuple[Cable, Cable], server_on_cables: EmbeddedPostgres) -> Iterator[Site]:
    settings = {"CONDUCTOR_LEASE_SECONDS": str(LEASE_SECONDS), "CONDUCTOR_KILL_GRACE_SECONDS": "0.5"}
    with running_cluster(home, server_on_cables.url(), **settings) as cluster:
        yield Site(cluster, cables)


def test_a_node_cut_off_keeps_its_jobs_and_stops_before_its_lease_is_out_what_may_begin_elsewhere(
    site: Site,
) -> None:
    cluster, evidence = site.cluster, site.cluster.evidence
    cut = site.start_node(0)
    work = f"EVIDENCE={evidence.folder}\n{TICKING}"
    [moves] = cluster.submit(evidence.script(work), requeue=True)
    [stays] = cluster.submit(evidence.waiting_script())
    cluster.until_sql("SELECT count(*) = 2 FROM jobs WHERE state = 'RUNNING'")
    other = site.start_node(1)
    cluster.expected[moves] = Outcome(starts=2)
    code = stays % 4
    ends = ("FAILED",) if code else ("COMPLETED",)
    cluster.expected[stays] = Outcome(states=ends, exit_code=code, output=f"out {stays}\n")

    # For less than its lease: nothing.
    cut_off(site, 0.3 * LEASE_SECONDS)
    cluster.until_sql(
        "SELECT expires_at > now() + make_interval(secs => %s) FROM node_leases WHERE node_name = %s",
        0.5 * LEASE_SECONDS,
        cut.name,
    )
    assert site.incarnation(cut) == 1
    assert cluster.sql("SELECT attempt, state FROM jobs ORDER BY id") == [(1, "RUNNING")] * 2

    # For longer: one moves, the other runs on to its end there.
    site.cables[0].pull()
    second = "SELECT state = 'RUNNING' AND attempt = 2 FROM jobs WHERE id = %s"
    cluster.until_sql(second, moves)
    until(lambda: bool(site.ticks(2)))
    assert cluster.node_of(moves) is other
    assert max(site.ticks(1)) < min(site.ticks(2))
    assert cluster.sql("SELECT count(*) FROM events WHERE type = 'NodeLost'") == [(1,)]
    assert cluster.sql("SELECT state FROM jobs WHERE id = %s", stays) == [("RUNNING",)]
    evidence.let_go(stays)
    until(lambda: any(line.startswith("end") for line in evidence.lines(stays)))
    (evidence.folder / "end").touch()
    cluster.until_ended(moves)

    # Back again: it registers anew, and what it has to tell is heard.
    site.cables[0].plug_in()
    cluster.until_ended(stays)
    cluster.until_sql("SELECT state = 'UP' AND incarnation > 1 FROM nodes WHERE name = %s", cut.name)
    cluster.until_sql("SELECT count(*) = 1 FROM events WHERE type = 'LateReport'")
    assert alive(cut.executor.pid)
    cluster.prove()


def cut_off(site: Site, seconds: float) -> None:
    site.cables[0].pull()
    time.sleep(seconds)  # the length of the cut is what is tested
    site.cables[0].plug_in()


def test_a_database_away_for_five_leases_costs_no_running_job(
    home: Path, own_database_url: str, own_server: EmbeddedPostgres
) -> None:
    settings = {"CONDUCTOR_LEASE_SECONDS": "2", "CONDUCTOR_KILL_GRACE_SECONDS": "0.5"}
    with running_cluster(home, own_database_url, **settings) as cluster:
        node = cluster.add_node("node", cpus=4)
        node.start_supervisor()
        node.start_executor()
        cluster.start_api()
        cluster.start_scheduler()
        cluster.wait_for_api()
        cluster.wait_for_leases(1)
        jobs = cluster.submit(*[cluster.evidence.waiting_script()] * 4)
        cluster.until_sql("SELECT count(*) = 4 FROM jobs WHERE state = 'RUNNING'")
        until(lambda: all("out" in node.output(job_id) for job_id in jobs))
        pids = [pid for (pid,) in cluster.sql("SELECT process_id FROM resource_allocations")]
        own_server.stop()
        for job_id in jobs[:2]:  # these end while nobody can be told
            cluster.evidence.let_go(job_id)
        time.sleep(5 * 2.0)  # the length of the outage is what is tested
        assert sum(alive(pid) for pid in pids) >= 2
        start_again(own_server)
        for job_id in jobs[2:]:
            cluster.evidence.let_go(job_id)
        cluster.until_ended(*jobs)
        for job_id in jobs:
            states = ("FAILED",) if job_id % 4 else ("COMPLETED",)
            cluster.expected[job_id] = Outcome(states=states, exit_code=job_id % 4, output=f"out {job_id}\n")
        assert cluster.sql("SELECT max(attempt) FROM jobs") == [(1,)]
        assert cluster.sql("SELECT count(*) FROM events WHERE type = 'NodeLost'") == [(0,)]
        cluster.prove()
