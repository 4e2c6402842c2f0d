"""What it costs to run a real machine's three months through `conductor whatif`.

Promises: each order is simulated twice, and the two must not differ in a single start. Refuses to know: what comes
of it.
"""

import time
from collections.abc import Sequence
from heapq import heappop, heappush
from pathlib import Path

from conductor.swf import SwfJob, read_trace
from scripts.benchmarks.figures import BenchError, Figure, Floor, Measurement
from scripts.benchmarks.on_a_long_log import Done, run_command
from scripts.benchmarks.system import Measured

TRACE = Path(__file__).parent.parent.parent / "tests" / "data" / "NASA-iPSC-1993-3.1-cln.swf.gz"
CPUS = 128
# As it was, which leaves few waiting; and half as fast again, with limits to plan by, which makes hundreds wait.
AS_IT_WAS, CROWDED = (), ("--load", "1.5", "--limits", "exact")


def measure_whatif(measured: Measured, _seconds: float) -> Measurement:
    """The NASA trace in `first_fit` and in `backfill`."""
    read, counted, starts = _floors()
    floors = (
        Floor(name="reading the trace", value=read * 1000),
        Floor(name=f"one counter of {CPUS} CPUs and a heap, first fit", value=counted * 1000),
    )
    figures: list[Figure] = []
    for order in ("first_fit", "backfill"):
        first, second = (_simulated(measured, order, AS_IT_WAS) for _ in range(2))
        if first.answer["digest"] != second.answer["digest"]:
            raise BenchError(f"two simulations of {order} differ")
        name = f"{starts:,} jobs of the NASA trace, {order}"
        figures += _figures(name, first if first.seconds < second.seconds else second, floors)
        figures += _figures(
            f"  submitted 1.5 times as fast, {order}", _simulated(measured, order, CROWDED), ()
        )
    return Measurement(figures=tuple(figures))


def _simulated(measured: Measured, order: str, more: Sequence[str]) -> Done:
    url = measured.system.settings.database_url or ""
    return run_command(measured, url, "whatif", "--swf", str(TRACE), "--policy", order, *more, "--json")


def _figures(name: str, done: Done, floors: tuple[Floor, ...]) -> Sequence[Figure]:
    return (
        Figure(bench="whatif", name=name, value=done.seconds * 1000, unit="ms", floors=floors),
        Figure(bench="whatif", name=f"{name}: CPU", value=done.cpu_seconds * 1000, unit="ms"),
        Figure(bench="whatif", name=f"{name}: peak memory", value=done.peak_mb, unit="MB"),
    )


def _floors() -> tuple[float, float, int]:
    """Seconds to read the trace, seconds to run it through a counter, and how many jobs it has."""
    began_at = time.perf_counter()
    jobs = read_trace(TRACE).jobs
    read_at = time.perf_counter()
    starts = _counted(jobs)
    return read_at - began_at, time.perf_counter() - read_at, starts


def _counted(jobs: Sequence[SwfJob]) -> int:
    """First fit on one number, in as few words as it takes."""
    ends: list[tuple[int, int]] = []
    waiting: list[SwfJob] = []
    free, begun, index = CPUS, 0, 0
    while index < len(jobs) or ends:
        soonest = jobs[index].submit_seconds if index < len(jobs) else ends[0][0]
        now = min(soonest, ends[0][0]) if ends else soonest
        while ends and ends[0][0] == now:
            free += heappop(ends)[1]
        while index < len(jobs) and jobs[index].submit_seconds == now:
            waiting.append(jobs[index])
            index += 1
        left = []
        for job in waiting:
            cpus = job.processors or 1
            if cpus > free:
                left.append(job)
                continue
            free -= cpus
            begun += 1
            heappush(ends, (now + (job.run_seconds or 0), cpus))
        waiting = left
    return begun
