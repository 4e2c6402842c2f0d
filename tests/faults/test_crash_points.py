"""Every named crash point, each on a part of its own: the part dies there, comes back, and all is made good."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
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
    "handler.decided:1": COMPLETED,
    "handler.committed:1": COMPLETED,
    "handler.decided:2": COMPLETED,
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
    *("scheduler.elected", "scheduler.planned", "scheduler.reserved"),
    *("handler.decided:1", "handler.committed:1", "handler.decided:2", "handler.committed:2"),
)
API_POINTS = ("api.submission_checked", "handler.decided", "handler.committed", "api.submitted")
# On these the job is cancelled while it runs; all others may end at once.
CANCELLED_AT = ("executor.cancels_read", "supervisor.signalled")


@pytest.fixture
def cluster(home: Path, own_database_url: str) -> Iterator[Cluster]:
    with running_cluster(home, own_database_url) as cluster:
        cluster.start_api()
        yield cluster


def test_every_point_is_listed_once_passed_once_and_tested_here() -> None:
    sources = [*(ROOT / "conductor").rglob("*.py"), *(ROOT / "api").glob("*.py")]
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


def one_job_a_node(cluster: Cluster, points: dict[str, tuple[str | None, str | None]]) -> dict[str, int]:
    """Nodes of one CPU, each with the points of its executor and its supervisor; each gets one job."""
    nodes = {point: cluster.add_node(re.sub(r"[^a-z0-9]+", "-", point)) for point in points}
    for point, (of_executor, of_supervisor) in points.items():
        nodes[point].start_supervisor(of_supervisor)
        nodes[point].start_executor(of_executor)
    cluster.wait_for_api()
    # Some die before they have a lease of their own.
    keep_running(cluster, lambda: _leases(cluster) == len(points))
    jobs = cluster.submit(*[cluster.evidence.script("read -r _ < " + _pipe(cluster))] * len(points))
    del jobs
    raise NotImplementedError


def _pipe(cluster: Cluster) -> str:
    return f'"{cluster.evidence.folder}/go.$CONDUCTOR_JOB_ID"'
