"""The machine a node's executor runs on, as the node registers it."""

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

import psutil

from conductor.home import create_private
from conductor.settings import Settings

_SPOOL_ID = "spool_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """`set_affinity` is off when the node offers more CPUs than the machine has: then numbers are only numbers."""

    boot_id: str
    spool_id: str
    cpu_ids: tuple[int, ...]
    set_affinity: bool
    memory_mb: int


def read_machine(settings: Settings) -> Machine:
    usable = sorted(os.sched_getaffinity(0))
    fits = settings.total_cpus <= len(usable)
    return Machine(
        boot_id=Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip(),
        spool_id=_spool_id(settings.spool),
        cpu_ids=tuple(usable[: settings.total_cpus] if fits else range(settings.total_cpus)),
        set_affinity=fits,
        memory_mb=psutil.virtual_memory().total // (1024 * 1024),
    )


def _spool_id(spool: Path) -> str:
    """A random name of the folder itself: a node name that turns up with another spool is another machine."""
    if not spool.exists():
        spool.mkdir(parents=True, exist_ok=True)
        # Root's may be passed through (not listed): jobs that run as others have their folders in it.
        spool.chmod(0o711 if os.geteuid() == 0 else 0o700)
    file = spool / _SPOOL_ID
    if not file.exists():
        create_private(file, str(uuid.uuid4()))
    return file.read_text("ascii").strip()
