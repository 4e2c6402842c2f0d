"""What it costs a scheduler to begin to lead a busy system, and to follow its log.

Promises: the scheduler's own code, in a process of its own, on a database that nothing else uses. Refuses to know: what
it places.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import psycopg

from scripts.benchmarks.figures import BenchError, Figure, Floor, Measurement
from scripts.benchmarks.long_log import make_busy_log
from scripts.benchmarks.on_a_long_log import made_database
from scripts.benchmarks.system import Measured

NODES, CPUS = 1000, 64
RUNNING, WAITING = 50_000, 100_000
# What is read at the start, by the server alone.
COPY = """
    COPY (SELECT stream, version, type, schema_version, at, data::text FROM events
          WHERE stream IN (SELECT 'job-' || id FROM jobs WHERE NOT final) ORDER BY stream, version) TO '/dev/null'
"""
PROGRAM = "scripts.benchmarks.leader_process"


def measure_leader(measured: Measured, _seconds: float) -> Measurement:
    """Load 100,000 waiting and 50,000 running jobs; then follow the log from its first event on."""
    url = made_database(measured, "leader")
    make_busy_log(url, nodes=NODES, cpus=CPUS, running=RUNNING, waiting=WAITING)
    copied_ms = 1000 * _copy_seconds(url)
    loaded, peak_mb = _run(url, "load")
    if (loaded["waiting"], loaded["jobs"]) != (WAITING, RUNNING + WAITING):
        raise BenchError(f"the scheduler's memory has other jobs than the log: {loaded}")
    followed, _ = _run(url, "follow")
    if followed["waiting"] != WAITING:
        raise BenchError(f"following the log led elsewhere than loading it: {followed}")
    events = followed["events"]
    floor = Floor(name="the same events by COPY to /dev/null", value=copied_ms)
    rate = Floor(name="the same events by COPY to /dev/null", value=events / (copied_ms / 1000))
    name = f"a leader's start, {WAITING:,} jobs waiting, {RUNNING:,} running"
    return Measurement(
        figures=(
            Figure(bench="leader", name=name, value=1000 * loaded["seconds"], unit="ms", floors=(floor,)),
            Figure(bench="leader", name="  CPU of it", value=1000 * loaded["cpu_seconds"], unit="ms"),
            Figure(
                bench="leader",
                name="  the longest that the event loop waited meanwhile",
                value=1000 * loaded["gap_seconds"],
                unit="ms",
            ),
            Figure(bench="leader", name="  its peak memory", value=peak_mb, unit="MB"),
            Figure(
                bench="leader",
                name=f"following {events:,} events",
                value=events / followed["seconds"],
                unit="/s",
                floors=(rate,),
            ),
        )
    )


def _run(url: str, what: str) -> tuple[dict[str, Any], float]:
    """What the process says, and the most memory it had, in MB."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        child = subprocess.Popen(
            [sys.executable, "-m", PROGRAM, url, what], env=environment, stdout=said, stderr=complained
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        complained.seek(0)
        if child.returncode != 0:
            words = complained.read()[-500:].decode("utf-8", "replace")
            raise BenchError(f"{PROGRAM} {what} ended with {child.returncode}: {words}")
        return json.loads(said.read()), usage.ru_maxrss / 1024


def _copy_seconds(url: str) -> float:
    """The faster of two."""
    taken = []
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(2):
            began_at = time.perf_counter()
            connection.execute(COPY)
            taken.append(time.perf_counter() - began_at)
    return min(taken)
