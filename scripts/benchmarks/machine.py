"""What is measured on: enough to tell two runs apart.

Promises: only reads. Refuses to know: what is measured.
"""

import os
import platform
from pathlib import Path

import psutil

# With more than this part of the CPUs at work for somebody else the figures are of a shared machine.
IDLE_PERCENT = 10.0
LOOK_SECONDS = 1.0


def machine_facts() -> dict[str, str]:
    """The machine, before anything of ours runs on it."""
    return {
        "cpu": f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores usable, {_cpu_model()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "before": load_text(psutil.cpu_percent(LOOK_SECONDS), os.getloadavg()),
    }


def load_text(busy_percent: float, load: tuple[float, float, float]) -> str:
    """How busy the machine is, and what it means for the figures."""
    idle = busy_percent <= IDLE_PERCENT
    verdict = "idle" if idle else "NOT IDLE: other work makes the figures worse"
    averages = " ".join(f"{one:.2f}" for one in load)
    return f"{verdict}; CPUs {busy_percent:.0f}% busy, load average {averages}"


def file_system(path: Path) -> str:
    """Type and mount point of the file system that holds the path."""
    found = path.resolve()
    mounts = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    holders = [mount for mount in mounts if found.is_relative_to(mount)]
    if not holders:
        return "unknown"
    mount = max(holders, key=lambda one: len(one.parts))
    memory = ", in memory: commits cost nothing there" if mounts[mount] in ("tmpfs", "ramfs") else ""
    return f"{mounts[mount]} on {mount}{memory}"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "Hardware"):
            return value.strip()
    return platform.processor() or platform.machine()
