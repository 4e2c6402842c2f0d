"""`conductor repair`: what the audit found, mended by events; never by touching a row.

Promises: what is about to be appended is shown first; nothing is done for a finding that the audit does not have at
this moment, nor without a yes.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conductor.cli.options import Json, Reason

if TYPE_CHECKING:
    from conductor.cli.screen import Screen
    from conductor.client import Client

ACKNOWLEDGE = "acknowledge"
PLACEHOLDER = "..."  # as `conductor audit` prints the command: no reason yet
_YES = ("y", "yes", "是")

Raw = dict[str, Any]


def repair(
    words: Annotated[list[str], typer.Argument(metavar="[acknowledge] CODE SUBJECT...", hidden=True)],
    reason: Reason = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be appended.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Believe the tables; do not replay the log first.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Mend a finding, by its CODE and SUBJECT as `conductor audit` prints them; or, with the word
    `acknowledge` before them, keep in the log why one that nothing mends is so.

    Example: conductor repair reservation_expired allocation 7 --dry-run
    """
    from conductor.cli.screen import Screen
    from conductor.client import connect

    screen = Screen.open()
    acknowledging = words[0] == ACKNOWLEDGE
    reason = None if reason == PLACEHOLDER else reason
    code, subject = _named(words[1:] if acknowledging else words, screen)
    if not _is_the_way(code, subject, screen, acknowledging=acknowledging):
        return 1
    with connect(channel="cli") as client:
        finding = _found(client, code, subject, quick=quick)
        if finding is None or _said_before(finding, reason):
            screen.warn("repair_done_before" if finding else "repair_gone", code=code, subject=subject)
            return 0 if finding else 1
        if acknowledging and reason is None and not dry_run:
            reason = _ask_reason(screen)
        commands = _commands(finding, reason, acknowledging=acknowledging)
        if not as_json:
            _show(finding, commands, screen, dry_run=dry_run)
        if dry_run:
            if as_json:
                screen.json({"finding": finding, "commands": commands})
            return 0
        if not yes and not _confirmed(screen):
            screen.warn("repair_not_done")
            return 1
        answers = [client.command(command).raw for command in commands]
    if as_json:
        screen.json({"answers": answers})
    else:
        _show_appended(answers, screen)
    return 0


def _named(words: Sequence[str], screen: "Screen") -> tuple[str, str]:
    from conductor.cli.submission import refuse
    from projections.audit_catalogue import CATALOGUE

    if words and words[0] not in CATALOGUE:
        refuse(screen, "repair_unknown", code=words[0])
    if len(words) < 2:
        refuse(screen, "repair_usage")
    return words[0], " ".join(words[1:])


def _is_the_way(code: str, subject: str, screen: "Screen", *, acknowledging: bool) -> bool:
    """Whether this is how such a finding is mended; says how, when it is not."""
    from projections.audit_catalogue import CATALOGUE, Mending

    mending = CATALOGUE[code].mending
    if acknowledging:
        fits, other = mending in (Mending.ACKNOWLEDGE, Mending.BY_HAND), "repair_not_to_acknowledge"
    else:
        fits = mending is Mending.REPAIR
        other = {
            Mending.REBUILD: "repair_rebuild",
            Mending.BY_HAND: "repair_by_hand",
            Mending.ACKNOWLEDGE: "repair_acknowledge",
        }.get(mending, "")
    if not fits:
        screen.warn("error", what=screen.text(other, code=code, subject=subject))
    return fits


def _found(client: "Client", code: str, subject: str, *, quick: bool) -> Raw | None:
    """As the audit has it now: a command that was copied an hour ago may be about something else by now."""
    findings = client.audit(replay=not quick).raw["findings"]
    return next((one for one in findings if (one["code"], one["subject"]) == (code, subject)), None)


def _said_before(finding: Mapping[str, Any], reason: str | None) -> bool:
    noted = finding["acknowledged"]
    return noted is not None and reason in (None, noted["reason"])


def _commands(finding: Mapping[str, Any], reason: str | None, *, acknowledging: bool) -> list[Raw]:
    if acknowledging:
        return [
            {
                "type": "AcknowledgeFinding",
                "code": finding["code"],
                "subject": finding["subject"],
                "reason": reason or "",
            }
        ]
    return [_with_reason(command, finding["code"], reason) for command in finding["commands"]]


def _with_reason(command: Mapping[str, Any], code: str, reason: str | None) -> Raw:
    """The finding's code is always kept; `Repair` has a field of its own for it."""
    if reason is None:
        return dict(command)
    return {**command, "reason": reason if command["type"] == "Repair" else f"{code}: {reason}"}


def _show(finding: Mapping[str, Any], commands: Sequence[Raw], screen: "Screen", *, dry_run: bool) -> None:
    from conductor.cli.audit import sentence_lines
    from conductor.cli.tables import wrapped
    from conductor.cli.visible import one_line

    screen.line(f"{finding['code']}  {finding['subject']}")
    for line in sentence_lines(finding["sentence"], screen.width() - 2):
        screen.line(f"  {line}")
    screen.say("repair_would" if dry_run else "repair_will")
    for command in commands:
        for line in wrapped(one_line(_becomes(command, finding)), screen.width() - 2):
            screen.line(f"  {line}")


def _becomes(command: Raw, finding: Mapping[str, Any]) -> str:
    """The event of an accepted command, in the words of `conductor events`."""
    said = command.get("reason")
    match command["type"]:
        case "Repair" if command["finding"] == "imported_never_released":
            detail = f"{command['finding']}: {said}" if said else command["finding"]
            return (
                f"job-{finding['parameters']['job_id']}: ImportedAllocationClosed "
                f"allocation_id={command['allocation_id']} detail={detail!r}"
            )
        case "Repair":
            detail = f"{command['finding']}: {said}" if said else command["finding"]
            job_id = finding["parameters"].get("job_id")
            if job_id is None:  # one of several
                known = finding["parameters"]
                job_id = dict(zip(known["allocation_ids"], known["job_ids"], strict=True))[
                    command["allocation_id"]
                ]
            return (
                f"job-{job_id}: ResourcesReleased "
                f"allocation_id={command['allocation_id']} reason=repaired detail={detail!r}"
            )
        case "DeclareNodeLost":
            jobs_lost = str(command.get("jobs_lost", False)).lower()
            return f"node-{command['node_name']}: NodeLost jobs_lost={jobs_lost} reason={said!r}"
        case _:
            return f"audit: FindingAcknowledged code={command['code']} subject={command['subject']!r} reason={said!r}"


def _show_appended(answers: Sequence[Mapping[str, Any]], screen: "Screen") -> None:
    events = [event for answer in answers for event in answer["events"]]
    screen.say("repair_appended" if events else "repair_so_already")
    for event in events:
        screen.line(f"  {event['position']}  {event['stream']}  {event['type']}")


def _confirmed(screen: "Screen") -> bool:
    from conductor.cli.submission import refuse

    if not somebody_is_there():
        refuse(screen, "repair_no_terminal")
    return _asked(screen.text("repair_ask")).lower() in _YES


def _ask_reason(screen: "Screen") -> str:
    from conductor.cli.submission import refuse

    if not somebody_is_there():
        refuse(screen, "repair_no_reason")
    return _asked(screen.text("repair_ask_reason")) or refuse(screen, "repair_no_reason")


def somebody_is_there() -> bool:
    """Whether a question would be read by a person."""
    return sys.stdin.isatty()


def _asked(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()
