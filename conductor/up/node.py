"""The node's supervisor, as seen from `up`.

Promises: one runs for this spool while `up` does, whoever started it: one left by an earlier `up` is found
and used. It is no child of `up` and no part of its life. It is asked to end only by a signal that it obeys
when it holds no job.

Refuses to know: jobs, and the supervisor's protocol.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from conductor.supervisor.launch import LOG_NAME, SupervisorNotStarted, start_detached

LOCK_NAME = "supervisor.lock"
LOOK_EVERY_SECONDS = 1.0
END_PATIENCE_SECONDS = 5.0


class Supervisor:
    """The one process of this spool that is the parent of its jobs."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._seen = False
        self._look_at = 0.0

    @property
    def pid(self) -> int | None:
        """The process that holds the spool: the lock file names it, and it has the lock file open."""
        lock = self._spool / LOCK_NAME
        with suppress(OSError, ValueError, IndexError):
            pid = int(lock.read_text().split()[0])
            if any(link.samefile(lock) for link in Path(f"/proc/{pid}/fd").iterdir() if link.exists()):
                return pid
        return None

    def look(self) -> str | None:
        """Start one where none runs. Gives a line for a person when one had run, or cannot."""
        now = time.monotonic()
        if now < self._look_at:
            return None
        self._look_at = now + LOOK_EVERY_SECONDS
        if self.pid is not None:
            self._seen = True
            return None
        try:
            self._spool.parent.mkdir(parents=True, exist_ok=True)
            start_detached(self._spool)
        except (SupervisorNotStarted, OSError) as error:
            return f"supervisor: {error}"
        return f"supervisor ended; started again; see {self._spool / LOG_NAME}" if self._seen else None

    def end_if_idle(self) -> None:
        """Ask it to end, which it does at once when it holds no job."""
        pid = self.pid
        if pid is None:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + END_PATIENCE_SECONDS
        while self.pid is not None and time.monotonic() < until:
            time.sleep(0.02)
