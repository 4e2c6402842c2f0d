"""Every named crash point, each on a part of its own: the part dies there, comes back, and all is made good."""

import re
import signal
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from conductor.crash_points import CRASH_POINTS, checked
from tests.faults.cluster import ROOT, Cluster, alive, running_cluster
from tests.faults.evidence import Outcome

pytestmark = pytest.mark.faults

COMPLETED = Outcome()
UNKNOWN = Outcome(states=("FAILED",), exit_code=None)
NEVER_BEGAN = Outcome(states=("FAILED",), exit_code=None, starts=0)
CANCELLED = Outcome(states=("CANCELLED",), exit_code=9)

EXECUTOR_POINTS = {
    "executor.registered": COMPLETED,
    "executor.connected": COMPLETED,
    "executor.lease_renewed": COMPLETED,
    "executor.reservations_read": COMPLETED,
    "executor.gated": COMPLETED,
    "executor.allocated": COMPLETED,
    "executor.opened": COMPLETED,
    "executor.exit_heard": COMPLETED,
    "executor.released": COMPLETED,
    "executor.cancels_read": CANCELLED,
    # The first batch is the registration, the second an Allocate, the third a Release.
    "handler.committed:2": COMPLETED,
    "handler.decided:3": COMPLETED,
    "handler.committed:3": COMPLETED,
}
SUPERVISOR_POINTS = {
    "supervisor.gating_written": NEVER_BEGAN,
    "supervisor.spawned": NEVER_BEGAN,
    "supervisor.identified": NEVER_BEGAN,
    "supervisor.turn_written:1": NEVER_BEGAN,  # gated
    # From here on the script may have run: its end is unknown, also when its gate stayed closed.
    "supervisor.opening_written": Outcome(states=("FAILED",), exit_code=None, starts=0),
    "supervisor.script_written": Outcome(states=("FAILED",), exit_code=None, starts=0),
    "supervisor.opened": UNKNOWN,
    "supervisor.turn_written:2": UNKNOWN,  # opened
    "supervisor.exit_noticed": UNKNOWN,
    "supervisor.reaped": UNKNOWN,
    "supervisor.turn_written:3": COMPLETED,  # exited
    "supervisor.forgotten": COMPLETED,
    "supervisor.signalled": Outcome(states=("CANCELLED",), exit_code=None),
}
SCHEDULER_POINTS = (
    *("scheduler.elected", "scheduler.planned", "scheduler.reserved", "scheduler.resolving"),
    *("handler.decided:2", "handler.committed:2"),  # the first batch is the election
)
API_POINTS = ("api.submission_checked", "handler.decided", "handler.committed", "api.submitted")


@pytest.fixture
def cluster(home: Path, own_database_url: str) -> Iterator[Cluster]:
    with running_cluster(home, own_database_url) as cluster:
        cluster.start_api()
        yield cluster


def test_every_point_is_listed_once_passed_once_and_tested_here() -> None:
    sources = [*(ROOT / "conductor").rglob("*.py"), *(ROOT / "api").rglob("*.py")]
    passed = [
        name for path in sources for name in re.findall(r'\bcrash_point\("([a-z_.]+)"\)', path.read_text())
    ]
    assert sorted(passed) == sorted(CRASH_POINTS)
    tested = {
        point.partition(":")[0]
        for points in (EXECUTOR_POINTS, SUPERVISOR_POINTS, SCHEDULER_POINTS, API_POINTS)
        for point in points
    }
    assert tested == CRASH_POINTS.keys()


@pytest.mark.parametrize(
    "text", ["executor.nowhere", "executor.gated:0", "executor.gated:x", "executor.gated:1:go", ""]
)
def test_a_setting_that_names_no_point_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be NAME"):
        checked(text)


