"""Processes that a test began and that outlived what began them: found by a variable of their environment."""

from contextlib import suppress

import psutil


def end_those_with(name: str, value: str) -> None:
    """SIGKILL to every process in whose environment the variable has that value."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(name) == value:
                process.kill()
                found.append(process)
    _, left = psutil.wait_procs(found, timeout=10)
    assert left == []
