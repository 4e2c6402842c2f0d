"""`conductor audit`: what is wrong, the events that led there, and the command that mends it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from conductor.cli.options import Json

if TYPE_CHECKING:
    from conductor.cli.screen import Screen

SEVERITIES = ("error", "warning", "info")
_HEADINGS = {"error": "audit_errors", "warning": "audit_warnings", "info": "audit_infos"}
_EVENTS_SHOWN = 8
_COMMAND = re.compile(r"(?<=[:：])\s*`([^`]+)`[.;。；]?\s*")

Raw = Mapping[str, Any]


def audit(
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what needs the whole log.")] = False,
    severity: Annotated[
        Literal["error", "warning", "info"], typer.Option("--severity", help="At least this severe.")
    ] = "info",
    as_json: Json = False,
) -> int:
    """Say what is wrong, what led there, and what mends it.

    Exit code 1 when there is an error or a warning that is shown, 125 when the audit could not look, 69 when no server
    answers.

    Example: conductor audit --quick
    """
    from conductor.cli.screen import Screen
    from conductor.client import connect

    screen = Screen.open()
    with connect(channel="cli") as client:
        found = client.audit(replay=not quick).raw
    wanted = SEVERITIES[: SEVERITIES.index(severity) + 1]
    shown = [one for one in found["findings"] if one["severity"] in wanted]
    if as_json:
        screen.json({**found, "findings": shown})
    else:
        _tell(found, shown, screen)
    return 1 if any(one["severity"] != "info" for one in shown) else 0


def _tell(found: Raw, shown: Sequence[Raw], screen: "Screen") -> None:
    for severity in SEVERITIES:
        ones = [one for one in shown if one["severity"] == severity]
        if ones:
            screen.say(_HEADINGS[severity], count=len(ones))
        for one in ones:
            screen.line("")
            finding_sheet(one, screen)
        if ones:
            screen.line("")
    checked = found["checked"]
    hidden = len(found["findings"]) - len(shown)
    if hidden and not shown:
        screen.say("audit_hidden", count=hidden)
    elif not shown:
        _say_nothing(checked, screen)
    if checked.get("differences", 0) > 100:
        screen.warn("audit_unjudged", count=checked["differences"])


def _say_nothing(checked: Raw, screen: "Screen") -> None:
    seen = {"allocations": checked["live_allocations"], "nodes": checked["nodes"]}
    if not checked["replay"]:
        screen.say("audit_nothing_now", **seen)
        return
    screen.say(
        "audit_nothing",
        **seen,
        events=f"{checked['events']:,}",
        rows=f"{checked['rows']:,}",
    )


def finding_sheet(finding: Raw, screen: "Screen") -> None:
    """One finding: its name, its sentence, what led there, what mends it. Commands stand on lines of their own."""
    screen.line(f"{finding['code']}  {finding['subject']}")
    for line in sentence_lines(finding["sentence"], screen.width() - 2):
        screen.line(f"  {line}")
    for cell in finding["parameters"].get("cells", ())[:_EVENTS_SHOWN]:
        screen.line(_cut(f"    {cell['column']}: {cell['log']} -> {cell['table']}", screen))
    _show_events(finding["events"], screen)
    noted = finding["acknowledged"]
    if noted:
        said = screen.text(
            "acknowledged_by", actor=noted["actor"], at=_time(noted["at"]), reason=noted["reason"]
        )
        for line in sentence_lines(said, screen.width() - 2):
            screen.line(f"  {line}")
    elif finding["repair"]:
        screen.line(f"  {screen.text(_mending(finding['repair']))}")
        screen.line(f"    {finding['repair']}")


def _mending(repair: str) -> str:
    return "audit_accept" if repair.startswith("conductor repair acknowledge") else "audit_mend"


def _show_events(events: Sequence[Raw], screen: "Screen") -> None:
    if not events:
        return
    screen.line(f"  {screen.text('audit_led')}")
    widest = max(len(str(one["position"])) for one in events)
    for one in events[-_EVENTS_SHOWN:]:
        what = f"{_time(one['at'])}  {one['type']:<18}  {one['stream']}  {one['actor']}"
        screen.line(_cut(f"    {one['position']:>{widest}}  {what}", screen))


def _time(at: str) -> str:
    from datetime import datetime

    return f"{datetime.fromisoformat(at).astimezone():%m-%d %H:%M:%S}"


def _cut(line: str, screen: "Screen") -> str:
    from rich.cells import cell_len, set_cell_size

    from conductor.cli.visible import one_line

    shown, width = one_line(line), screen.width()
    return shown if cell_len(shown) <= width else set_cell_size(shown, width - 1) + "…"


def sentence_lines(sentence: str, width: int) -> Iterator[str]:
    """Lines of at most that many cells; a command after a colon stands on a line of its own, whole, to be copied."""
    from conductor.cli.tables import wrapped
    from conductor.cli.visible import one_line

    for number, part in enumerate(_COMMAND.split(one_line(sentence))):
        if number % 2:
            yield f"  {part}"
        elif part:
            yield from wrapped(part, width)
