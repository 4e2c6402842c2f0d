"""`python -m conductor.supervisor --spool PATH`: becomes the supervisor of one spool.

`--detach` leaves it in the background once it listens; the other switches take a kernel for an older one.

Started by the path of this file (see `launch`) it needs no search path and no `site`, which saves memory.
Exit codes: 0 asked to end and holding nothing, 2 wrong arguments or an unusable spool, 3 another supervisor
holds the spool, 4 cannot take over from the program that asks.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress

if not __package__:
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from conductor.supervisor import program
from conductor.supervisor.crash_point import armed
from conductor.supervisor.kernel import Kernel, this_kernel
from conductor.supervisor.server import Server
from conductor.supervisor.spool import Spool, SpoolHeld, SpoolRefused
from conductor.supervisor.standing import become_subreaper, leave_session, listen, renounce_privileges

_USAGE = (
    "usage: python -m conductor.supervisor --spool PATH [--detach]"
    " [--without-pidfds] [--without-child-list] [--without-cgroups | --group-every-job]"
)
_FLAGS = {"--detach", "--without-pidfds", "--without-child-list", "--without-cgroups", "--group-every-job"}


def main(arguments: list[str]) -> int:
    left, arguments = _taken(program.RESUME, arguments)
    asked, arguments = _taken(program.CAN_RESUME, arguments)
    path, flags = _parse(armed(arguments))
    if path is None:
        print(_USAGE, file=sys.stderr)
        return 2
    if asked is not None:
        return _can_resume(asked, path)
    resumed = None if left is None else program.left_state(left)
    _drop_inherited_descriptors(set() if resumed is None else resumed.descriptors)
    try:
        spool = Spool(path, None if resumed is None else resumed.lock)
    except SpoolHeld as error:
        print(error, file=sys.stderr)
        return 3
    except (SpoolRefused, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return _serve(spool, this_kernel().without(flags), resumed, detach="--detach" in flags)


def _serve(spool: Spool, kernel: Kernel, resumed: program.Resumed | None, *, detach: bool) -> int:
    listener = listen(spool) if resumed is None else socket.socket(fileno=resumed.listener)
    if detach and os.fork():
        os._exit(0)  # whoever started us may connect now
    leave_session()
    become_subreaper()
    renounce_privileges()
    spool.sign()
    Server(spool, listener, kernel, resumed).run()
    with suppress(FileNotFoundError):
        os.unlink(spool.socket_path)
    return 0


def _parse(arguments: list[str]) -> tuple[str | None, set[str]]:
    flags = {argument for argument in arguments if argument in _FLAGS}
    rest = [argument for argument in arguments if argument not in _FLAGS]
    if len(rest) == 2 and rest[0] == "--spool":
        return rest[1], flags
    return None, flags


def _can_resume(state_version: int, path: str) -> int:
    """Asked by an older program, before it lets this one take its place."""
    try:
        Spool(path, lock=0)
    except (SpoolRefused, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if state_version == program.STATE_VERSION else 4


def _taken(switch: str, arguments: list[str]) -> tuple[int | None, list[str]]:
    """The number behind a switch that only an older program gives, and the other arguments."""
    numbers = [argument.removeprefix(switch) for argument in arguments if argument.startswith(switch)]
    rest = [argument for argument in arguments if not argument.startswith(switch)]
    return (int(numbers[0]) if numbers else None), rest


def _drop_inherited_descriptors(kept: set[int]) -> None:
    """Whatever the starter left open is none of ours; 0, 1 and 2 exist afterwards, and 3 is the gate's."""
    for descriptor in (int(name) for name in os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor not in kept:
            with suppress(OSError):  # the listing's own
                os.close(descriptor)
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    if descriptor != 3:
        os.dup2(descriptor, 3, inheritable=False)
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
