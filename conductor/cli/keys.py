"""Keys as they are pressed, one at a time, and the terminal put right afterwards.

Promises: whatever happens in the block, the terminal is as it was. Refuses to know what a key means.
"""

import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def pressed() -> Iterator[Callable[[float], str]]:
    """What to call with how many seconds to wait: gives what was typed meanwhile, "" when nothing was.

    Where standard input is no terminal, nothing ever is. Ctrl-C is `KeyboardInterrupt`, as elsewhere.
    """
    if not sys.stdin.isatty():
        yield _nothing_within
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield lambda seconds: _typed_within(descriptor, seconds)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _typed_within(descriptor: int, seconds: float) -> str:
    ready, _, _ = select.select([descriptor], [], [], seconds)
    return os.read(descriptor, 1024).decode("utf-8", "replace") if ready else ""


def _nothing_within(seconds: float) -> str:
    select.select([], [], [], seconds)
    return ""
