"""A shell into which a document's commands are typed, on a system of its own.

Promises: port 8000 as printed is that system's and nobody else's (a network namespace of its own); what a command
said and how it ended is known before the next is typed.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.leftovers import end_those_with

ROOT = Path(__file__).parent.parent
PATIENCE_SECONDS = 60.0
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_END = re.compile(rb"\0(\d+)\n")
_IN_A_NAMESPACE = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
_PROGRAMS = {
    "bin/conductor": 'exec "{python}" -P -m conductor "$@"',
    "bin/python3": 'exec "{python}" -P "$@"',
    # As `scripts/run` does once everything is installed; tests/process/test_scripts.py is about what it does before.
    "work/scripts/run": '[ $# -gt 0 ] || set -- up\nexec "{python}" -P -m conductor "$@"',
}


def printed_commands(document: Path) -> Iterator[str]:
    """Each whole command of each block, however many lines it has, without what only comments. A block of Python is one
    command; those of docs/python.md belong together and have a test of their own.
    """
    for language, block in BLOCK.findall(document.read_text("utf-8")):
        if language == "python":
            if document.name != "python.md":
                yield f"python3 - <<'END'\n{block}END\n"
            continue
        lines: list[str] = []
        for line in block.splitlines(keepends=True):
            lines.append(line)
            text = "".join(lines)
            if not text.endswith("\\\n") and _is_whole(text):
                if text.strip() and not text.startswith("#"):
                    yield text
                lines = []
        assert not lines, f"{document.name} has a command without an end: {lines}"


def _is_whole(text: str) -> bool:
    return (
        subprocess.run(["bash", "-n"], input=text.encode(), capture_output=True, check=False).returncode == 0
    )


class PrintedShell:
    """bash, in a folder with the examples, where `conductor` and `scripts/run` are this source's."""

    def __init__(self, folder: Path, home: Path) -> None:
        if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("ip") is None:
            pytest.skip("a network namespace of its own needs root, `unshare` and `ip`")
        self.folder, self.home = folder / "work", home
        for name, text in _PROGRAMS.items():
            program = folder / name
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text(f"#!/bin/sh\n{text.format(python=sys.executable)}\n")
            program.chmod(0o755)
        for name in ("examples", "tests"):
            (self.folder / name).symlink_to(ROOT / name)
        self._system: subprocess.Popen[bytes] | None = None
        environment = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8",
            "HOME": str(folder), "USER": "root", "CONDUCTOR_HOME": str(home), "NODE_NAME": "node-1", "TOTAL_CPUS": "16",
            "CONDUCTOR_KILL_GRACE_SECONDS": "1",
        }  # fmt: skip
        self._bash = subprocess.Popen(
            [*_IN_A_NAMESPACE, "bash"],
            env=environment, cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def type(self, command: str) -> tuple[int, str]:
        """Its exit code and what it said, on both streams."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{{ {command.rstrip()}\n}} </dev/null\nprintf '\\0%d\\n' $?\n".encode())
        self._bash.stdin.flush()
        said = b""
        while (end := _END.search(said)) is None:
            more = os.read(self._bash.stdout.fileno(), 65_536)
            assert more, f"the shell ended in: {command}\n{said.decode()}"
            said += more
        return int(end[1]), said[: end.start()].decode()

    def up(self, command: str = "conductor up") -> None:
        """Type it with `&`, and wait until the system is ready for jobs."""
        self.type(f"{command.strip()} >up.log 2>&1 & up=$!")
        deadline = time.monotonic() + PATIENCE_SECONDS
        ready = "conductor nodes --json 2>/dev/null | grep -q node-1"
        while self.type(ready)[0] != 0:
            assert time.monotonic() < deadline, self.type("cat up.log")[1]

    def close(self) -> None:
        """End the system, and then whatever of it is left."""
        self.type('[ -z "$up" ] || { kill -INT $up; kill -INT $up; wait $up; }')
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.close()
        self._bash.stdout.close()
        self._bash.wait(PATIENCE_SECONDS)
        end_those_with("CONDUCTOR_HOME", str(self.home))
        for process in psutil.process_iter(["cmdline"]):
            if str(self.home) in " ".join(process.info["cmdline"] or ()):
                process.send_signal(signal.SIGKILL)


@contextmanager
def printed_shell(folder: Path, home: Path) -> Iterator[PrintedShell]:
    shell = PrintedShell(folder, home)
    try:
        yield shell
    finally:
        shell.close()
