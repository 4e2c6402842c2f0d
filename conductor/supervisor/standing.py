"""How a process comes to stand as a supervisor: session, subreaper, listening socket."""

from __future__ import annotations

import ctypes
import os
import socket
from contextlib import suppress

from conductor.supervisor.spool import Spool

_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_BACKLOG = 16


def leave_session() -> None:
    """A session of its own: no terminal's Ctrl-C reaches the supervisor."""
    if os.getsid(0) != os.getpid():
        with suppress(PermissionError):  # it leads a group already: its starter gave it one
            os.setsid()
    os.chdir("/")


def become_subreaper() -> None:
    """Orphans of jobs come to this process instead of to the machine's first one."""
    _control(_PR_SET_CHILD_SUBREAPER, "become the jobs' subreaper")


def renounce_privileges() -> None:
    """Nothing that this process or a job executes gains rights by set-user-id bits or file capabilities.

    Root may still start a job as another user: that gives rights away.
    """
    _control(_PR_SET_NO_NEW_PRIVS, "renounce new privileges")


def _control(option: int, what: str) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot {what}: {os.strerror(number)}")


def listen(spool: Spool) -> socket.socket:
    """The caller holds the spool's lock, so a socket that is there belongs to nobody."""
    with suppress(FileNotFoundError):
        os.unlink(spool.socket_path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    previous = os.umask(0o177)
    try:
        listener.bind(spool.socket_path)
    finally:
        os.umask(previous)
    listener.listen(_BACKLOG)
    return listener
