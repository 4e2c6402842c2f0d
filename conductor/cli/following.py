"""A job's output onto ours, as it comes, with a status line below it while a person watches.

Promises: every byte once, in order, also when the connection was lost in between; on a terminal, control
characters made visible (unless `raw`); when it is none, the bytes as they are. The status line never mixes
with the output: it is taken off before a byte is written.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from rich.cells import cell_len, set_cell_size

from conductor.cli.terminal import terminal_is_dumb
from conductor.cli.visible import VisibleStream, one_line
from conductor.client.errors import Unreachable

if TYPE_CHECKING:
    from conductor.client import Client
    from conductor.client.client import Stream

PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0
_CLEAR = "\r\x1b[K"


class Sheet:
    """Our standard output and error, shared by whoever writes a job's output and the status line."""

    def __init__(
        self,
        *,
        raw: bool = False,
        out: TextIO | None = None,
        err: TextIO | None = None,
        colours: bool | None = None,
    ) -> None:
        self._streams = {"stdout": out or sys.stdout, "stderr": err or sys.stderr}
        self._shows_status = self._streams["stderr"].isatty() and not terminal_is_dumb()
        self._dims = colours is not False
        self._visible = {
            name: VisibleStream() if stream.isatty() and not raw else None
            for name, stream in self._streams.items()
        }
        self._lock = threading.RLock()
        self._status = ""
        self._at_line_start = True

    def write(self, name: "Stream", data: bytes) -> None:
        """A piece of the job's output."""
        with self._lock:
            self._take_status_off()
            self._put(name, data)
            self._put_status()

    def finish(self) -> None:
        """Nothing more comes: what was held back is written, the status line goes."""
        with self._lock:
            self.status("")
            for name, visible in self._visible.items():
                if visible is not None and (rest := visible.finish()):
                    self._streams[name].write(rest)
                self._streams[name].flush()

    def status(self, line: str) -> None:
        """What to say below the output; nothing is shown when no person watches."""
        with self._lock:
            self._take_status_off()
            self._status = line
            self._put_status()

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Nothing is written by others for the length of the block."""
        with self._lock:
            self._take_status_off()
            if not self._at_line_start:
                print(file=self._streams["stderr"])
                self._at_line_start = True
            yield
            self._put_status()

    def _put(self, name: "Stream", data: bytes) -> None:
        stream, visible = self._streams[name], self._visible[name]
        if visible is None:
            stream.flush()
            stream.buffer.write(data)
        else:
            stream.write(visible.feed(data))
        stream.flush()
        if stream.isatty():
            self._at_line_start = data.endswith(b"\n")

    def _put_status(self) -> None:
        # Below an unfinished line there is no room for it.
        if self._status and self._shows_status and self._at_line_start:
            line = one_line(self._status)
            width = _width_of(self._streams["stderr"]) - 1
            shown = line if cell_len(line) <= width else set_cell_size(line, width)
            self._streams["stderr"].write(f"\x1b[2m{shown}\x1b[0m" if self._dims else shown)
            self._streams["stderr"].flush()

    def _take_status_off(self) -> None:
        if self._status and self._shows_status and self._at_line_start:
            self._streams["stderr"].write(_CLEAR)
            self._streams["stderr"].flush()


class Follower:
    """Copies one stream of a job in a thread of its own."""

    def __init__(
        self, client: "Client", job_id: int | str, stream: "Stream", write: Callable[[bytes], None]
    ) -> None:
        self._client = client
        self._job_id = job_id
        self._stream = stream
        self._write = write
        self._offset = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"follow-{stream}", daemon=True)
        self.failed: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def finish(self, patience_seconds: float) -> None:
        """The job has ended: wait for the rest of the stream, or fetch it."""
        self._thread.join(patience_seconds)
        with self._lock:
            self._stopped.set()
        if self._thread.is_alive() or isinstance(self.failed, Unreachable):
            self._put(self._client.output(self._job_id, stream=self._stream, offset=self._offset), mine=True)
        elif self.failed is not None:
            raise self.failed

    def _run(self) -> None:
        pause_seconds = PAUSE_SECONDS
        while not self._stopped.is_set():
            before = self._offset
            try:
                copy(self._client, self._job_id, self._stream, self._put, offset=self._offset)
            except Unreachable as error:
                self.failed = error
            except Exception as error:
                self.failed = error  # told by `finish`, in the thread that can end the program
                return
            else:
                self.failed = None
                # A server that shuts down ends its streams too; the next one goes on with them.
                if self._has_ended():
                    return
            # Output came, so the server was there again: begin with short pauses anew.
            pause_seconds = (
                PAUSE_SECONDS if self._offset > before else min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
            )
            self._stopped.wait(pause_seconds)

    def _has_ended(self) -> bool:
        try:
            return self._client.job(self._job_id).final
        except Unreachable:
            return False

    def _put(self, data: bytes, *, mine: bool = False) -> None:
        with self._lock:
            if self._stopped.is_set() and not mine:
                return
            self._offset += len(data)
            self._write(data)


def copy(
    client: "Client",
    job_id: int | str,
    stream: "Stream",
    write: Callable[[bytes], None],
    *,
    offset: int = 0,
    follow: bool = True,
) -> None:
    """One connection's worth of a job's output."""
    with client.follow_output(job_id, stream=stream, offset=offset, follow=follow) as pieces:
        for piece in pieces:
            write(piece)


def _width_of(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
