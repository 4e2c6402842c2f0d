"""The machine a node's executor runs on, as the node registers it."""

import os
import platform
import uuid
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from conductor.core.resource_texts import parsed_gres, parsed_labels
from conductor.core.said import Said, system_words
from conductor.home import create_private
from conductor.settings import Settings, SettingsError

NUMA_FOLDER = Path("/sys/devices/system/node")

_SPOOL_ID = "spool_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """`set_affinity` is off when the node offers more CPUs than the machine has: then numbers are only numbers."""

    boot_id: str
    spool_id: str
    cpu_ids: tuple[int, ...]
    set_affinity: bool
    memory_mb: int
    labels: Mapping[str, str]
    gres: Mapping[str, int]
    numa: tuple[tuple[int, ...], ...]


def read_machine(settings: Settings) -> Machine:
    """Raises `SettingsError` when the spool cannot be used."""
    usable = sorted(os.sched_getaffinity(0))
    fits = settings.total_cpus <= len(usable)
    cpu_ids = tuple(usable[: settings.total_cpus] if fits else range(settings.total_cpus))
    return Machine(
        boot_id=Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip(),
        spool_id=_spool_id(settings.spool),
        cpu_ids=cpu_ids,
        set_affinity=fits,
        memory_mb=settings.node_memory_mb or psutil.virtual_memory().total // (1024 * 1024),
        labels={"arch": platform.machine(), **parsed_labels(settings.node_labels)},
        gres=parsed_gres(settings.node_gres),
        numa=numa_nodes(cpu_ids) if fits else (),
    )


def numa_nodes(cpu_ids: Collection[int], folder: Path = NUMA_FOLDER) -> tuple[tuple[int, ...], ...]:
    """These CPUs by NUMA node, in the kernel's order; those without any of them are left out. Not known: empty."""
    lists = {}
    for file in folder.glob("node*/cpulist"):
        with suppress(OSError, ValueError):
            lists[int(file.parent.name.removeprefix("node"))] = _numbers(file.read_text("ascii"))
    ours = [tuple(cpu for cpu in lists[number] if cpu in set(cpu_ids)) for number in sorted(lists)]
    return tuple(cpus for cpus in ours if cpus)


def _numbers(text: str) -> list[int]:
    """The kernel's list form, `0-3,8`; a node without CPUs has an empty one."""
    found: list[int] = []
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def _spool_id(spool: Path) -> str:
    """A random name of the folder itself: a node name that turns up with another spool is another machine."""
    try:
        if not spool.exists():
            spool.mkdir(parents=True, exist_ok=True)
            # Root's may be passed through (not listed): jobs that run as others have their folders in it.
            spool.chmod(0o711 if os.geteuid() == 0 else 0o700)
        file = spool / _SPOOL_ID
        if not file.exists():
            create_private(file, str(uuid.uuid4()))
        return file.read_text("ascii").strip()
    except OSError as error:
        raise SettingsError(Said("spool_unusable", spool=spool, why=system_words(error))) from error
