"""The node's supervisor, as seen from `up`.

Promises: one runs for this spool while `up` does, whoever started it: one left by an earlier `up` is found by
the lock it holds and is used. It is in a session of its own and no part of `up`'s life. It is asked to end
only when it holds no job.

Refuses to know: jobs, and the supervisor's protocol.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from conductor.home import is_held
from conductor.logfile import bound, open_log

LOCK_NAME = "supervisor.lock"
LOOK_EVERY_SECONDS = 1.0
END_PATIENCE_SECONDS = 5.0


class Supervisor:
    """The one process of this spool that is the parent of its jobs."""

    def __init__(self, spool: Path, environment: Mapping[str, str], log: Path) -> None:
        self._spool = spool
        self._environment = dict(environment)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._look_at = 0.0

    @property
    def runs(self) -> bool:
        """Whether some supervisor holds the spool."""
        return is_held(self._spool, LOCK_NAME)

    def look(self) -> str | None:
        """Start one where none runs. Gives a line for a person when ours has died."""
        now = time.monotonic()
        if now < self._look_at:
            return None
        self._look_at = now + LOOK_EVERY_SECONDS
        bound(self._log)
        ended = self._process.poll() if self._process is not None else None
        if self.runs or (self._process is not None and ended is None):
            return None
        self._start()
        # Exit code 3 is a polite one: another supervisor was there first (and is gone again by now).
        return (
            None
            if ended in (None, 0, 3)
            else f"supervisor ended (exit code {ended}); started again; see {self._log}"
        )

    def end_if_idle(self) -> None:
        """Ask it to end, which it does when it holds no job."""
        with suppress(OSError, ValueError):
            pid = int((self._spool / LOCK_NAME).read_text().split()[0])
            process = os.pidfd_open(pid)
            try:
                # Looked at again after the process was opened: the number is then the holder's, or nobody's.
                if self.runs:
                    signal.pidfd_send_signal(process, signal.SIGTERM)
            finally:
                os.close(process)
        self._wait_until_gone()

    def _wait_until_gone(self) -> None:
        until = time.monotonic() + END_PATIENCE_SECONDS
        while self.runs and time.monotonic() < until:
            time.sleep(0.02)
        if self._process is not None:
            self._process.poll()

    def _start(self) -> None:
        argv = [sys.executable, "-P", "-m", "conductor.supervisor", "--spool", str(self._spool)]
        with open_log(self._log) as log:
            self._process = subprocess.Popen(
                argv, env=self._environment, cwd="/", start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
