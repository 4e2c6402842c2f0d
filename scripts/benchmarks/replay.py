"""What it costs to prove a long log, and to look back in it.

Promises: the log is only read. Refuses to know: how it is folded.
"""

import time
from collections.abc import Sequence

import psycopg

from conductor.core.identifiers import JobId, job_stream
from projections.moment import find_moment, state_at
from projections.snapshot import snapshot
from scripts.benchmarks.figures import BenchError, Figure, Floor, Measurement, milliseconds
from scripts.benchmarks.on_a_long_log import Done, long_log_database, run_command
from scripts.benchmarks.system import Measured

LOOKS = 200


def measure_replay(measured: Measured, events: int) -> Measurement:
    """`replay verify`, `replay as-of` of everything, and of one job."""
    url = long_log_database(measured, events)
    copied = Floor(name="the same events by COPY to /dev/null", value=events / _copy_seconds(url))
    verified = run_command(measured, url, "replay", "verify", "--json")
    if not verified.answer["equal"]:
        raise BenchError("the long log does not equal its tables")
    middle = str(events // 2)
    whole = run_command(measured, url, "replay", "as-of", middle, "--json")
    figures = (
        *_of_events(f"verify of {events:,} events", events, verified, copied),
        *_of_events(f"everything as of position {events // 2:,}", events // 2, whole, copied),
        *_one_job(url, events),
    )
    return Measurement(figures=figures)


def _of_events(name: str, events: int, done: Done, copied: Floor) -> Sequence[Figure]:
    return (
        Figure(bench="replay", name=name, value=events / done.seconds, unit="/s", floors=(copied,)),
        Figure(
            bench="replay",
            name="  CPU of it for each event",
            value=1000 * done.cpu_seconds / events,
            unit="ms",
        ),
        Figure(bench="replay", name="  its peak memory", value=done.peak_mb, unit="MB"),
    )


def _one_job(url: str, events: int) -> Sequence[Figure]:
    """One job as it stood, at places all over the log; and a row by its key, as far away."""
    looks, rows = [], []
    with snapshot(url) as connection:
        for number in range(LOOKS):
            job_id = 1 + number * (events // 4 - 2) // LOOKS
            began_at = time.perf_counter()
            moment = find_moment(connection, events - number)
            state = state_at(connection, job_stream(JobId(job_id)), moment.position)
            looks.append(time.perf_counter() - began_at)
            if state is None:
                raise BenchError(f"there is no job {job_id} at position {moment.position}")
            began_at = time.perf_counter()
            connection.execute("SELECT * FROM jobs WHERE id = %s", [job_id]).fetchone()
            rows.append(time.perf_counter() - began_at)
    return tuple(
        Figure(
            bench="replay",
            name=f"one job as of a position, p{percent} of {LOOKS}",
            value=milliseconds(looks, percent),
            unit="ms",
            floors=(Floor(name=f"its row as it is now, p{percent}", value=milliseconds(rows, percent)),),
        )
        for percent in (50, 99)
    )


def _copy_seconds(url: str) -> float:
    """By the server alone, the faster of two."""
    taken = []
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(2):
            began_at = time.perf_counter()
            connection.execute("COPY events TO '/dev/null'")
            taken.append(time.perf_counter() - began_at)
    return min(taken)
