"""An array of ten thousand tasks: submitted in one request, cancelled in one.

Promises: both are counted until the answer; the cancel only when every task is cancelled by then. The tasks are held,
so that nothing runs beside them. Refuses to know: who used the CPUs meanwhile; the meter does.
"""

import json
import time

from scripts.benchmarks import floors
from scripts.benchmarks.cpu import used_between
from scripts.benchmarks.figures import BenchError, CpuUse, Figure, Floor, Measurement, milliseconds
from scripts.benchmarks.system import Measured
from scripts.benchmarks.throughput import NO_OP, SUBMIT

TASKS = 10_000
MOST_ROUNDS = 20
FLOOR_SECONDS = 2.0
BYTES_A_TASK = """
    SELECT avg(pg_column_size(e.*) + pg_column_size(j.*))::int
    FROM events e JOIN jobs j ON e.stream = 'job-' || j.id WHERE e.type = '{}'
"""
WAITING = "SELECT count(*) FROM jobs WHERE array_job_id = %s AND state <> 'CANCELLED'"


def measure_array(measured: Measured, seconds: float) -> Measurement:
    body = json.dumps({"script": NO_OP, "array": f"0-{TASKS - 1}", "hold": True}).encode()
    submitted: list[float] = []
    cancelled: list[float] = []
    meter = measured.cpu_meter()
    before = meter.read()
    give_up_at = time.monotonic() + seconds
    with measured.connect() as connection:
        connection.ask("POST", SUBMIT, json.dumps({"script": NO_OP, "array": "0-99", "hold": True}).encode())
        while not submitted or (time.monotonic() < give_up_at and len(submitted) < MOST_ROUNDS):
            began = time.monotonic()
            job_id = json.loads(connection.ask("POST", SUBMIT, body))["job_id"]
            submitted.append(time.monotonic() - began)
            began = time.monotonic()
            connection.ask("POST", f"/api/v1/jobs/{job_id}/cancel")
            cancelled.append(time.monotonic() - began)
            left = measured.query(WAITING, job_id)[0][0]
            if left:
                raise BenchError(f"{left} of {TASKS} tasks were not cancelled when the answer came")
    uses: list[CpuUse] = [
        used_between("arrays, submitted and cancelled", before, meter.read(), 2 * TASKS * len(submitted))
    ]
    figures = (
        *_figures(measured, "submitted in one request", submitted, "JobSubmitted"),
        *_figures(measured, "cancelled as a whole", cancelled, "JobCancelled"),
    )
    return Measurement(figures=figures, cpu_uses=tuple(uses))


def _figures(measured: Measured, what: str, taken: list[float], event: str) -> tuple[Figure, ...]:
    each = int(measured.query(BYTES_A_TASK.format(event))[0][0])
    rate = floors.copied_rows_per_second(measured.floor_url, TASKS, each, FLOOR_SECONDS)
    floor = Floor(name=f"{TASKS:,} rows by COPY, {each} bytes each", value=TASKS / rate * 1000)
    return tuple(
        Figure(
            bench="array",
            name=f"array of {TASKS:,} {what}, {name}",
            value=milliseconds(taken, percent),
            unit="ms",
            floors=(floor,),
        )
        for name, percent in (("p50", 50), ("worst", 100))
    )
