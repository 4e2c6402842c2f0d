"""The mark of a job is found on a process whatever the process is doing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from conductor.supervisor.process_tree import MARK_NAME, mark_of
from tests.process.supervised import gone, until


def test_a_process_that_keeps_executing_itself_never_loses_its_mark(tmp_path: Path) -> None:
    """About one look in fifty falls into an exec, where there is no environment to read."""
    script = tmp_path / "again.sh"
    script.write_text('exec sh "$0"\n')
    with subprocess.Popen(["sh", str(script)], env={**os.environ, MARK_NAME: "1-1"}) as process:
        try:
            until(lambda: mark_of(process.pid) == "1-1", "the first exec")
            assert {mark_of(process.pid) for _ in range(20_000)} == {"1-1"}
        finally:
            process.kill()


@pytest.mark.parametrize("environment", [{}, {"HOME": "/"}, {"NOT_" + MARK_NAME: "1-1"}])
def test_a_process_without_a_mark_has_none(environment: dict[str, str]) -> None:
    with subprocess.Popen(["/bin/sleep", "60"], env=environment) as process:
        assert mark_of(process.pid) is None
        process.kill()
        until(lambda: gone(process.pid), "its end")
        assert mark_of(process.pid) is None
