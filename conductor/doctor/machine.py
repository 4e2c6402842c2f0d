"""Facts of this machine and of our folders on it. Only looks: makes no file, takes no lock, signals nobody."""

import os
import platform
import pwd
import resource
import socket
import stat
import sys
from contextlib import closing
from pathlib import Path

from conductor.core.job_rights import ANYBODY, parse_run_as
from conductor.doctor.facts import Folder, Home, Machine
from conductor.embedded.place import find_place
from conductor.home import find_running
from conductor.settings import TOKEN_NAME, Settings
from conductor.supervisor.cgroups import own_base
from conductor.supervisor.kernel import this_kernel
from conductor.supervisor.spool import SOCKET_NAME

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
ANSWER_SECONDS = 2.0


def read_machine(settings: Settings) -> Machine:
    kernel = this_kernel()
    base = own_base()
    writable = base is not None and os.access(f"{base}/cgroup.procs", os.W_OK) and os.access(base, os.W_OK)
    return Machine(
        python=(sys.version_info.major, sys.version_info.minor, sys.version_info.micro),
        kernel=f"{platform.system()} {platform.release()} {platform.machine()}",
        boot_id=_text(BOOT_ID),
        pidfds=kernel.pidfds,
        child_list=kernel.child_list,
        usable_cpus=len(os.sched_getaffinity(0)),
        is_root=os.geteuid() == 0,
        user_id=os.geteuid(),
        open_files=_limit(resource.RLIMIT_NOFILE),
        processes=_limit(resource.RLIMIT_NPROC),
        cgroup=base,
        cgroup_writable=writable,
        memory_controller="memory" in (_text(Path(f"{base}/cgroup.controllers")) or "").split(),
        accounts_unknown=_unknown_accounts(settings.run_as),
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text("ascii").strip()
    except OSError:
        return None


def _limit(which: int) -> int:
    soft, _ = resource.getrlimit(which)
    return -1 if soft == resource.RLIM_INFINITY else soft


def _unknown_accounts(run_as: str) -> list[str]:
    named = {name for names in parse_run_as(run_as).values() for name in names} - {ANYBODY}
    return sorted(name for name in named if not _is_account(name))


def _is_account(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def read_home(settings: Settings) -> Home:
    """Raises `OSError` when not even the nearest folder can be looked at."""
    token = settings.home / TOKEN_NAME
    spool = settings.spool
    return Home(
        home=read_folder(settings.home),
        spool=read_folder(spool),
        token_mode=_mode(token),
        token_given=settings.api_token is not None,
        running=find_running(settings.home) is not None,
        supervisor_held=_is_held(spool / "supervisor.lock"),
        supervisor_answers=_answers(spool),
        wal_device=_wal_device(settings),
    )


def read_folder(path: Path) -> Folder:
    """Of the nearest folder above where it is not there: that decides whether it can be made."""
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    status, space = there.stat(), os.statvfs(there)
    file_system, options = mount_of(there, Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape"))
    return Folder(
        path=str(path),
        exists=there == path,
        owner_id=status.st_uid,
        mode=stat.S_IMODE(status.st_mode),
        writable=os.access(there, os.W_OK | os.X_OK),
        free_bytes=space.f_bavail * space.f_frsize,
        free_inodes=space.f_favail if space.f_files else None,
        device=status.st_dev,
        file_system=file_system,
        options=options,
    )


def mount_of(path: Path, mountinfo: str) -> tuple[str, frozenset[str]]:
    """The type of the file system that a folder lies on, and the mount's options (proc(5), mountinfo)."""
    real = os.path.realpath(path)
    longest, found = -1, ("", frozenset[str]())
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, source = before.split(" "), after.split(" ")
        if len(fields) < 6 or len(source) < 3:
            continue
        point = fields[4].encode("utf-8", "surrogateescape").decode("unicode_escape")
        within = real == point or real.startswith(point.rstrip("/") + "/")
        if within and len(point) >= longest:  # of two on one point the later one covers the earlier
            options = frozenset(fields[5].split(",")) | (frozenset(source[2].split(",")) & {"ro"})
            longest, found = len(point), (source[0], options)
    return found


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None


def _is_held(lock: Path) -> bool:
    """Read from the kernel's list: trying the lock might keep a supervisor that is about to start from it."""
    try:
        inode = lock.stat().st_ino
        locks = Path("/proc/locks").read_text("ascii")
    except OSError:
        return False
    return any(" FLOCK " in line and f":{inode} " in line for line in locks.splitlines())


def _answers(spool: Path) -> bool:
    try:
        folder = os.open(spool, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
            probe.settimeout(ANSWER_SECONDS)
            probe.connect(f"/proc/self/fd/{folder}/{SOCKET_NAME}")
        return True
    except OSError:
        return False
    finally:
        os.close(folder)


def _wal_device(settings: Settings) -> int | None:
    """Of the embedded server; another's is not ours to look into."""
    if settings.database_url is not None:
        return None
    try:
        place = find_place(settings.home)
        return (place.data if place else settings.home).stat().st_dev
    except OSError:
        return None
