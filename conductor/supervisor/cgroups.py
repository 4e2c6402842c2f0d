"""Control groups, where the kernel has version 2 and this process may write there: one group a job.

A group holds what a job starts whatever it does to get away; `cgroup.kill` ends all of it at once, and with the
memory controller the kernel enforces `memory_mb`. Nothing rests on groups alone: without them (or with
`--without-cgroups`) everything here answers "nothing", and group, session, parents and mark say who belongs to a job.

Moving a process into a group makes the kernel wait for all CPUs: 10 ms on an idle machine, three times what the rest of
a start takes (`scripts/bench start`). So only a job whose memory the kernel can limit gets a group, and every job with
`--group-every-job`, for sites that would rather wait than have what escapes looked for.
"""

from __future__ import annotations

import os
from contextlib import suppress

_MOUNTS = "/proc/self/mountinfo"
_OWN_GROUP = "/proc/self/cgroup"
_SUPERVISORS_OWN = "supervisor"
_PREFIX = "conductor-"


class Cgroups:
    __slots__ = ("_every_job", "_path", "limits_memory")

    def __init__(self, base: str | None, name: str, *, every_job: bool) -> None:
        """Groups live in `base`/`name`; no base: there are none."""
        self._every_job = every_job
        self.limits_memory = False
        self._path: str | None = None
        if base is None:
            return
        path = f"{base}/{_PREFIX}{name}"
        with suppress(OSError):  # not ours to write in
            _remove_empty(base)
            _make(path)
            if os.access(f"{path}/cgroup.procs", os.W_OK):
                self._path = path
                self.limits_memory = _delegate_memory(base, path)

    def enter(self, mark: str, pid: int, memory_mb: int | None) -> bool:
        """Puts a gated child into a group of its own; whether the kernel now enforces the memory limit."""
        wanted = self._every_job or (memory_mb is not None and self.limits_memory)
        if self._path is None or not wanted:
            return False
        group = f"{self._path}/{mark}"
        try:
            _make(self._path)  # another supervisor's start may have taken it for a dead one's
            _make(group)
            limited = memory_mb is not None and self.limits_memory and _limit_memory(group, memory_mb)
            _put(f"{group}/cgroup.procs", str(pid))
        except OSError:
            return False
        return limited

    def pids(self, mark: str) -> list[int]:
        return [int(pid) for pid in self._words(mark, "cgroup.procs")]

    def kill(self, mark: str) -> None:
        """SIGKILL to all of it, however fast it forks (kernels since 5.14)."""
        if self._path is not None:
            with suppress(OSError):
                _put(f"{self._path}/{mark}/cgroup.kill", "1")

    def ran_out_of_memory(self, mark: str) -> bool:
        words = self._words(mark, "memory.events") if self.limits_memory else []
        return "oom_kill" in words and words[words.index("oom_kill") + 1] != "0"

    def leave(self, mark: str) -> None:
        if self._path is not None:
            with suppress(OSError):
                os.rmdir(f"{self._path}/{mark}")

    def close(self) -> None:
        """At an orderly end the folder goes too."""
        if self._path is not None:
            with suppress(OSError):
                os.rmdir(self._path)

    def _words(self, mark: str, name: str) -> list[str]:
        """Nothing when there is no such group."""
        if self._path is not None:
            with suppress(OSError):
                return _words(f"{self._path}/{mark}/{name}")
        return []


def own_base() -> str | None:
    """The folder of the version 2 group that this process is in, if such a hierarchy is mounted."""
    mount = _mount_point()
    with suppress(OSError):
        for line in _lines(_OWN_GROUP):
            if mount is not None and line.startswith("0::/"):
                path = mount + line[3:].rstrip("/")
                # Started anew by a supervisor that had moved itself: its group is ours, not our base.
                own = f"/{_SUPERVISORS_OWN}"
                return os.path.dirname(path.removesuffix(own)) if path.endswith(own) else path
    return None


def _mount_point() -> str | None:
    with suppress(OSError):
        for line in _lines(_MOUNTS):
            before, _, after = line.partition(" - ")
            if after.startswith("cgroup2 "):
                return before.split(" ")[4].encode("ascii").decode("unicode_escape")
    return None


def _make(path: str) -> None:
    with suppress(FileExistsError):
        os.mkdir(path, 0o755)


def _remove_empty(base: str) -> None:
    """What killed supervisors left, ours and others'; a group that still holds somebody refuses."""
    for folder in os.listdir(base):
        if folder.startswith(_PREFIX):
            for path, _, _ in os.walk(f"{base}/{folder}", topdown=False):
                with suppress(OSError):
                    os.rmdir(path)


def _limit_memory(group: str, memory_mb: int) -> bool:
    try:
        _put(f"{group}/memory.max", str(memory_mb * 1024 * 1024))
        with suppress(OSError):  # all of the job or nothing, and no way round through swap
            _put(f"{group}/memory.oom.group", "1")
            _put(f"{group}/memory.swap.max", "0")
    except OSError:
        return False
    return True


def _delegate_memory(base: str, path: str) -> bool:
    """Hands the memory controller down to the jobs' groups, if it has been handed down to us.

    A group with processes of its own cannot hand anything down, so this process moves into a group beside theirs.
    """
    with suppress(OSError):
        if "memory" not in _words(f"{base}/cgroup.controllers"):
            return False
        if "memory" not in _words(f"{base}/cgroup.subtree_control"):
            _make(f"{path}/{_SUPERVISORS_OWN}")
            _put(f"{path}/{_SUPERVISORS_OWN}/cgroup.procs", str(os.getpid()))
            _put(f"{base}/cgroup.subtree_control", "+memory")
        _put(f"{path}/cgroup.subtree_control", "+memory")
        return True
    return False


def _put(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)


def _words(path: str) -> list[str]:
    return _read(path).split()


def _lines(path: str) -> list[str]:
    return _read(path).splitlines()


def _read(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        chunks: list[bytes] = []
        while chunk := os.read(descriptor, 65536):
            chunks.append(chunk)
    finally:
        os.close(descriptor)
    return b"".join(chunks).decode("utf-8", "surrogateescape")
