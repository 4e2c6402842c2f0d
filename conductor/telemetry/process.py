"""The instruments of this process. A process has one set of them, as it has one CPU time and one memory.

Promises: `snapshot_now` never raises.
"""

import os
import platform
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from conductor import __version__
from conductor.database import Pool
from conductor.telemetry.instruments import Counter, Gauge, Histogram, Instrument, Snapshot, snapshot
from conductor.telemetry.metric_catalogue import METRICS

_PAGE_BYTES = resource.getpagesize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """A process as it is called in labels: its role, where it runs, its PID."""

    process: str
    node: str
    pid: int = 0

    @property
    def labels(self) -> tuple[str, str, str]:
        return self.process, self.node, str(self.pid)


def who_is(process: str, node: str) -> Who:
    """This process."""
    return Who(process=process, node=node, pid=os.getpid())


def _made() -> Mapping[str, Instrument]:
    made: dict[str, Instrument] = {}
    for name, metric in METRICS.items():
        if metric.of_process and metric.kind == "histogram":
            made[name] = Histogram(metric.bounds)
        elif metric.of_process:
            made[name] = Counter() if metric.kind == "counter" else Gauge()
    return made


INSTRUMENTS: Mapping[str, Instrument] = _made()


def counter(name: str) -> Counter:
    found = INSTRUMENTS[name]
    assert isinstance(found, Counter)
    return found


def gauge(name: str) -> Gauge:
    found = INSTRUMENTS[name]
    assert isinstance(found, Gauge)
    return found


def histogram(name: str) -> Histogram:
    found = INSTRUMENTS[name]
    assert isinstance(found, Histogram)
    return found


_WAKE_UPS = counter("conductor_wake_ups_total")


class Woken(Protocol):
    """Whatever waits in a loop, and counts what ended its waits."""

    by_notification: int
    by_poll: int


def watch_wake_up(loop: str, wake_up: Woken) -> None:
    """From now on it is told how often this loop was woken, and by what."""
    _WAKE_UPS.read(lambda: wake_up.by_notification, loop, "notification")
    _WAKE_UPS.read(lambda: wake_up.by_poll, loop, "poll")


def watch_pool(pool: Pool) -> None:
    """From now on it is told how the pool is used."""
    connections, waiting = (gauge(f"conductor_database_pool_{name}") for name in ("connections", "waiting"))
    connections.read(lambda: _stat(pool, "pool_size") - _stat(pool, "pool_available"), "in_use")
    connections.read(lambda: _stat(pool, "pool_available"), "idle")
    waiting.read(lambda: _stat(pool, "requests_waiting"))


def _stat(pool: Pool, name: str) -> float:
    return float(pool.get_stats().get(name, 0))


def snapshot_now() -> Snapshot:
    """Everything that this process counts, and what the kernel counts of it."""
    try:
        with open("/proc/self/statm") as file:
            gauge("conductor_process_resident_memory_bytes").set(int(file.read().split()[1]) * _PAGE_BYTES)
        gauge("conductor_process_open_fds").set(sum(1 for _ in Path("/proc/self/fd").iterdir()))
    except OSError:
        pass  # no /proc: then it is not told
    return snapshot(INSTRUMENTS.items())


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


counter("conductor_process_cpu_seconds_total").read(_cpu_seconds)
gauge("conductor_process_start_time_seconds").set(time.time())
gauge("conductor_build_info").set(1, __version__, platform.python_version())
