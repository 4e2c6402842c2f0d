"""A PID means another process now: it is never signalled."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.cluster import ROOT

pytestmark = pytest.mark.faults

NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="a PID namespace needs root and `unshare`"
)
@pytest.mark.parametrize("options", [[], ["--without-pidfds"]])
def test_a_recycled_pid_is_never_signalled_and_its_jobs_end_is_unknown(
    tmp_path: Path, options: list[str]
) -> None:
    if subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no PID namespaces here")
    program = Path(__file__).parent / "recycled_pid.py"
    done = subprocess.run(
        [*NAMESPACE, sys.executable, str(program), str(tmp_path / "spool"), *options],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
