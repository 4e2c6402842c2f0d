"""Which process is meant: a PID alone is reused, PID and start time within one boot and PID namespace are
not.

Reads /proc and opens pidfds. It never sends a signal.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from conductor.supervisor import protocol


class ProcessStat(NamedTuple):
    """What /proc/PID/stat says that matters here."""

    pid: int
    state: str
    threads: int
    parent: int
    group: int
    session: int
    start_ticks: int
    resident_pages: int

    @property
    def alive(self) -> bool:
        """A zombie is not, unless only its first thread has ended."""
        return self.state not in "ZX" or self.threads > 1


def read_boot_id() -> str:
    return _read("/proc/sys/kernel/random/boot_id").decode("ascii").strip()


def read_pid_namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino


def read_stat(pid: int) -> ProcessStat | None:
    """None when there is no such process."""
    try:
        text = _read(f"/proc/{pid}/stat")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name stands in brackets and may itself hold brackets and spaces.
    fields = text[text.rindex(b")") + 2 :].split(None, 22)
    state, parent, group, session = fields[0].decode("ascii"), int(fields[1]), int(fields[2]), int(fields[3])
    threads, start_ticks, resident_pages = int(fields[17]), int(fields[19]), int(fields[21])
    return ProcessStat(pid, state, threads, parent, group, session, start_ticks, resident_pages)


def has_empty_environment(pid: int) -> bool:
    """Whether it was given no environment at all, or has no memory: gone, a zombie, or the kernel's own.

    False in the middle of an exec. The kernel notes where the code ends only after it has laid out the
    environment (load_elf_binary in fs/binfmt_elf.c).
    """
    try:
        text = _read(f"/proc/{pid}/stat")
    except (FileNotFoundError, ProcessLookupError):
        return True
    fields = text[text.rindex(b")") + 2 :].split()
    memory_bytes, end_code, env_start, env_end = (int(fields[index]) for index in (20, 24, 47, 48))
    return memory_bytes == 0 or (end_code != 0 and env_start == env_end)


def is_alive(process: protocol.Process, boot_id: str, pid_namespace: int) -> bool:
    """Whether exactly this process still runs; a zombie does not."""
    if process["boot_id"] != boot_id or process["pid_namespace"] != pid_namespace:
        return False
    stat = read_stat(process["pid"])
    return stat is not None and stat.start_ticks == process["start_ticks"] and stat.alive


def open_verified(pid: int, start_ticks: int) -> int | None:
    """A pidfd of exactly this process, or None when it is gone.

    The start time is read after the descriptor is open: from then on it cannot come to mean another one.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    stat = read_stat(pid)
    if stat is not None and stat.start_ticks == start_ticks:
        return descriptor
    os.close(descriptor)
    return None


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
