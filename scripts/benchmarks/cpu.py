"""CPU seconds by role.

Promises: what children used is counted where they were waited for, so that jobs and ended database sessions
are not lost; what nobody of ours used is shown too, because it took the CPUs from us.
Refuses to know: what was done in the meantime.
"""

import os
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil
import psycopg

from scripts.benchmarks.figures import CpuUse

# A session is named by what its client calls itself; the server's own processes are taken together.
SESSIONS = """
    SELECT pid, coalesce(nullif(application_name, ''), 'sessions')
    FROM pg_stat_activity WHERE backend_type = 'client backend'
"""
OTHERS = "everything else (kernel, other programs)"


@dataclass(frozen=True, slots=True)
class Reading:
    """What every role has used so far."""

    at: float
    seconds: dict[str, float]


class CpuMeter:
    """Reads what the processes of one system have used."""

    def __init__(self, services: Mapping[str, int], supervisor: int, postmaster: int, database: str) -> None:
        self._services = dict(services)
        self._supervisor = supervisor
        self._postmaster = postmaster
        self._database = database

    def read(self) -> Reading:
        used = {role: _own(psutil.Process(pid)) for role, pid in self._services.items()}
        supervisor = psutil.Process(self._supervisor)
        used["supervisor"] = _own(supervisor)
        used["jobs (bash itself)"] = _waited_for(supervisor)
        used |= self._postgres()
        used["this client"] = _own(psutil.Process())
        used[OTHERS] = _busy()
        return Reading(time.monotonic(), used)

    def _postgres(self) -> dict[str, float]:
        with psycopg.connect(self._database, autocommit=True) as connection:
            roles: dict[int, str] = dict(connection.execute(SESSIONS).fetchall())
        postmaster = psutil.Process(self._postmaster)
        used: defaultdict[str, float] = defaultdict(float)
        used["postgres, ended sessions"] = _waited_for(postmaster)
        used["postgres, background"] = _own(postmaster)
        for child in postmaster.children():
            with suppress(psutil.NoSuchProcess):
                used[f"postgres, {roles.get(child.pid, 'background')}"] += _own(child)
        return dict(used)


def used_between(name: str, before: Reading, after: Reading, done: int) -> CpuUse:
    """Who used the CPUs between two readings."""
    seconds = {role: max(0.0, used - before.seconds.get(role, 0.0)) for role, used in after.seconds.items()}
    busy = seconds.pop(OTHERS)
    seconds[OTHERS] = max(0.0, busy - sum(seconds.values()))
    wall_seconds, cores = after.at - before.at, os.cpu_count() or 1
    return CpuUse(name=name, wall_seconds=wall_seconds, cores=cores, done=done, seconds=seconds)


def _own(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _waited_for(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.children_user + times.children_system)


def _busy() -> float:
    """All CPUs together. Guests are in `user` already; waiting for a disk is not work."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)
