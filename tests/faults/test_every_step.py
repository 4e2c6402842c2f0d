"""Each part is killed while jobs stand at every step of their lives, and started again: promises 3, 4, 5 and 7.

One node a step. Its executor is stopped (SIGSTOP) by a crash point exactly at that step, so that all steps are there
at once; then the part is killed, comes back, and the executors go on.
"""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conductor.embedded import EmbeddedPostgres
from tests.faults.cluster import (
    Cluster,
    alive,
    descriptors,
    running_cluster,
    shut_down_immediately,
    start_again,
    state_of,
)
from tests.faults.evidence import Outcome

pytestmark = pytest.mark.faults

# The step of a node's one job, and where its executor is stopped to hold it there.
STEPS = {
    "reserved": "executor.reservations_read:1:stop",
    "gated": "executor.gated:1:stop",
    "allocated": "executor.allocated:1:stop",
    "exited": "executor.exit_heard:1:stop",
    "released": "executor.released:1:stop",
    "cancelling": "executor.cancels_read:1:stop",
    "stopping": None,
    "running": None,
}
UNKNOWN = Outcome(states=("FAILED",), exit_code=None)
NEVER_BEGAN = Outcome(states=("FAILED",), exit_code=None, starts=0)
# What the supervisor's own death changes: what waits at a gate never runs, and how its children end nobody learns.
AFTER_SUPERVISORS_DEATH = {
    "gated": NEVER_BEGAN,
    "allocated": NEVER_BEGAN,
    "running": UNKNOWN,
    "cancelling": Outcome(states=("CANCELLED",), exit_code=None),
    "stopping": Outcome(states=("CANCELLED",), exit_code=None),
}


class Steps:
    """A cluster with a job at every step, one a node, and one that waits for a node."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.nodes = {step: cluster.add_node(step) for step in STEPS}
        cluster.start_scheduler()
        cluster.start_api()
        for step, node in self.nodes.items():
            node.start_supervisor()
            node.start_executor(STEPS[step])
        cluster.wait_for_api()
        cluster.wait_for_leases(len(STEPS))
        jobs = cluster.submit(*[cluster.evidence.waiting_script()] * (len(STEPS) + 1))
        cluster.until_sql("SELECT count(*) = %s FROM resource_allocations", len(STEPS))
        self.jobs = {step: job_id for job_id in jobs[:-1] if (step := self._step_of(job_id))}
        self.waiting = jobs[-1]
        self._bring_to_their_steps()
        self._expect()

    def _step_of(self, job_id: int) -> str:
        node = self.cluster.node_of(job_id)
        return next(step for step, one in self.nodes.items() if one is node)

    def _bring_to_their_steps(self) -> None:
        for step in ("exited", "released", "cancelling", "stopping", "running"):
            job_id, node = self.jobs[step], self.nodes[step]
            self.cluster.until(lambda job_id=job_id, node=node: "out" in node.output(job_id), step)  # type: ignore[misc]
        for step in ("exited", "released"):
            self.cluster.evidence.let_go(self.jobs[step])
        for step in ("cancelling", "stopping"):
            self.cluster.cancel(self.jobs[step])
        stopping, node = self.jobs["stopping"], self.nodes["stopping"]
        self.cluster.until(lambda: "stopping" in node.output(stopping), "stopping")
        held = [self.nodes[step] for step, point in STEPS.items() if point]
        self.cluster.until(lambda: all(state_of(node.executor.pid) == "T" for node in held), "held")

    def _expect(self) -> None:
        for step, job_id in {**self.jobs, "waiting": self.waiting}.items():
            cancelled = step in ("cancelling", "stopping")
            self.cluster.expected[job_id] = Outcome(
                states=("CANCELLED",) if cancelled else ("FAILED",) if job_id % 4 else ("COMPLETED",),
                exit_code=9 if cancelled else job_id % 4,
                output=f"out {job_id}\n" + ("stopping\n" if cancelled else ""),
            )

    def expect_after_the_supervisors_death(self) -> None:
        for step, outcome in AFTER_SUPERVISORS_DEATH.items():
            self.cluster.expected[self.jobs[step]] = outcome

    def go_on(self) -> None:
        """Everybody runs again, and every job may end."""
        for node in self.nodes.values():
            if alive(node.executor.pid):
                node.executor.send_signal(signal.SIGCONT)
        for step in ("cancelling", "stopping"):
            job_id, node = self.jobs[step], self.nodes[step]
            self.cluster.until(lambda job_id=job_id, node=node: "stopping" in node.output(job_id), step)  # type: ignore[misc]
        for job_id in (*self.jobs.values(), self.waiting):
            self.cluster.evidence.let_go(job_id)
        self.cluster.until_ended(*self.jobs.values(), self.waiting)


@pytest.fixture
def steps(home: Path, own_database_url: str) -> Iterator[Steps]:
    with running_cluster(home, own_database_url) as cluster:
        yield Steps(cluster)


def kill_the_api_and_the_scheduler(steps: Steps, _: EmbeddedPostgres) -> None:
    for process in (steps.cluster.api, steps.cluster.scheduler):
        process.kill()
        process.wait()
    steps.cluster.start_scheduler()
    steps.cluster.start_api()
    steps.cluster.wait_for_api()


def kill_the_executors(steps: Steps, _: EmbeddedPostgres) -> None:
    for node in steps.nodes.values():
        node.executor.kill()
        node.executor.wait()
    for node in steps.nodes.values():
        node.start_executor()


def kill_the_supervisors(steps: Steps, _: EmbeddedPostgres) -> None:
    for node in steps.nodes.values():
        node.kill_supervisor()
    steps.expect_after_the_supervisors_death()


def kill_a_backend(steps: Steps, _: EmbeddedPostgres) -> None:
    """With SIGKILL, after which PostgreSQL ends all others and recovers."""
    [(pid,)] = steps.cluster.sql(
        "SELECT min(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    os.kill(pid, signal.SIGKILL)


def kill_postgres(_: Steps, server: EmbeddedPostgres) -> None:
    shut_down_immediately(server)
    start_again(server)


@pytest.mark.parametrize(
    "kill",
    [
        kill_the_api_and_the_scheduler,
        kill_the_executors,
        kill_the_supervisors,
        kill_a_backend,
        kill_postgres,
    ],
)
def test_whatever_is_killed_at_any_step_of_a_job_is_made_good(
    steps: Steps, own_server: EmbeddedPostgres, kill: Callable[[Steps, EmbeddedPostgres], None]
) -> None:
    before = {pid: descriptors(pid) for pid in steps.cluster.living().values()}
    kill(steps, own_server)
    steps.go_on()
    steps.cluster.prove()
    steps.cluster.prove_descriptors(before)
