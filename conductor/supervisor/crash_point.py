"""Where this process is to die, for tests of what is left; `conductor/crash_points.py` lists the names.

Switched on only by `--crash-at=NAME[:TIMES[:stop]]`: SIGKILL, or SIGSTOP, at that many-eth passing of the point.
"""

from __future__ import annotations

import os
import signal

_SWITCH = "--crash-at="


class _Trigger:
    __slots__ = ("name", "number", "passes_left")

    def __init__(self) -> None:
        self.name = ""
        self.passes_left = 0
        self.number = signal.SIGKILL


_trigger = _Trigger()


def armed(arguments: list[str]) -> list[str]:
    """The arguments without the switch, having obeyed it."""
    for argument in arguments:
        if argument.startswith(_SWITCH):
            name, _, rest = argument[len(_SWITCH) :].partition(":")
            times, _, action = rest.partition(":")
            _trigger.name, _trigger.passes_left = name, int(times or 1)
            _trigger.number = signal.SIGSTOP if action == "stop" else signal.SIGKILL
    return [argument for argument in arguments if not argument.startswith(_SWITCH)]


def crash_point(name: str) -> None:
    """The end of this process, if it was told so; nothing otherwise."""
    if _trigger.name == name:
        _trigger.passes_left -= 1
        if _trigger.passes_left == 0:
            os.kill(os.getpid(), _trigger.number)
