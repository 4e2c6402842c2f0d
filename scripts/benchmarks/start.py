"""Submit to first line: how long a user waits on an idle system.

Promises: one job at a time, the next only after the last has ended and a moment has passed; both instants are
of one machine's clock, the first taken before the request is sent, the last by the script's first line.
Refuses to know: how the way from one to the other is gone; the log says when each step was recorded.
"""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from scripts.benchmarks import floors
from scripts.benchmarks.api_connection import ApiConnection
from scripts.benchmarks.figures import BenchError, Figure, Floor, Measurement, Stage, milliseconds
from scripts.benchmarks.system import Measured

SUBMISSIONS = 100
WARM_UPS = 5
# A shell older than bash 5 has to ask `date`, which adds a process.
SCRIPT = 'echo "${EPOCHREALTIME:-$(date +%s.%N)}"\n'
BODY = json.dumps({"script": SCRIPT}).encode()
# The job has this long to itself, before anybody asks for it.
UNWATCHED_SECONDS = 0.05
SUBMIT = "/api/v1/jobs/submit"
PAUSE_SECONDS = (0.0, 0.05)
FLOOR_SECONDS = 1.0
# About what one event takes in the log.
ROW_BYTES = 400
STAGES = (
    "request sent to submission recorded",
    "submission recorded to CPUs reserved",
    "CPUs reserved to process recorded",
    "process recorded to its first line",
)
RECORDED = """
    SELECT extract(epoch FROM min(recorded_at) FILTER (WHERE type = 'JobSubmitted'))::float8,
           extract(epoch FROM min(recorded_at) FILTER (WHERE type = 'ResourcesReserved'))::float8,
           extract(epoch FROM min(recorded_at) FILTER (WHERE type = 'ResourcesAllocated'))::float8
    FROM events WHERE stream = ANY(%s) GROUP BY stream ORDER BY min(position)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One job's way, in seconds of the clock."""

    job_id: int
    sent_at: float
    answered_at: float
    first_line_at: float


def measure_start(measured: Measured, seconds: float) -> Measurement:
    """Delays of about a hundred submissions."""
    with measured.connect() as connection:
        for _ in range(WARM_UPS):
            _submit_one(measured, connection)
        starts = _starts(measured, connection, seconds)
        found = _floors(measured, connection)
    delays = [start.first_line_at - start.sent_at for start in starts]
    answers = [start.answered_at - start.sent_at for start in starts]
    figures = (
        _figure("submit to first line, p50", delays, 50, found),
        _figure("submit to first line, p99", delays, 99, found[-1:]),
        _figure("submit to its answer, p50", answers, 50, found[:2]),
        _figure("submit to its answer, p99", answers, 99, ()),
    )
    return Measurement(figures=figures, stages=tuple(_stages(measured, starts)))


def _figure(name: str, seconds: Sequence[float], percent: float, under: tuple[Floor, ...]) -> Figure:
    value = milliseconds(seconds, percent)
    return Figure(bench="start", name=f"{name} of {len(seconds)}", value=value, unit="ms", floors=under)


def _starts(measured: Measured, connection: ApiConnection, seconds: float) -> list[Start]:
    starts: list[Start] = []
    until = time.monotonic() + seconds
    while len(starts) < SUBMISSIONS and time.monotonic() < until:
        starts.append(_submit_one(measured, connection))
        # Not in step with anything that comes round regularly.
        time.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 (spreads moments, guards nothing)
    return starts


def _submit_one(measured: Measured, connection: ApiConnection) -> Start:
    sent_at = time.time()
    job_id = json.loads(connection.ask("POST", SUBMIT, BODY))["job_id"]
    answered_at = time.time()
    time.sleep(UNWATCHED_SECONDS)
    job = json.loads(connection.ask("GET", f"/api/v1/jobs/{job_id}?wait=final&timeout=30"))
    if job["state"] != "COMPLETED":
        raise BenchError(f"job {job_id} should be COMPLETED and is {job['state']} ({job['reason']})")
    first_line_at = float((measured.spool / "output" / f"job_{job_id}.out").read_text())
    return Start(job_id=job_id, sent_at=sent_at, answered_at=answered_at, first_line_at=first_line_at)


def _floors(measured: Measured, connection: ApiConnection) -> tuple[Floor, ...]:
    health = milliseconds(floors.health_durations(connection, FLOOR_SECONDS), 50)
    commit = milliseconds(floors.commit_durations(measured.floor_url, FLOOR_SECONDS, ROW_BYTES), 50)
    bash = milliseconds(floors.bash_durations(FLOOR_SECONDS), 50)
    return (
        Floor(name="HTTP round trip to /health, p50", value=health),
        Floor(name="durable commit of one row, p50", value=commit),
        Floor(name="`bash -c :`, start to end, p50", value=bash),
        Floor(name="round trip + 3 commits + bash", value=health + 3 * commit + bash),
    )


def _stages(measured: Measured, starts: Sequence[Start]) -> list[Stage]:
    """Where the time went, by when the log recorded each step."""
    recorded = measured.query(RECORDED, [f"job-{start.job_id}" for start in starts])
    ways = [(start.sent_at, *row, start.first_line_at) for start, row in zip(starts, recorded, strict=True)]
    steps = zip(*([after - before for before, after in pairwise(way)] for way in ways), strict=True)
    return [
        Stage(name=name, p50_ms=milliseconds(step, 50), p99_ms=milliseconds(step, 99))
        for name, step in zip(STAGES, steps, strict=True)
    ]
