"""A file that a command makes: never over one that is there, and gone again when it could not be finished."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from conductor.cli.screen import Screen
from conductor.cli.system_errors import told
from conductor.core.errors import ConductorError


class CannotWrite(ConductorError):
    """The file cannot be made; the text says why."""


@contextmanager
def new_file(path: Path | None, screen: Screen) -> Iterator[Callable[[bytes], object]]:
    """What to call with each piece. Standard output when `path` is None. Raises `CannotWrite`."""
    if path is None:
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    try:
        # For its owner alone: a case file tells what people ran. Not by a link, which a memory stick may not have.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise CannotWrite(screen.text("file_exists", path=path)) from error
    except OSError as error:
        raise CannotWrite(screen.text("cannot_write", path=path, why=told(error, screen))) from error
    try:
        with open(descriptor, "wb") as file:
            yield file.write
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise CannotWrite(screen.text("cannot_write", path=path, why=told(error, screen))) from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
