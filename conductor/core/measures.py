"""What is measured of runs, real or simulated: waits, slowdown, use, fairness. Pure numbers.

    bounded slowdown    max(1, (wait + run) / max(run, 10 s)) of a job: how much longer it took than it ran, with
                        short runs counted as ten seconds so that they do not drown all others
    utilisation         CPU seconds held / CPU seconds there, from the first submission to the last end
    makespan            from the first submission to the last end
    fairness            Jain's index (sum x)^2 / (n * sum x^2) over users, x a user's mean bounded slowdown: 1 when
                        all fare alike, 1/n when one bears everything

A percentile is a wait that really was: the nearest rank.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from conductor.core.workload import Ran, Step

SLOWDOWN_THRESHOLD_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Seconds, ratios and counts. `jobs` are those whose waits were counted."""

    jobs: int
    users: int
    wait_mean_seconds: float
    wait_p50_seconds: float
    wait_p95_seconds: float
    wait_max_seconds: float
    bounded_slowdown_mean: float
    bounded_slowdown_p95: float
    bounded_slowdown_max: float
    utilization: float
    makespan_seconds: float
    fairness: float
    cpu_hours: float
    most_waiting: int


class Load(NamedTuple):
    """How things stand from an instant on: CPUs held, CPUs there, jobs waiting."""

    at: datetime
    busy_cpus: int
    total_cpus: int
    waiting_jobs: int


def bounded_slowdown(wait_seconds: float, run_seconds: float) -> float:
    threshold = SLOWDOWN_THRESHOLD_SECONDS
    return max(1.0, (wait_seconds + run_seconds) / max(run_seconds, threshold))


def percentile(ascending: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed."""
    return ascending[max(0, math.ceil(len(ascending) * percent / 100) - 1)]


def jain(values: Sequence[float]) -> float:
    """Jain's fairness index; 1 for nobody, who is not treated unfairly."""
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 1.0


def measure(ran: Sequence[Ran], capacity: Sequence[Step]) -> Measures | None:
    """None when nothing that counts has run."""
    counted = [one for one in ran if one.counted]
    if not counted:
        return None
    begin, end = min(one.eligible_at for one in counted), max(one.ended_at for one in counted)
    loads = load_over_time(ran, capacity, begin=begin, end=end)
    waits = sorted(one.wait_seconds for one in counted)
    slowdowns = sorted(bounded_slowdown(one.wait_seconds, one.run_seconds) for one in counted)
    by_user = _by_user(counted)
    return Measures(
        jobs=len(counted),
        users=len(by_user),
        wait_mean_seconds=math.fsum(waits) / len(waits),
        wait_p50_seconds=percentile(waits, 50),
        wait_p95_seconds=percentile(waits, 95),
        wait_max_seconds=waits[-1],
        bounded_slowdown_mean=math.fsum(slowdowns) / len(slowdowns),
        bounded_slowdown_p95=percentile(slowdowns, 95),
        bounded_slowdown_max=slowdowns[-1],
        utilization=utilization(loads, end),
        makespan_seconds=(end - begin).total_seconds(),
        fairness=jain(by_user),
        cpu_hours=math.fsum(one.cpus * one.run_seconds for one in counted) / 3600,
        most_waiting=max((load.waiting_jobs for load in loads), default=0),
    )


def _by_user(ran: Iterable[Ran]) -> list[float]:
    """Every user's mean bounded slowdown."""
    found: dict[str, list[float]] = {}
    for one in ran:
        found.setdefault(one.user_name, []).append(bounded_slowdown(one.wait_seconds, one.run_seconds))
    return [math.fsum(values) / len(values) for _, values in sorted(found.items())]


def utilization(loads: Sequence[Load], end: datetime) -> float:
    """CPU seconds held of those that were there, up to `end`."""
    held = there = 0.0
    for load, until in _spans(loads, end):
        seconds = (until - load.at).total_seconds()
        held += load.busy_cpus * seconds
        there += load.total_cpus * seconds
    return held / there if there else 0.0


def _spans(loads: Sequence[Load], end: datetime) -> Iterator[tuple[Load, datetime]]:
    for load, after in pairwise(loads):
        yield load, after.at
    if loads:
        yield loads[-1], end


def load_over_time(
    ran: Iterable[Ran], capacity: Sequence[Step], *, begin: datetime, end: datetime
) -> tuple[Load, ...]:
    """Every change from `begin` to `end`, one a moment. CPUs that a job holds are there, whatever its node says."""
    busy: dict[datetime, int] = {}
    waiting: dict[datetime, int] = {}
    for one in ran:
        for changes, at, change in (
            (busy, one.started_at, one.cpus),
            (busy, one.ended_at, -one.cpus),
            (waiting, one.eligible_at, 1),
            (waiting, one.started_at, -1),
        ):
            changes[at] = changes.get(at, 0) + change
    there = dict(capacity)
    loads: list[Load] = []
    now_busy = now_there = now_waiting = 0
    for at in sorted({begin, *busy, *waiting, *there}):
        now_busy += busy.get(at, 0)
        now_waiting += waiting.get(at, 0)
        now_there = there.get(at, now_there)
        if at > end:
            break
        if at <= begin:
            loads.clear()
        loads.append(Load(max(at, begin), now_busy, max(now_there, now_busy), now_waiting))
    return tuple(loads)
