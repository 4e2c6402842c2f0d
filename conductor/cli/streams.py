"""The standard streams of this process, so that nothing which is printed can be an accident of theirs.

Promises: a stream that was closed swallows what is written; a character that its encoding lacks is escaped.
"""

import os
import sys
from typing import TextIO


def make_usable() -> None:
    """Before anything is opened, so that no socket takes a closed stream's number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 (as long as the process)
        elif mode == "w" and not can_write(stream, "é中…"):
            stream.reconfigure(errors="backslashreplace")


def can_write(stream: TextIO, text: str) -> bool:
    """Whether the stream's encoding has these characters."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def swallow(stream: TextIO) -> None:
    """What it still holds, and whatever comes, goes nowhere: at our end nobody would hear of it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
