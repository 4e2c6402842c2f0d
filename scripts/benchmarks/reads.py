"""What reading costs when a million jobs have ended: one job, the statistics, and the first page of lists.

Promises: the rows are the product's own of one finished job, with other numbers and names; the log has none of them,
so nothing is proved of such a database. Refuses to know: how they are found.
"""

from collections.abc import Mapping

from psycopg import sql

from conductor.database import load_queries
from scripts.benchmarks import floors
from scripts.benchmarks.figures import BenchError, CpuUse, Figure, Floor, Measurement, milliseconds
from scripts.benchmarks.system import Measured
from scripts.benchmarks.throughput import cpu_use, run_jobs

SQL = load_queries("scripts.benchmarks", "reads.sql")

ENDED_JOBS = 1_000_000
JOBS_AT_ONCE = 100_000
MOST_READS = 2000
SHARE = 8  # figures among which the seconds are divided
LISTS: Mapping[str, str] = {
    "first page of the list": "",
    "list, state=FAILED": "?state=FAILED",
    "list, state of few (RUNNING)": "?state=RUNNING",
    "list, user_name of many": "?user_name=user-3",
    "list, name of few": "?name=rare",
    "list, node_name of few": "?node_name=node-rare",
}


def measure_reads(measured: Measured, seconds: float) -> Measurement:
    """Milliseconds, p50 and p99, on one kept-alive connection."""
    run_jobs(measured, 1, {"name": "template"})
    [(template,)] = measured.query("SELECT max(id) FROM jobs WHERE state = 'COMPLETED'")
    if template is None:
        raise BenchError("the job that the others are made of did not complete")
    _fill(measured, template)
    figures: list[Figure] = []
    uses: list[CpuUse] = []
    with measured.connect() as connection:
        health = floors.health_durations(connection, floors_seconds := max(0.5, seconds / SHARE))
        paths = {
            "GET of a job": f"/api/v1/jobs/{template}",
            "statistics": "/api/v1/jobs/stats",
            **{name: f"/api/v1/jobs{query}" for name, query in LISTS.items()},
        }
        for name, path in paths.items():
            with cpu_use(measured, name, uses) as done:
                taken = floors.durations(
                    lambda path=path: connection.ask("GET", path),  # type: ignore[misc]
                    floors_seconds,
                    most=MOST_READS,
                )
                done.append(len(taken) + 1)
            for percent in (50, 99):
                floor = Floor(name=f"/health, p{percent}", value=milliseconds(health, percent))
                figures.append(
                    Figure(
                        bench="reads",
                        name=f"{name}, p{percent}",
                        value=milliseconds(taken, percent),
                        unit="ms",
                        floors=(floor,),
                    )
                )
    return Measurement(figures=tuple(figures), cpu_uses=tuple(uses))


def _fill(measured: Measured, template: int) -> None:
    with measured.database() as connection:
        owner = connection.execute(SQL["owner"]).fetchone()
        assert owner is not None
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(owner[0])))
        connection.execute("SET synchronous_commit = off")
        for first in range(1, ENDED_JOBS + 1, JOBS_AT_ONCE):
            wanted = {"template": template, "first": first, "last": first + JOBS_AT_ONCE - 1}
            connection.execute(SQL["ended_jobs"], wanted)
            connection.execute(SQL["ended_allocations"], wanted)
        connection.execute(SQL["count"])
        connection.execute("VACUUM ANALYZE jobs, resource_allocations")
