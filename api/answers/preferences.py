"""What a client says that it would rather have: `Accept` and `Accept-Encoding`, with their q-values.

Refuses to know what it is then given.
"""

import re
from collections.abc import Collection

_QUALITY = re.compile(r"\s*q\s*=\s*(0(\.\d{0,3})?|1(\.0{0,3})?)\s*")


def quality(header: str | None, names: Collection[str], *, group: str = "*") -> float:
    """How much a client wants one of these, from 0 (not at all) to 1; `group` is the wildcard that includes them.

    What it names itself goes before what a wildcard says. Without a header nobody has asked for anything: 0.
    """
    said = _said(header or "")
    named = [said[name] for name in names if name in said]
    return max(named) if named else said.get(group, said.get("*/*", 0.0))


def _said(header: str) -> dict[str, float]:
    """By lower-case name. A quality that cannot be read is none."""
    found: dict[str, float] = {}
    for part in header.lower().split(","):
        name, *parameters = part.split(";")
        qualities = [one for one in parameters if one.strip().startswith("q")]
        match = _QUALITY.fullmatch(qualities[0]) if qualities else None
        found[name.strip()] = float(match[1]) if match else 0.0 if qualities else 1.0
    return found
