"""How a gated child is made: a process with a PID that has run none of the script and waits to be let go on.

Its standard input is a pipe. The gate's code, which the child reads from descriptor 3, reads one line from
that pipe, and end of file means: exit. So the supervisor's death closes every gate. The same code brings in
the job's own environment afterwards, and descriptor 3, the pipe and the gate's variables are gone before the
script's first line.

bash runs the gate's code itself, as BASH_ENV names it: one `exec` a job. Whatever bash would read before that
file (profiles, for an option in the first line) or read differently because of the job's environment goes the
longer way: a shell runs the gate and replaces itself by the interpreter. In both, the script's file is
written only when the gate opens (see `starting`), so a shell that could not read the gate's code finds no
script either.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import Any, NamedTuple

from conductor.supervisor.account import open_work_dir
from conductor.supervisor.environment import behind_the_gate, quoted
from conductor.supervisor.protocol import RunAs

# The one descriptor beside 0, 1 and 2 that a gated child inherits; a shell can name single digits only.
CODE_DESCRIPTOR = 3
OPEN_SESAME = b"open\n"

_CODE_PATH = f"/proc/self/fd/{CODE_DESCRIPTOR}"
_CODE = f"""exec {CODE_DESCRIPTOR}<&-
IFS= read -r CONDUCTOR_JOB_GATE || exit 125
exec </dev/null
unset BASH_ENV CONDUCTOR_JOB_GATE
"""
_HAND_OVER = f'. {_CODE_PATH} && exec "$@"'
_BASH = "/bin/bash"
_PLAIN_BASH = ("", _BASH, "/usr/bin/bash")
_ENV_BASH = ("/usr/bin/env", "bash")
# With one of these in its environment bash starts in another way than without.
_STARTS_BASH_DIFFERENTLY = ("BASH_ENV", "POSIXLY_CORRECT", "BASH_COMPAT")


class LaunchRefused(Exception):
    """The attempt cannot be started; the text says why and what to do."""


class Place(NamedTuple):
    """Where a child stands: its folder, its outputs, and its user, if that is not ours."""

    work_dir: str
    stdout: int
    stderr: int
    account: RunAs | None


class Start(NamedTuple):
    """What to execute, and whether bash itself runs the gate."""

    arguments: list[str]
    bash_gate: bool


def start_for(
    script: str, script_path: str, own: Mapping[str, str], path: str, prologue: str | None
) -> Start:
    """`own` is the job's own environment, `path` the PATH that holds before the gate."""
    interpreter, argument = _first_line(script)
    if (bash := _plain_bash(interpreter, argument, own, path)) is not None:
        return Start([bash, script_path], bash_gate=True)
    interpreter = interpreter or _BASH
    if not interpreter.startswith("/"):
        raise LaunchRefused(
            f"The script's first line names {interpreter!r}, which is not an absolute path; "
            f"write #!/usr/bin/env {interpreter}."
        )
    if not os.access(interpreter, os.X_OK) or os.path.isdir(interpreter):
        raise LaunchRefused(
            f"The script's first line names {interpreter}, which this node does not have as a program; "
            "install it there or name another interpreter."
        )
    # A site's prologue is written for bash.
    shell = _BASH if prologue is not None else "/bin/sh"
    words = [interpreter, argument, script_path] if argument else [interpreter, script_path]
    return Start([shell, "-c", _HAND_OVER, shell, *words], bash_gate=False)


def gate_code(
    environment: Mapping[str, str], standard: Mapping[str, str], prologue: str | None, *, bash_gate: bool
) -> str:
    if prologue is not None and not os.access(prologue, os.R_OK):
        raise LaunchRefused(
            f"The job prologue {prologue} cannot be read on this node; see CONDUCTOR_JOB_PROLOGUE."
        )
    parts = [_CODE, behind_the_gate(environment, standard)]
    if prologue is not None:
        parts.append(f". {quoted(prologue)}\n")
    if bash_gate:
        parts.append("SECONDS=0\n")  # the script's clock starts with the script
    parts.append(":\n")
    return "".join(parts)


