"""The policy: shown, changed, looked back on; and how accounts stand in their shares."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conductor.cli import completion
from conductor.cli.moments import moment_option, tell_moment
from conductor.cli.options import AsOf, Json, Reason

if TYPE_CHECKING:
    from conductor.cli.screen import Screen
    from conductor.client import Client, Event

_COMMA = re.compile(r",\s*(?=\w+=)")  # between changes, not between licences
_MEANINGS = {
    "order": "policy_order",
    "node_choice": "policy_node_choice",
    "guard_seconds": "policy_guard_seconds",
    "aging_per_hour": "policy_aging_per_hour",
    "fair_share_weight": "policy_fair_share_weight",
    "half_life_hours": "policy_half_life_hours",
    "user_max_cpus": "policy_user_max_cpus",
    "user_max_jobs": "policy_user_max_jobs",
    "licences": "policy_licences",
}


def policy(
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=VALUE]...", hidden=True, autocompletion=completion.policy_changes),
    ] = None,
    reason: Reason = None,
    as_of: AsOf = None,
    history: Annotated[bool, typer.Option("--history", help="Every change, who made it and why.")] = False,
    fair_share: Annotated[
        bool, typer.Option("--fair-share", help="What each account has used, and its factor.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show how the queue is worked through, or change it: each NAME=VALUE, the others stay.

    Example: conductor policy order=backfill guard_seconds=600 user_max_cpus=none licences=matlab:5 --reason "nights"
    """
    from conductor.cli.exits import WrongUsage
    from conductor.cli.screen import Screen
    from conductor.client import connect

    screen = Screen.open()
    looks = history or fair_share or as_of is not None
    if changes and looks:
        raise WrongUsage(screen.text("policy_change_or_look"))
    if history and (fair_share or as_of is not None):
        raise WrongUsage(screen.text("policy_one_view"))
    if reason is not None and not changes:
        raise WrongUsage(screen.text("policy_reason_alone"))
    wanted = parsed_changes(changes or (), screen)
    moment = moment_option(as_of, screen)
    with connect(channel="cli") as client:
        if wanted:
            _change(client, wanted, reason, screen, as_json=as_json)
        elif history:
            _history(client, screen, as_json=as_json)
        elif fair_share:
            found = client.fair_share(as_of=moment).raw
            screen.json(found) if as_json else _shares(found, screen)
        else:
            found = client.policy(as_of=moment).raw
            screen.json(found) if as_json else _sheet(found, screen)


def parsed_changes(given: Sequence[str], screen: "Screen") -> dict[str, Any]:
    """NAME=VALUE, several also with commas between, as the API takes it. Whether a policy can have that value
    the server says. Raises `WrongUsage`.
    """
    from conductor.cli.exits import WrongUsage

    changes: dict[str, Any] = {}
    for one in (part for text in given for part in _COMMA.split(text.strip())):
        name, equals, text = one.partition("=")
        if not name or not equals:
            raise WrongUsage(screen.text("policy_usage", given=one))
        changes[name] = _licences(text, screen) if name == "licences" else _value(text)
    return changes


def _value(text: str) -> Any:
    if text.lower() == "none":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _licences(text: str, screen: "Screen") -> dict[str, int]:
    from conductor.cli.exits import WrongUsage

    counts: dict[str, int] = {}
    for one in () if text.lower() == "none" else text.split(","):
        name, _, count = one.rpartition(":")
        if not name or not (count.isascii() and count.isdecimal()):
            raise WrongUsage(screen.text("policy_bad_licences", given=text))
        if name in counts:
            raise WrongUsage(screen.text("policy_licence_twice", name=name))
        counts[name] = int(count)
    return counts


def _change(
    client: "Client", changes: Mapping[str, Any], reason: str | None, screen: "Screen", *, as_json: bool
) -> None:
    before = client.policy().raw
    after = client.change_policy(changes, reason=reason).raw
    if as_json:
        screen.json(after)
    elif after["version"] == before["version"]:
        screen.say("policy_unchanged")
    else:
        told = _differences(before["policy"], after["policy"])
        screen.say("policy_changed", position=after["position"], changes=told)