class Armed:
    """Nodes of one CPU, each with parts that die at points of their own, and one job each."""

    def __init__(self, cluster: Cluster, points: Mapping[str, tuple[str | None, str | None]]) -> None:
        """`points` gives each node's executor and supervisor, by a name for both."""
        self.cluster = cluster
        self.nodes = {name: cluster.add_node(re.sub(r"[^a-z0-9]+", "-", name)) for name in points}
        for name, (of_executor, of_supervisor) in points.items():
            self.nodes[name].start_supervisor(of_supervisor)
            self.nodes[name].start_executor(of_executor)
        self.restarts = 0
        cluster.wait_for_api()
        leases = "SELECT count(*) FROM node_leases WHERE expires_at > now()"
        self.until(lambda: cluster.sql(leases) == [(len(points),)])
        jobs = cluster.submit(*[cluster.evidence.waiting_script()] * len(points))
        placed = "SELECT count(*) FROM resource_allocations"
        self.until(lambda: cluster.sql(placed) == [(len(points),)])
        self.jobs = {self._name_of(job_id): job_id for job_id in jobs}

    def _name_of(self, job_id: int) -> str:
        node = self.cluster.node_of(job_id)
        return next(name for name, one in self.nodes.items() if one is node)

    def until(self, true: Callable[[], bool]) -> None:
        """Whoever dies is started again, as a service would be; a supervisor is by its executor."""

        def look() -> bool:
            for node in self.nodes.values():
                if not alive(node.executor.pid):
                    assert node.executor.wait() == -signal.SIGKILL
                    self.restarts += 1
                    node.start_executor()
            return true()

        self.cluster.until(look)

    def run(self, cancelled: Collection[str]) -> None:
        """Every job to its end; those of the nodes named are cancelled while they run."""
        for name, job_id in self.jobs.items():
            if name not in cancelled:
                self.cluster.evidence.let_go(job_id)
        for name in cancelled:
            job_id, node = self.jobs[name], self.nodes[name]
            self.until(lambda job_id=job_id, node=node: "out" in node.output(job_id))  # type: ignore[misc]
            self.cluster.cancel(job_id)
            self.until(lambda job_id=job_id, node=node: "stopping" in node.output(job_id))  # type: ignore[misc]
            self.cluster.evidence.let_go(job_id)
        live = "SELECT count(*) FROM jobs WHERE NOT final"
        self.until(lambda: self.cluster.sql(live) == [(0,)])

    def expect(self, outcomes: Mapping[str, Outcome]) -> None:
        for name, outcome in outcomes.items():
            self.cluster.expected[self.jobs[name]] = (
                as_its_script_ends(self.jobs[name]) if outcome is COMPLETED else outcome
            )


def as_its_script_ends(job_id: int) -> Outcome:
    states = ("FAILED",) if job_id % 4 else ("COMPLETED",)
    return Outcome(states=states, exit_code=job_id % 4, output=f"out {job_id}\n")


def test_an_executor_killed_at_any_of_its_points_loses_and_repeats_nothing(cluster: Cluster) -> None:
    cluster.start_scheduler()
    armed = Armed(cluster, {point: (point, None) for point in EXECUTOR_POINTS})
    armed.run(["executor.cancels_read"])
    armed.expect(EXECUTOR_POINTS)
    assert armed.restarts == len(EXECUTOR_POINTS)
    cluster.prove()


def test_a_supervisor_killed_at_any_of_its_points_repeats_nothing_and_guesses_nothing(
    cluster: Cluster,
) -> None:
    cluster.start_scheduler()
    armed = Armed(cluster, {point: (None, point) for point in SUPERVISOR_POINTS})
    first = {name: node.first_supervisor for name, node in armed.nodes.items()}
    armed.run(["supervisor.signalled"])
    armed.expect(SUPERVISOR_POINTS)
    cluster.until(lambda: all(process.poll() == -signal.SIGKILL for process in first.values()), f"{first}")
    cluster.prove()


@pytest.mark.long
@pytest.mark.parametrize("of_supervisor", [point for point in SUPERVISOR_POINTS if "signalled" not in point])
def test_executor_and_supervisor_both_killed_on_one_jobs_way_repeat_nothing(
    cluster: Cluster, of_supervisor: str
) -> None:
    cluster.start_scheduler()
    pairs = {point: (point, of_supervisor) for point in EXECUTOR_POINTS if "cancels" not in point}
    armed = Armed(cluster, pairs)
    armed.run([])
    cluster.prove()


def test_a_scheduler_killed_at_any_of_its_points_places_every_job_once(cluster: Cluster) -> None:
    cluster.wait_for_api()
    node = cluster.add_node("node", cpus=4)
    node.start_executor()
    cluster.wait_for_leases(1)
    for point in SCHEDULER_POINTS:
        cluster.start_scheduler(point)
        waits = {"dependency": f"afterany:{min(cluster.expected)}"} if "resolving" in point else {}
        [job_id] = cluster.submit(cluster.evidence.script(), **waits)
        assert cluster.scheduler.wait(20) == -signal.SIGKILL
        cluster.expected[job_id] = COMPLETED
    cluster.start_scheduler()
    cluster.until_ended(*cluster.expected)
    cluster.prove()


def test_an_api_killed_at_any_of_its_points_takes_a_repeated_submission_once(cluster: Cluster) -> None:
    cluster.start_scheduler()
    node = cluster.add_node("node", cpus=4)
    node.start_executor()
    for number, point in enumerate(API_POINTS, 1):
        cluster.wait_for_api()
        end(cluster.api)
        cluster.start_api(point)
        cluster.wait_for_api()
        submission = {"script": cluster.evidence.script(f"# {point}")}
        key = {"Idempotency-Key": point}
        with pytest.raises(httpx.TransportError):
            cluster.client.post("/jobs/submit", json=submission, headers=key)
        assert cluster.api.wait(20) == -signal.SIGKILL
        cluster.start_api()
        cluster.wait_for_api()
        answer = cluster.client.post("/jobs/submit", json=submission, headers=key)
        assert answer.status_code == 201, answer.text
        cluster.expected[answer.json()["job_id"]] = COMPLETED
        assert cluster.sql("SELECT count(*) FROM jobs") == [(number,)]
    cluster.until_ended(*cluster.expected)
    cluster.prove()


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(20)