class Gate:
    """Makes gated children; one object a process, because it owns descriptor 3."""

    __slots__ = ("_presented",)

    def __init__(self) -> None:
        """Takes descriptor 3, which must be free or nobody else's (see `__main__`)."""
        null = os.open(os.devnull, os.O_RDONLY)
        if null != CODE_DESCRIPTOR:
            os.dup2(null, CODE_DESCRIPTOR, inheritable=False)
            os.close(null)
        self._presented: str | None = None

    def spawn(self, start: Start, code: str, environment: dict[str, str], place: Place) -> tuple[int, int]:
        """The child's PID and the pipe that opens its gate. Raises LaunchRefused or OSError."""
        if start.bash_gate:
            environment = {**environment, "BASH_ENV": _CODE_PATH}
        self._present(code)
        waiting, opening = os.pipe()
        try:
            return _popen(start.arguments, waiting, environment, place), opening
        except BaseException as error:
            os.close(opening)
            if isinstance(error, OSError) and error.filename == place.work_dir:
                raise LaunchRefused(_why_no_work_dir(place.work_dir, error)) from error
            raise
        finally:
            os.close(waiting)

    def _present(self, code: str) -> None:
        """Puts the code where the next child inherits it; children with the same code share one file."""
        if code == self._presented:
            return
        data = memoryview(code.encode("utf-8", "surrogateescape"))
        file = os.memfd_create("conductor-gate")
        try:
            while data:
                data = data[os.write(file, data) :]
            os.dup2(file, CODE_DESCRIPTOR, inheritable=False)
        finally:
            os.close(file)
        self._presented = code


def _popen(arguments: list[str], stdin: int, environment: dict[str, str], place: Place) -> int:
    account, entered = place.account, None
    as_account: dict[str, Any] = {"cwd": place.work_dir}
    if account is not None:
        # The folder is entered before the user changes, so it is one that the user could open.
        entered = open_work_dir(account, place.work_dir)
        as_account = {
            "cwd": f"/proc/self/fd/{entered}",
            "user": account["uid"],
            "group": account["gid"],
            "extra_groups": account["groups"],
            "umask": 0o077,
        }
    try:
        child = subprocess.Popen(
            arguments,
            stdin=stdin,
            stdout=place.stdout,
            stderr=place.stderr,
            env=environment,
            start_new_session=True,
            pass_fds=(CODE_DESCRIPTOR,),
            **as_account,
        )
    finally:
        if entered is not None:
            os.close(entered)
    # The supervisor reaps by number; a Popen that took its child for running would reap it too.
    child.returncode = 0
    return child.pid


def _first_line(script: str) -> tuple[str, str]:
    """Interpreter and its one argument, as the kernel reads a first line; both empty when there is none."""
    if not script.startswith("#!"):
        return "", ""
    words = script[2:].split("\n", 1)[0].strip(" \t").replace("\t", " ").split(" ", 1)
    return words[0], words[1].strip(" \t") if len(words) > 1 else ""


def _plain_bash(interpreter: str, argument: str, own: Mapping[str, str], path: str) -> str | None:
    """The bash to start directly, or None when the longer way must be gone."""
    if any(name in own for name in _STARTS_BASH_DIFFERENTLY):
        return None
    if (interpreter, argument) == _ENV_BASH:
        return None if "PATH" in own else _program("bash", path)
    return None if argument or interpreter not in _PLAIN_BASH else interpreter or _BASH


def _program(name: str, path: str) -> str | None:
    candidates = (f"{folder}/{name}" for folder in path.split(":") if folder.startswith("/"))
    return next((candidate for candidate in candidates if os.access(candidate, os.X_OK)), None)


def _why_no_work_dir(work_dir: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"The work folder {work_dir} does not exist on this node; create it or name another work_dir."
    return f"The work folder {work_dir} cannot be entered ({error.strerror}); name another work_dir."