def _sheet(found: Mapping[str, Any], screen: "Screen") -> None:
    from conductor.cli.policy_values import shown
    from conductor.cli.tables import FIXED, FLEXIBLE

    tell_moment(found, screen)
    _tell_origin(found, screen)
    rows = [
        (name, shown(value), screen.text(_MEANINGS[name]) if name in _MEANINGS else "")
        for name, value in found["policy"].items()
    ]
    screen.table([("policy_name", FIXED), ("value", FIXED), ("meaning", FLEXIBLE)], rows)


def _tell_origin(found: Mapping[str, Any], screen: "Screen") -> None:
    from conductor.cli.times import local

    if not found["version"]:
        screen.say("policy_never_changed")
        return
    at = local(datetime.fromisoformat(found["since"]))
    values = {"at": at, "position": found["position"], "by": found["changed_by"]}
    if str(found["channel"]).startswith("scheduler@"):
        screen.say("policy_from_setting", **values)
    else:
        why = screen.text("policy_why", reason=found["reason"]) if found["reason"] else ""
        screen.say("policy_since", **values, why=why)
    screen.say("policy_setting_is_over")


def _history(client: "Client", screen: "Screen", *, as_json: bool) -> None:
    from conductor.cli.times import local

    found = client.policy_history()
    if as_json:
        screen.json({"changes": [_change_document(one, before) for one, before in _pairs(found)]})
        return
    if not found:
        screen.say("policy_no_changes")
        return
    for one, before in _pairs(found):
        reason = one.data.get("reason")
        why = screen.text("policy_why", reason=reason) if reason else ""
        head = f"{one.position:>8}  {local(one.at)}  {one.metadata.get('actor')}{why}"
        for line in screen.lines_of(head):
            screen.line(line)
        for line in screen.lines_of(f"          {_differences(before, one.data['policy'])}"):
            screen.line(line)


def _pairs(found: Sequence["Event"]) -> Sequence[tuple["Event", Mapping[str, Any]]]:
    """Each change with the policy before it."""
    from conductor.cli.policy_values import DEFAULTS

    befores: list[Mapping[str, Any]] = [DEFAULTS, *(one.data["policy"] for one in found[:-1])]
    return list(zip(found, befores, strict=True))


def _change_document(one: "Event", before: Mapping[str, Any]) -> dict[str, Any]:
    after = one.data["policy"]
    return {
        "position": one.position,
        "at": one.at.isoformat(),
        "version": one.version,
        "changed_by": one.metadata.get("actor"),
        "channel": one.metadata.get("channel"),
        "reason": one.data.get("reason"),
        "changes": {name: value for name, value in after.items() if before.get(name) != value},
        "policy": after,
    }


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    from conductor.cli.policy_values import differences

    return differences(before, after)


def _shares(found: Mapping[str, Any], screen: "Screen") -> None:
    from conductor.cli.policy_values import shown
    from conductor.cli.tables import FLEXIBLE, NUMBER
    from conductor.cli.times import local

    tell_moment(found, screen)
    weight = found["fair_share_weight"]
    counted = local(datetime.fromisoformat(found["counted_until"]))
    if not weight:
        screen.say("fair_share_off")
    screen.say("fair_share_weighs", weight=shown(weight), hours=shown(found["half_life_hours"]), at=counted)
    if not found["accounts"]:
        screen.say("fair_share_nobody")
        return
    columns = [
        ("account", FLEXIBLE), ("cpu_seconds", NUMBER), ("part", NUMBER),
        ("running_cpus", NUMBER), ("factor", NUMBER),
    ]  # fmt: skip
    rows = [
        (one["account"], f"{one['cpu_seconds']:,.0f}", f"{one['part']:.1%}", one["running_cpus"],
         f"{one['factor']:.4f}")
        for one in sorted(found["accounts"], key=lambda one: (one["factor"], one["account"]))
    ]  # fmt: skip
    screen.table(columns, rows)
