"""The environment of a job: nothing of the supervisor's own, and what the job asked for only behind the gate.

Before the gate a process has the base, the standard names (CONDUCTOR_*, SLURM_*) and its mark. The job's own
values arrive as shell code that the gate reads once it is open. This module makes text; it starts nothing.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping

from conductor.supervisor.process_tree import MARK_NAME

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

# What a shell sets for itself: assigning it fails, does something else than set it, or would be untrue.
_SHELL_OWNED = frozenset(
    [
        *(
            "BASH",
            "BASHOPTS",
            "BASHPID",
            "BASH_ARGC",
            "BASH_ARGV",
            "BASH_ARGV0",
            "BASH_COMMAND",
            "BASH_LINENO",
        ),
        *("BASH_SOURCE", "BASH_SUBSHELL", "BASH_VERSINFO", "BASH_VERSION", "DIRSTACK", "EPOCHREALTIME"),
        *("EPOCHSECONDS", "EUID", "FUNCNAME", "GROUPS", "HISTCMD", "IFS", "LINENO", "OPTIND", "PIPESTATUS"),
        *("PPID", "PWD", "RANDOM", "SECONDS", "SHELLOPTS", "SHLVL", "SRANDOM", "UID", "_"),
    ]
)
# These change how the rest of the code would be read, so they come last.
_READING = ("LANG", "LANGUAGE", "POSIXLY_CORRECT")


class EnvironmentRefused(Exception):
    """A name or value that no environment can hold; the text names it."""


def base_environment() -> dict[str, str]:
    try:
        account = pwd.getpwuid(os.geteuid())
        user, home = account.pw_name, account.pw_dir
    except KeyError:
        user, home = str(os.geteuid()), "/"
    return {"PATH": _PATH, "HOME": home, "USER": user, "LANG": "C.UTF-8"}


def before_the_gate(
    base: Mapping[str, str], standard: Mapping[str, str], mark: str, work_dir: str
) -> dict[str, str]:
    return {**base, **standard, "PWD": work_dir, MARK_NAME: mark}


def behind_the_gate(own: Mapping[str, str], standard: Mapping[str, str]) -> str:
    """Shell code that brings in the job's own values; what the standard names say is not overruled."""
    last: list[str] = []
    lines: list[str] = []
    for name in own:
        if name in standard or name in _SHELL_OWNED or name == MARK_NAME:
            continue
        line = _export(name, own[name])
        (last if name in _READING or name.startswith("LC_") else lines).append(line)
    return "".join(lines + last)


def quoted(value: str) -> str:
    """One shell word, whatever the value holds."""
    return "'" + value.replace("'", "'\\''") + "'"


def _export(name: str, value: str) -> str:
    if not _IDENTIFIER.fullmatch(name):
        raise EnvironmentRefused(
            f"{name!r} is not a name an environment variable can have; submit without it."
        )
    if "\0" in value:
        raise EnvironmentRefused(f"The value of {name} holds a NUL character; submit without it.")
    return f"export {name}={quoted(value)}\n"
