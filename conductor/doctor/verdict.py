"""What a check says of the facts. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from conductor.doctor.facts import Facts


class Level(StrEnum):
    """From good to bad; `unknown` is neither."""

    OK = "ok"
    NOTE = "note"  # nothing to mend; worth knowing
    WARNING = "warning"  # works, and will cost somebody something
    WRONG = "wrong"
    UNKNOWN = "unknown"  # could not look


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A code of the catalogue, and what fills the gaps of its sentence and of its command."""

    code: str
    values: Mapping[str, object] = field(default_factory=dict)


def said(code: str, **values: object) -> Verdict:
    return Verdict(code=code, values=values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`needs`: names of facts without which it cannot look. Whatever it yields is said; nothing is `<name>_ok`."""

    name: str
    group: str
    needs: tuple[str, ...]
    judge: Callable[[Facts], Iterable[Verdict]]
