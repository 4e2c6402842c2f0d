"""Kills parts of a loaded system at random, and proves that nothing was lost, repeated or left behind.

Three nodes, a mixed load, and every so often SIGKILL for the API, the scheduler, an executor, a supervisor, a
PostgreSQL backend, or an immediate shutdown of PostgreSQL itself. What is killed, and what the jobs do, follows from
the seed; when exactly a part dies does not, which is the point. Ends with 0 only when every law in
`tests/faults/evidence.py` holds.
"""

import argparse
import os
import random
import secrets
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg

from conductor.embedded import EmbeddedPostgres
from conductor.migrate import migrate
from tests.faults.cluster import Cluster, Node, alive, running_cluster, shut_down_immediately, start_again
from tests.faults.evidence import Outcome
from tests.fix_postgres import NOT_DURABLE, temporary_home

NODES, CPUS = 3, 8
KILLS = {
    "api": 3,
    "scheduler": 4,
    "executor": 6,
    "supervisor": 4,
    "backend": 2,
    "every backend": 2,
    "postgres": 1,
}
LONGEST_PAUSE_SECONDS = 0.8
# Submissions may be this many behind, or this long.
MOST_LAG, LAG_PATIENCE_SECONDS = 5, 30.0
END_PATIENCE_SECONDS = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A job to submit: what its script does, what it is asked with, how it ends when nobody dies."""

    work: str
    outcome: Outcome
    exit_code: int = 0
    cancelled_after_seconds: float | None = None
    fields: dict[str, Any] = field(default_factory=dict)


def plan(dice: random.Random) -> Plan:
    """One job of the mix."""
    code = dice.choice([0, 0, 0, 3])
    ends = Outcome(states=("FAILED" if code else "COMPLETED",), exit_code=code)
    seconds = f"{dice.uniform(0.1, 4):.2f}"
    killed = Outcome(states=("TIMEOUT",), exit_code=None, starts=1)
    quick = Plan(work="echo quick", outcome=replace(ends, output="quick\n"), exit_code=code)
    kinds: list[Callable[[], Plan]] = [
        lambda: quick,
        lambda: replace(quick, work=f"echo quick; sleep {seconds}"),
        lambda: replace(quick, work=f"echo quick; sleep {seconds}", fields={"requeue": True}),
        lambda: replace(quick, work=f"sleep {seconds}", cancelled_after_seconds=dice.uniform(0, 3)),
        lambda: replace(quick, work="trap '' TERM; sleep 60", cancelled_after_seconds=dice.uniform(0, 3)),
        lambda: replace(quick, work="seq 20000 >&2; echo quick"),
        lambda: replace(quick, work="echo quick; setsid sleep 300 & sleep 0.2"),
        lambda: replace(quick, work="echo quick; for i in $(seq 30); do sleep 60 & done"),
        lambda: Plan(work="sleep 60", outcome=killed, fields={"time_limit": "00:01"}),
    ]
    return dice.choice(kinds)()


@dataclass(slots=True)
class Load:
    """Submits and cancels through the API, as a patient client would: again, with the same key, until answered."""

    cluster: Cluster
    plans: list[Plan]
    jobs: dict[int, Plan] = field(default_factory=dict)
    due: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    released: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        cancels: list[tuple[float, int]] = []
        for number, one in enumerate(self.plans):
            self.due.acquire()
            script = self.cluster.evidence.script(one.work, str(one.exit_code))
            key = {"Idempotency-Key": f"chaos-{number}"}
            told = self._ask("/jobs/submit", {"script": script, **one.fields}, key)
            self.jobs[told["job_id"]] = one
            if one.cancelled_after_seconds is not None:
                cancels.append((time.monotonic() + one.cancelled_after_seconds, told["job_id"]))
            cancels = self._cancel(cancels, time.monotonic())
        self._cancel(cancels, float("inf"))

    def keep_up(self, share: float) -> None:
        """Kills go no faster than submissions, so that the load lasts as long as they do."""
        wanted = int(share * len(self.plans))
        self.due.release(wanted - self.released)
        self.released = wanted
        give_up_at = time.monotonic() + LAG_PATIENCE_SECONDS
        while len(self.jobs) < wanted - MOST_LAG and time.monotonic() < give_up_at:
            time.sleep(0.02)

    def _cancel(self, cancels: list[tuple[float, int]], now: float) -> list[tuple[float, int]]:
        for at, job_id in cancels:
            if at <= now:
                self._ask(f"/jobs/{job_id}/cancel", None, {})
        return [one for one in cancels if one[0] > now]

    def _ask(self, path: str, body: Any, headers: dict[str, str]) -> Any:
        while not self.stopping.is_set():
            with suppress(httpx.TransportError):
                answer = self.cluster.client.post(path, json=body, headers=headers)
                if answer.status_code < 300:
                    return answer.json()
                if answer.status_code != 503:
                    raise AssertionError(f"{path}: {answer.status_code} {answer.text}")
            self.stopping.wait(0.05)
        raise SystemExit


@dataclass(slots=True)
class Chaos:
    """Ends parts, and starts again what nobody else does."""

    cluster: Cluster
    server: EmbeddedPostgres
    dice: random.Random
    done: Counter[str] = field(default_factory=Counter)
    supervisors_died: list[tuple[str, datetime]] = field(default_factory=list)

    def kill(self) -> None:
        kind = self.dice.choices(list(KILLS), list(KILLS.values()))[0]
        node = self.dice.choice(list(self.cluster.nodes.values()))
        self.done[kind] += 1
        match kind:
            case "api":
                self._end(self.cluster.api)
                self.cluster.start_api()
            case "scheduler":
                self._end(self.cluster.scheduler)
                self.cluster.start_scheduler()
            case "executor":
                self._end(node.executor)
                node.start_executor()
            case "supervisor":
                self._end_supervisor(node)
            case "postgres":
                shut_down_immediately(self.server)
                start_again(self.server)
            case _:
                self._end_backends(kind)

    def _end(self, process: Any) -> None:
        process.kill()
        process.wait()

    def _end_supervisor(self, node: Node) -> None:
        pid = node.supervisor_pid()
        if pid is None:
            self.done["supervisor, not there yet"] += 1
            return
        self.supervisors_died.append((node.name, datetime.now(UTC)))
        os.kill(pid, signal.SIGKILL)
        while alive(pid):
            time.sleep(0.001)
        self.supervisors_died.append((node.name, datetime.now(UTC)))

    def _end_backends(self, kind: str) -> None:
        theirs = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        with suppress(psycopg.OperationalError):  # it is still recovering from the last one
            pids = [pid for (pid,) in self.cluster.sql(f"SELECT pid {theirs} ORDER BY pid")]
            if kind == "every backend":
                self.cluster.sql(f"SELECT pg_terminate_backend(pid) {theirs}")
            elif pids:
                os.kill(self.dice.choice(pids), signal.SIGKILL)

    def look(self) -> None:
        """As a service manager does: a part that ended by itself is started again."""
        for node in self.cluster.nodes.values():
            if not alive(node.executor.pid):
                self.done["executors that ended by themselves"] += 1
                node.start_executor()
        for role in ("api", "scheduler"):
            if not alive(getattr(self.cluster, role).pid):
                self.done[f"{role} that ended by itself"] += 1
                getattr(self.cluster, f"start_{role}")()


def expect(cluster: Cluster, jobs: dict[int, Plan], died: list[tuple[str, datetime]]) -> None:
    """How each job must have ended, given which supervisors died under it and which jobs were cancelled."""
    rows = cluster.sql(
        "SELECT j.id, j.state, j.reason, j.exit_code, a.node_name, a.reservation_time, j.end_time "
        "FROM jobs j LEFT JOIN resource_allocations a ON a.job_id = j.id"
    )
    for job_id, state, reason, exit_code, node_name, begun, ended in rows:
        asked = jobs[job_id]
        orphaned = any(name == node_name and begun <= at <= ended for name, at in died)
        outcome = asked.outcome
        if orphaned and exit_code is None and str(reason).startswith(("ExitUnknown", "JobLaunchFailure")):
            outcome = Outcome(states=("FAILED",), exit_code=None, starts=None)
        elif asked.cancelled_after_seconds is not None and state == "CANCELLED":
            outcome = Outcome(states=("CANCELLED",), exit_code=exit_code, starts=None)
        elif asked.cancelled_after_seconds is not None:
            outcome = replace(outcome, output=None)
        elif orphaned and state == "TIMEOUT":
            outcome = replace(outcome, starts=1)
        cluster.expected[job_id] = outcome


def run(cluster: Cluster, server: EmbeddedPostgres, options: argparse.Namespace) -> None:
    cluster.start_api()
    cluster.start_scheduler()
    for number in range(NODES):
        cluster.add_node(f"node-{number}", cpus=CPUS).start_executor()
    cluster.wait_for_api()
    cluster.wait_for_leases(NODES)
    # To be repeatable, not to be unforeseeable.
    of_load, of_chaos = random.Random(options.seed), random.Random(options.seed + 1)  # noqa: S311
    chaos = Chaos(cluster, server, of_chaos)
    plans = [plan(of_load) for _ in range(options.jobs)]
    load = Load(cluster, plans)
    client = threading.Thread(target=load.run, name="load", daemon=True)
    client.start()
    try:
        for number in range(1, options.kills + 1):
            load.keep_up(number / options.kills)
            chaos.kill()
            time.sleep(of_chaos.uniform(0, LONGEST_PAUSE_SECONDS))
            chaos.look()
            if number % 20 == 0:
                print(f"{number} kills, {len(load.jobs)} jobs submitted", flush=True)
        client.join(END_PATIENCE_SECONDS)
        assert not client.is_alive(), "the API never took all submissions"
        cluster.until_ended(*load.jobs, seconds=END_PATIENCE_SECONDS)
    finally:
        load.stopping.set()
    assert len(load.jobs) == options.jobs, "a repeated submission made another job"
    expect(cluster, load.jobs, chaos.supervisors_died)
    cluster.prove()
    print("killed:", ", ".join(f"{count} {kind}" for kind, count in chaos.done.most_common()))
    ends = cluster.sql("SELECT count(*), state FROM jobs GROUP BY state ORDER BY state")
    print("jobs:", ", ".join(f"{count} {state}" for count, state in ends))


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=300)
    options = parser.parse_args()
    print(f"seed {options.seed}: {options.kills} kills over {options.jobs} jobs", flush=True)
    with (
        temporary_home() as home,
        temporary_home() as database_home,
        EmbeddedPostgres(database_home, extra_config=NOT_DURABLE) as server,
    ):
        migrate(server.url())
        settings = {"CONDUCTOR_KILL_GRACE_SECONDS": "1"}
        with running_cluster(home, server.url(), waiting_jobs=0, **settings) as cluster:
            try:
                run(cluster, server, options)
            except AssertionError as violation:
                print(f"VIOLATED with seed {options.seed}:\n{violation}", file=sys.stderr)
                return 1
    print(f"no violation with seed {options.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
