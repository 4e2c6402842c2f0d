"""A position or a time, as people write it, and the line that says what moment an answer is of."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conductor.cli.screen import Screen

_LARGEST = 2**53 - 1


def moment_option(given: str | None, screen: "Screen") -> int | datetime | None:
    """What `--as-of` says; None when it was not given."""
    return None if given is None else parse_moment(given, screen)


def parse_moment(given: str, screen: "Screen") -> int | datetime:
    """A number is a position, anything else a time: local, unless it has an offset. Raises `WrongUsage`."""
    from conductor.cli.exits import WrongUsage
    from conductor.cli.times import parse_past_instant

    word = given.strip()
    if word.isascii() and word.isdecimal() and int(word) <= _LARGEST:
        return int(word)
    instant = parse_past_instant(word, datetime.now().astimezone())
    if instant is None:
        raise WrongUsage(screen.text("bad_moment", given=given))
    return instant


def tell_moment(raw: Mapping[str, Any], screen: "Screen") -> datetime | None:
    """Say which moment an answer is of, when it is of one; gives its time."""
    from conductor.cli.times import local

    told = raw.get("as_of")
    if told is None:
        return None
    at = datetime.fromisoformat(told["time"]) if told["time"] else None
    if at is None:
        screen.say("as_of_beginning")
    else:
        screen.say("as_of", position=told["position"], at=local(at))
    return at
