"""Jobs, submissions and batches a second.

Promises: no-op jobs are counted from the first submission to the last end that the log knows, and only when
every one of them completed; submissions are of held jobs, so that nothing runs beside them.
Refuses to know: who used the CPUs meanwhile; the meter does.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from scripts.benchmarks import floors
from scripts.benchmarks.cpu import used_between
from scripts.benchmarks.figures import BenchError, CpuUse, Figure, Floor, Measurement, milliseconds
from scripts.benchmarks.system import Measured

SUBMIT, SUBMIT_BATCH = "/api/v1/jobs/submit", "/api/v1/jobs/submit/batch"
NO_OP = "#!/bin/bash\n:\n"
BATCH = 1000
WARM_UP_JOBS = 200
FEWEST_JOBS, MOST_JOBS = 500, 20_000
CONNECTIONS = (1, 16)
BATCH_CONNECTIONS = (1, 2)
IN_FLIGHT = 16
FLOOR_SECONDS = 2.0
LOOK_EVERY_SECONDS = 0.1
BYTES_A_JOB = """
    SELECT avg(pg_column_size(e.*) + pg_column_size(j.*))::int
    FROM events e JOIN jobs j ON e.stream = 'job-' || j.id WHERE e.type = 'JobSubmitted'
"""
LEFT = "SELECT count(*) FROM jobs WHERE NOT final"
OUTCOME = """
    SELECT count(*) FILTER (WHERE state <> 'COMPLETED'), extract(epoch FROM max(end_time))::float8
    FROM jobs WHERE id > %s
