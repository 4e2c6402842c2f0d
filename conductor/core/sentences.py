"""Sentences of catalogues that several doors say: a stable code, a template a language, and gaps filled alike.

Refuses to know what any sentence is about.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

Language = Literal["en", "zh"]


def filled(english: str, chinese: str, parameters: Mapping[str, Any], language: Language) -> str:
    """The sentence in that language. Raises `KeyError` for a gap that the parameters do not have."""
    template = chinese if language == "zh" else english
    return template.format(**{name: shown(value) for name, value in parameters.items()})


def shown(value: Any) -> str:
    """A value as every sentence has it: times to the second, lists with commas, nothing as a dash."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value)) or "-"
    # A process may call itself what it likes; only a catalogue says what is a command.
    return "-" if value is None else str(value).replace("`", "'")


def here(instant: datetime) -> datetime:
    """By this machine's clock; in UTC where that has no such time, as at the end of the year 9999."""
    try:
        return instant.astimezone()
    except (OverflowError, ValueError, OSError):
        return instant.astimezone(UTC)
