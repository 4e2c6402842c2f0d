"""`python -m conductor.supervisor --spool PATH`: becomes the supervisor of one spool.

`--detach` leaves it in the background once it listens; the other switches take a kernel for an older one.

Started by the path of this file (see `launch`) it needs no search path and no `site`, which saves memory.
Exit codes: 0 asked to end and holding nothing, 2 wrong arguments or an unusable spool, 3 another supervisor
holds the spool.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

if not __package__:
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from conductor.supervisor.kernel import Kernel, this_kernel
from conductor.supervisor.spool import Spool, SpoolHeld, SpoolRefused

_USAGE = (
    "usage: python -m conductor.supervisor --spool PATH [--detach] [--without-pidfds] [--without-child-list]"
)
_FLAGS = {"--detach", "--without-pidfds", "--without-child-list"}


def main(arguments: list[str]) -> int:
    path, flags = _parse(arguments)
    if path is None:
        print(_USAGE, file=sys.stderr)
        return 2
    _drop_inherited_descriptors()
    try:
        spool = Spool(path)
    except SpoolHeld as error:
        print(error, file=sys.stderr)
        return 3
    except (SpoolRefused, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return _serve(spool, this_kernel().without(flags), detach="--detach" in flags)


def _serve(spool: Spool, kernel: Kernel, *, detach: bool) -> int:
    from conductor.supervisor.server import Server
    from conductor.supervisor.standing import become_subreaper, leave_session, listen

    listener = listen(spool)
    if detach and os.fork():
        os._exit(0)  # whoever started us may connect now
    leave_session()
    become_subreaper()
    spool.sign()
    Server(spool, listener, kernel).run()
    with suppress(FileNotFoundError):
        os.unlink(spool.socket_path)
    return 0


def _parse(arguments: list[str]) -> tuple[str | None, set[str]]:
    flags = {argument for argument in arguments if argument in _FLAGS}
    rest = [argument for argument in arguments if argument not in _FLAGS]
    if len(rest) == 2 and rest[0] == "--spool":
        return rest[1], flags
    return None, flags


def _drop_inherited_descriptors() -> None:
    """Whatever the starter left open is none of ours; 0, 1 and 2 exist afterwards, and 3 is the gate's."""
    for descriptor in (int(name) for name in os.listdir("/proc/self/fd")):
        if descriptor > 2:
            with suppress(OSError):  # the listing's own
                os.close(descriptor)
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    if descriptor != 3:
        os.dup2(descriptor, 3, inheritable=False)
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
