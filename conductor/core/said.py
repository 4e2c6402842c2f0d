"""Sentences of the core that know their other languages.

Promises: as text it is the English sentence, wherever a text may stand. Refuses to know who reads it.
"""

from collections.abc import Iterable
from typing import Self

from conductor.core.refusal_texts import REFUSALS


class Said(str):
    """A sentence by its code. Values may be such sentences too, or several of them."""

    __slots__ = ("code", "values")

    code: str
    values: dict[str, object]

    def __new__(cls, code: str, **values: object) -> Self:
        made = super().__new__(cls, _filled(code, "en", values))
        made.code, made.values = code, values
        return made

    def sentence(self, language: str) -> str:
        return _filled(self.code, language, self.values)


def in_language(text: str, language: str) -> str:
    """The text as it is, unless it knows better."""
    return text.sentence(language) if isinstance(text, Said) else text


def _filled(code: str, language: str, values: dict[str, object]) -> str:
    chinese = language == "zh"
    return REFUSALS[code][chinese].format(
        **{name: _part(value, language, "；" if chinese else "; ") for name, value in values.items()}
    )


def _part(value: object, language: str, between: str) -> object:
    if isinstance(value, Said):
        return value.sentence(language)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return between.join(in_language(one, language) for one in value)
    return value
