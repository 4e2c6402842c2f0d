"""A policy as a person types it: `backfill`, or `order=backfill,guard_seconds=600,node_choice=pack`."""

from dataclasses import replace
from typing import Any

from conductor.core.events import Policy
from conductor.core.policy import fault

_TEXTS = frozenset({"order", "node_choice"})


def policy_of(text: str, base: Policy) -> Policy:
    """`base` with what the text says otherwise. Raises `ValueError` with a sentence that names what is wrong."""
    changes: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            name, value = "order", name
        name = name.strip()
        changes[name] = _read(name, value.strip(), changes.get(name))
    for name, value in changes.items():
        wrong = fault(name, value)
        if wrong is not None:
            raise ValueError(wrong.message)
    return replace(base, **changes)


def _read(name: str, text: str, before: Any) -> Any:
    """Licences are given one at a time, `licences=matlab:5,licences=ansys:2`."""
    if name in _TEXTS:
        return text
    if name == "licences":
        licence, colon, count = text.partition(":")
        one = {licence: int(count) if colon and count.isdecimal() else count} if licence else {}
        return {**(before or {}), **one}
    if text.lower() in ("none", "off"):
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if text.isdecimal() else number
