"""`conductor doctor`: what is wrong with this installation, and the command that mends it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from conductor.cli.exits import OWN_FAILURE
from conductor.cli.options import Json

if TYPE_CHECKING:
    from conductor.cli.screen import Screen
    from conductor.doctor.checks import Line

_COLOURS = {"note": "36", "warning": "33", "wrong": "31", "unknown": "35"}


def doctor(
    findings_only: Annotated[
        bool, typer.Option("--findings", help="Leave out what is as it should be.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Check this machine, its settings, the database and the system, and say what to do.

    Exit code 1 when something is wrong, 125 when nothing is but something could not be looked at. Changes nothing.

    Example: conductor doctor --findings
    """
    from conductor.cli.screen import Screen
    from conductor.doctor.checks import examine
    from conductor.doctor.gathering import gather

    screen = Screen.open()
    lines = list(examine(gather()))
    shown = [line for line in lines if not findings_only or line.level != "ok"]
    if as_json:
        screen.json({"status": _status(lines), "checks": [_as_json(line, screen) for line in shown]})
    else:
        _tell(shown, screen)
        _sum_up(lines, screen)
    levels = {line.level for line in lines}
    return 1 if "wrong" in levels else OWN_FAILURE if "unknown" in levels else 0


def _status(lines: "list[Line]") -> str:
    levels = {line.level.value for line in lines}
    return next((level for level in ("wrong", "unknown", "warning") if level in levels), "ok")


def _as_json(line: "Line", screen: "Screen") -> dict[str, Any]:
    from conductor.doctor.catalogue import command, sentence

    return {
        "check": line.check.name,
        "group": line.check.group,
        "code": line.verdict.code,
        "level": line.level.value,
        "sentence": sentence(line.verdict, screen.language),
        "command": command(line.verdict),
    }


def _tell(lines: "list[Line]", screen: "Screen") -> None:
    from rich.cells import cell_len

    from conductor.cli.tables import wrapped
    from conductor.doctor.verdict import Level

    words = {level: screen.text(f"doctor_{level.value}") for level in Level}
    level_width = max(map(cell_len, words.values()))
    name_width = max((len(line.check.name) for line in lines), default=0)
    group = None
    for line, others in _together(lines):
        if line.check.group != group:
            group = line.check.group
            screen.line(screen.text(f"doctor_group_{group}"))
        word = words[line.level]
        shown = word + " " * (level_width - cell_len(word))
        if screen.out_is_terminal and line.level in _COLOURS:
            shown = f"\x1b[{_COLOURS[line.level]}m{shown}\x1b[0m"
        _print(line, f"  {shown}  {line.check.name:<{name_width}}  ", level_width + name_width + 6, screen)
        if others:
            for also in wrapped(screen.text("doctor_also", names=", ".join(others)), screen.width() - 4):
                screen.line(f"    {also}")


def _together(lines: "list[Line]") -> "list[tuple[Line, list[str]]]":
    """What could not be looked at for one reason is said once, with the names of the other checks."""
    found: list[tuple[Line, list[str]]] = []
    for line in lines:
        before = found[-1][0] if found else None
        same = before and line.level == "unknown" and before.verdict == line.verdict
        if same and before and before.check.group == line.check.group:
            found[-1][1].append(line.check.name)
        else:
            found.append((line, []))
    return found


def _print(line: "Line", label: str, indent: int, screen: "Screen") -> None:
    """The sentence beside its label; the command whole on a line of its own, to be copied."""
    from conductor.cli.tables import wrapped
    from conductor.cli.visible import one_line
    from conductor.doctor.catalogue import command, sentence

    first, *others = wrapped(one_line(sentence(line.verdict, screen.language)), screen.width() - indent)
    print(f"{label}{first}")
    for other in others:
        print(" " * indent + other)
    typed = command(line.verdict)
    if typed is not None:
        screen.line(f"    {typed}")


def _sum_up(lines: "list[Line]", screen: "Screen") -> None:
    counts = {level: sum(line.level == level for line in lines) for level in ("wrong", "warning", "unknown")}
    key = "doctor_all_well" if not any(counts.values()) else "doctor_sum"
    screen.say(key, checks=len({line.check.name for line in lines}), **counts)
