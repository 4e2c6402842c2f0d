"""A log file that a child process writes by itself and that does not grow without end.

Promises: the file is opened for appending, for its owner alone; `bound` keeps at most one older file beside
it.

Refuses to know: what is written. The writer needs no cooperation, because a file opened for appending goes on
at its new end after it was cut; lines written between the copy and the cut are lost, which a log can bear.
"""

import os
import shutil
from pathlib import Path
from typing import BinaryIO

MOST_BYTES = 10 * 1024 * 1024


def open_log(path: Path) -> BinaryIO:
    """Open for appending, making it when needed; a child inherits it as its output."""
    bound(path)
    return open(
        os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "ab", 0
    )


def bound(path: Path, most_bytes: int = MOST_BYTES) -> None:
    """Move what is there to `NAME.1` once it is larger than the bound."""
    if path.exists() and path.stat().st_size > most_bytes:
        shutil.copy2(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)


def tail(path: Path, lines: int = 5) -> str:
    """The last lines, for an error message."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 64 * 1024))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
