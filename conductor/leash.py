"""Starting a process that does not outlive its parent, not even when the parent is killed with `kill -9`.

Promises: a process started through `leashed` has the same PID, arguments and environment as one started
directly; the kernel sends it the agreed signal when its parent's starting thread ends, however it ends; a
parent that died before that was arranged is noticed, and nothing is started. It can drop to another user on
the way.

Refuses to know: what it starts. Run as a program (by path, isolated, without site packages, so that it costs
milliseconds and nothing a user installed is executed as root); imports the standard library only.
"""

import ctypes
import os
import shutil
import signal
import sys
import threading
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def leashed(
    argv: Sequence[str], *, ends_by: signal.Signals, user: tuple[int, int] | None = None
) -> list[str]:
    """The arguments that start `argv` on a leash held by this process; `user` is a uid and gid to drop to."""
    if threading.current_thread() is not threading.main_thread():
        # The kernel watches the thread, not the process: another thread's end would end the child.
        raise RuntimeError("a leashed process must be started from the main thread")
    uid, gid = user or (-1, -1)
    mine = [str(number) for number in (os.getpid(), int(ends_by), uid, gid)]
    program = shutil.which(argv[0]) or argv[0]
    return [sys.executable, "-I", "-S", __file__, *mine, program, *argv]


def _become(numbers: Sequence[str], program: str, argv: list[str]) -> None:
    parent, ends_by, uid, gid = (int(number) for number in numbers)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After the change of user, which clears it.
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, ends_by, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        raise SystemExit("the parent is gone already; nothing was started")
    # By its full path: as another user this Python may be unable to read its own library, to search for one.
    os.execv(program, argv)


if __name__ == "__main__":
    _become(sys.argv[1:5], sys.argv[5], sys.argv[6:])
