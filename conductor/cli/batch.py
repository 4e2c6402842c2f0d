"""`conductor submit --batch`: many jobs from a file of JSON lines, in one transaction: all of them, or none.

Promises: a line that cannot be is refused by its number, before anything is sent. What a line leaves out is as for a
script on its own: this folder, this user, slurm-%j.out.
"""

import difflib
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conductor.cli.submission import refuse, slurm_output, user_name, work_folder
from conductor.cli.system_errors import told

if TYPE_CHECKING:
    from conductor.cli.screen import Screen
    from conductor.client import Submission
    from conductor.client.errors import FieldError, Refused

_OF_A_JOB = re.compile(r"jobs\[(\d+)\]\.?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The submissions of a file, and of each the line on which it stands."""

    path: str
    submissions: "Sequence[Submission]"
    lines: Sequence[int]


def batch_in(path: str, screen: "Screen") -> Batch:
    """A submission for each line that is not blank; `-` is standard input."""
    try:
        text = sys.stdin.buffer.read().decode() if path == "-" else Path(path).read_text()
    except OSError as error:
        refuse(screen, "unreadable_script", path=path, why=told(error, screen))
    except UnicodeDecodeError as error:
        refuse(screen, "script_not_utf8", path=path, position=error.start + 1)
    found = list(_read(text.split("\n"), path, screen))
    if not found:
        refuse(screen, "batch_empty", path=path)
    lines, submissions = zip(*found, strict=True)
    return Batch(path=path, submissions=submissions, lines=lines)


def by_lines(refused: "Refused", batch: Batch, screen: "Screen") -> "Refused":
    """What the server said of the request's `jobs[3].cpus`, by the line that the reader can look at."""
    errors = tuple(_by_line(one, batch, screen) for one in refused.problem.errors)
    return type(refused)(replace(refused.problem, errors=errors))


def _by_line(error: "FieldError", batch: Batch, screen: "Screen") -> "FieldError":
    found = _OF_A_JOB.match(error.field)
    if found is None or int(found[1]) >= len(batch.lines):
        return error
    message = error.message.removeprefix(found[0]).lstrip()
    said = replace(error, field=error.field[found.end() :], message=message).sentence()
    line = batch.lines[int(found[1])]
    return replace(error, field="", message=screen.text("batch_line", path=batch.path, line=line, said=said))


def _read(lines: Iterable[str], path: str, screen: "Screen") -> "Iterable[tuple[int, Submission]]":
    from conductor.client import Submission

    known = [one.name for one in fields(Submission)]
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
        except ValueError as error:
            refuse(screen, "batch_not_json", path=path, line=number, why=error)
        if not isinstance(given, dict) or "script" not in given:
            refuse(screen, "batch_not_json", path=path, line=number, why="script?")
        for name in given.keys() - set(known):
            near = difflib.get_close_matches(name, known, 1)
            nearest = screen.text("batch_nearest", field=near[0]) if near else ""
            refuse(screen, "batch_field", path=path, line=number, field=name, nearest=nearest)
        yield number, Submission(**_with_ours(given, Submission(script=str(given["script"]))))


def _with_ours(given: dict[str, Any], plain: "Submission") -> dict[str, Any]:
    ours = {"work_dir": work_folder(), "user_name": user_name(), "stdout_path": slurm_output(plain, None)}
    if given.get("array"):
        ours["stdout_path"] = "slurm-%A_%a.out"
    return {**ours, **given}
