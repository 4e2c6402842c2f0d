"""`conductor why`: why a job waits, who holds what it needs, when it starts, and the command that would help."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from conductor.cli.moments import moment_option, tell_moment
from conductor.cli.options import AsOf, JobId, Json

if TYPE_CHECKING:
    from conductor.cli.screen import Screen

_HOLDERS_SHOWN = 8

Raw = Mapping[str, Any]


def why(job_id: JobId, as_of: AsOf = None, as_json: Json = False) -> None:
    """Say why a job waits, and what would let it start; of one that does not wait, what came of it.

    Example: conductor why 42 --as-of "2026-11-20 03:00"
    """
    from conductor.cli.screen import Screen
    from conductor.client import connect

    screen = Screen.open()
    with connect(channel="cli") as client:
        found = client.why(job_id, as_of=moment_option(as_of, screen)).raw
    if as_json:
        screen.json(found)
        return
    tell_moment(found, screen)
    why_sheet(found, screen)


def why_sheet(found: Raw, screen: "Screen") -> None:
    """The whole answer. Commands stand on lines of their own."""
    from conductor.core.selections import job_name

    if array := found.get("array"):
        states = ", ".join(f"{count} {state}" for state, count in array["tasks"].items())
        screen.say("why_array", job_id=array["job_id"], states=states)
    reason = screen.text("why_reason", reason=found["reason"]) if found["reason"] else ""
    named = job_name(found["job_id"], found.get("array_job_id"), found.get("array_task_id"))
    screen.say("why_title", job_id=named, state=found["state"], reason=reason)
    _wrapped(sentence_of(found["told"], screen), screen)
    if found["leases"] == "unknown" and found["state"] == "PENDING":
        _wrapped(screen.text("why_no_leases"), screen)
    if protection := found.get("protection_told"):
        _wrapped(sentence_of(protection, screen), screen)
    for one in found.get("said", ()):
        _wrapped(sentence_of(one, screen), screen)
    for one in found.get("awaited", ()):
        _show_condition(one, screen)
    _show_holders(found["holders"], found["holders_count"], screen)
    if found["ahead"]:
        named = ", ".join(found["ahead_names"])
        more = ", …" if found["ahead_count"] > len(found["ahead"]) else ""
        screen.line("")
        _wrapped(screen.text("why_ahead", count=found["ahead_count"], job_ids=named + more), screen)
    if found["starts_by_told"]:
        screen.line("")
        _wrapped(sentence_of(found["starts_by_told"], screen), screen)
    _show_remedies(found["remedies"], screen)


def sentence_of(told: Raw, screen: "Screen") -> str:
    """By our own catalogue, with times as they are here; as the server says it when it knows more than we do."""
    from conductor.core.why_catalogue import sentence

    try:
        return sentence(told["code"], told["parameters"], screen.language, local=True)
    except (KeyError, ValueError):
        return str(told["sentence"])


def _show_condition(one: Raw, screen: "Screen") -> None:
    """One condition of a dependency, and under it the jobs that it still needs."""
    from conductor.cli.visible import one_line

    for line in screen.lines_of(f"  {one_line(sentence_of(one, screen))}"):
        screen.line(line)
    for job in one["jobs"]:
        reason = f" ({job['reason']})" if job["reason"] else ""
        end = screen.text("why_until", at=_local(job["ends_by"])) if job["ends_by"] else ""
        for line in screen.lines_of(f"    {job['name']} {job['state']}{reason}{end}"):
            screen.line(line)


def _show_holders(holders: Sequence[Raw], count: int, screen: "Screen") -> None:
    from conductor.cli.tables import FLEXIBLE, MOMENT, NUMBER, Column

    if not holders:
        return
    screen.line("")
    screen.say("why_holders", count=count)
    rows = [
        (
            one["name"],
            one["user_name"],
            one["node_name"],
            _held(one["holds"]),
            _local(one["ends_by"]) or screen.text("no_limit"),
        )
        for one in holders[:_HOLDERS_SHOWN]
    ]
    columns = (
        ("job", NUMBER),
        ("user", Column(least=6)),
        ("node", FLEXIBLE),
        ("holds", FLEXIBLE),
        ("ends_by", MOMENT),
    )
    screen.table(columns, rows)
    if count > len(rows):
        screen.line("…")


def _held(holds: Mapping[str, int]) -> str:
    """`cpus=4 gpu:2`, in the words of a submission."""
    amounts = (
        f"{name.partition('/')[2]}:{amount}" if "/" in name else f"{name}={amount}"
        for name, amount in holds.items()
    )
    return " ".join(amounts)


def _show_remedies(remedies: Sequence[Raw], screen: "Screen") -> None:
    from conductor.cli.tables import wrapped
    from conductor.cli.visible import one_line

    if not remedies:
        return
    screen.line("")
    screen.say("why_helps")
    for one in remedies:
        told = one_line(sentence_of(one, screen))
        first, *more = wrapped(told if one["command"] else told.rstrip(":："), screen.width() - 4)
        screen.line(f"  {first}")
        for line in more:
            screen.line(f"    {line}")
        if one["command"]:
            screen.line(f"    {one['command']}")


def _wrapped(text: str, screen: "Screen") -> None:
    from conductor.cli.tables import wrapped
    from conductor.cli.visible import one_line

    for line in wrapped(one_line(text), screen.width()):
        screen.line(line)


def _local(instant: str | None) -> str | None:
    from conductor.cli.times import local

    return local(datetime.fromisoformat(instant)) if instant else None
