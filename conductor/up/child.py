"""One of our own processes, kept running.

Promises: it is in a process group of its own, so that a Ctrl-C reaches only
the parent, who decides the order; it ends when the parent does; when it dies it is started again, later each
time it dies soon.

Refuses to know: what the roles do.
"""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from conductor.leash import leashed
from conductor.logfile import bound, open_log

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# Who lived this long is taken to have started well; the next death counts as the first.
LIVED_WELL_SECONDS = 60.0
STOP_PATIENCE_SECONDS = 20.0


class Child:
    """A role, and the process that plays it now."""

    def __init__(self, role: str, argv: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.role = role
        self.log = log
        self._argv = list(argv)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._started_at = 0.0
        self._start_at = 0.0

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None else self._process.pid

    def look(self) -> str | None:
        """Start what should run and does not. Gives a line for a person when it has died."""
        now = time.monotonic()
        bound(self.log)
        if self._process is not None:
            ended = self._process.poll()
            return None if ended is None else self._ended(ended, now)
        if now >= self._start_at:
            self._start(now)
        return None

    def stop(self) -> None:
        """Ask it to end, and return once it has."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _start(self, now: float) -> None:
        with open_log(self.log) as log:
            self._process = subprocess.Popen(
                leashed(self._argv, ends_by=signal.SIGTERM), env=self._environment, cwd="/", process_group=0,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self._started_at = now

    def _ended(self, code: int, now: float) -> str:
        if now - self._started_at > LIVED_WELL_SECONDS:
            self._pause_seconds = FIRST_PAUSE_SECONDS
        self._process = None
        self._start_at = now + self._pause_seconds
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        line = f"{self.role} ended ({how}); starting again in {self._pause_seconds:g} s; see {self.log}"
        self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
        return line