"""


def measure_noop(measured: Measured, seconds: float) -> Measurement:
    """No-op jobs a second, end to end, with the folder that HTTP gives a job and with one of its own."""
    cpus = measured.system.settings.total_cpus
    starts = floors.bare_starts_per_second(NO_OP, IN_FLIGHT, FLOOR_SECONDS)
    floor = Floor(name=f"bare `bash job.sh`, {IN_FLIGHT} in flight", value=starts)
    figures: list[Figure] = []
    uses: list[CpuUse] = []
    for how, fields in (("a folder each", {}), ("in one folder", {"work_dir": "/"})):
        name = f"no-op jobs, {cpus} CPUs, {how}"
        expected = run_jobs(measured, WARM_UP_JOBS, fields)
        count = max(FEWEST_JOBS, min(MOST_JOBS, int(expected * seconds)))
        with cpu_use(measured, name, uses) as done:
            rate = run_jobs(measured, count, fields)
            done.append(count)
        figures.append(Figure(bench="noop", name=name, value=rate, unit="/s", floors=(floor,)))
    return Measurement(figures=tuple(figures), cpu_uses=tuple(uses))


def measure_submit(measured: Measured, seconds: float) -> Measurement:
    """Submissions a second, one a request."""
    share = seconds / len(CONNECTIONS)
    figures: list[Figure] = []
    uses: list[CpuUse] = []
    for connections in CONNECTIONS:
        name = f"submissions, {connections} connection{'s' if connections > 1 else ''}"
        _submissions_per_second(measured, connections, 0.5, [])
        with cpu_use(measured, name, uses) as done:
            rate = _submissions_per_second(measured, connections, share, done)
        found = _insert_floors(measured, connections)
        figures.append(Figure(bench="submit", name=name, value=rate, unit="/s", floors=found))
    return Measurement(figures=tuple(figures), cpu_uses=tuple(uses))


def measure_batch(measured: Measured, seconds: float) -> Measurement:
    """Jobs a second by batches, on one connection and on two, one decided while the other is written."""
    share = seconds / len(BATCH_CONNECTIONS)
    figures: list[Figure] = []
    uses: list[CpuUse] = []
    for connections in BATCH_CONNECTIONS:
        name = f"batches of {BATCH}, {connections} connection{'s' if connections > 1 else ''}"
        taken: list[float] = []
        with cpu_use(measured, name, uses) as done:
            rate = _batches_per_second(measured, connections, share, done, taken)
        figures.append(
            Figure(
                bench="batch", name=f"jobs in {name}", value=rate, unit="/s", floors=_copy_floors(measured)
            )
        )
        p50 = milliseconds(taken, 50)
        figures.append(Figure(bench="batch", name=f"answer to one of {name}, p50", value=p50, unit="ms"))
    return Measurement(figures=tuple(figures), cpu_uses=tuple(uses))


def _batches_per_second(
    measured: Measured, connections: int, seconds: float, done: list[int], taken: list[float]
) -> float:
    body = _batch_body(BATCH, {"hold": True})

    def submit(until: float) -> int:
        count = 0
        with measured.connect() as connection:
            while time.monotonic() < until:
                began_at = time.perf_counter()
                connection.ask("POST", SUBMIT_BATCH, body)
                taken.append(time.perf_counter() - began_at)
                count += BATCH
        done.append(count)
        return count

    submit(time.monotonic() + 0.3)
    taken.clear()
    return floors.rate_of(submit, connections, seconds)


def _copy_floors(measured: Measured) -> tuple[Floor, ...]:
    each = _bytes_a_job(measured)
    return (
        Floor(
            name=f"rows by COPY of {BATCH}, {each} bytes each",
            value=floors.copied_rows_per_second(measured.floor_url, BATCH, each, FLOOR_SECONDS),
        ),
        Floor(
            name=f"rows by one INSERT of {BATCH}",
            value=floors.inserted_rows_per_second(measured.floor_url, BATCH, each, FLOOR_SECONDS),
        ),
    )


@contextmanager
def cpu_use(measured: Measured, name: str, uses: list[CpuUse]) -> Iterator[list[int]]:
    """Append who used the CPUs in the block, which puts into the list how much it did."""
    meter, done = measured.cpu_meter(), list[int]()
    before = meter.read()
    yield done
    uses.append(used_between(name, before, meter.read(), sum(done)))


def run_jobs(measured: Measured, count: int, fields: Mapping[str, Any]) -> float:
    """Submit that many and wait until all have ended; jobs a second."""
    last_before = measured.query("SELECT coalesce(max(id), 0) FROM jobs")[0][0]
    bodies = [_batch_body(min(BATCH, count - done), fields) for done in range(0, count, BATCH)]
    began_at = time.time()
    with measured.connect() as connection:
        for body in bodies:
            connection.ask("POST", SUBMIT_BATCH, body)
    _wait_until_all_ended(measured, count)
    wrong, ended_at = measured.query(OUTCOME, last_before)[0]
    if wrong:
        raise BenchError(f"{wrong} of {count} no-op jobs did not complete")
    return float(count / (ended_at - began_at))


def _wait_until_all_ended(measured: Measured, count: int) -> None:
    # A hundred a second is far below anything worth a table.
    give_up_at = time.monotonic() + 30 + count / 100
    with measured.database() as database:
        while row := database.execute(LEFT).fetchone():
            if row[0] == 0:
                return
            if time.monotonic() > give_up_at:
                raise BenchError(f"{row[0]} of {count} no-op jobs have not ended")
            time.sleep(LOOK_EVERY_SECONDS)


def _submissions_per_second(measured: Measured, connections: int, seconds: float, done: list[int]) -> float:
    body = json.dumps({"script": NO_OP, "hold": True}).encode()

    def submit(until: float) -> int:
        count = 0
        with measured.connect() as connection:
            while time.monotonic() < until:
                connection.ask("POST", SUBMIT, body)
                count += 1
        done.append(count)
        return count

    return floors.rate_of(submit, connections, seconds)


def _insert_floors(measured: Measured, connections: int) -> tuple[Floor, ...]:
    each = _bytes_a_job(measured)
    return tuple(
        Floor(
            name=f"durable rows, {connections} at once, {'with' if notify else 'without'} NOTIFY",
            value=floors.inserts_per_second(
                measured.floor_url, connections, FLOOR_SECONDS, each, notify=notify
            ),
        )
        for notify in (False, True)
    )


def _batch_body(count: int, fields: Mapping[str, Any]) -> bytes:
    return json.dumps({"jobs": [{"script": NO_OP, **fields}] * count}).encode()


def _bytes_a_job(measured: Measured) -> int:
    """What a submission leaves in the log and in the table of jobs."""
    return int(measured.query(BYTES_A_JOB)[0][0])
