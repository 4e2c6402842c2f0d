"""Sentences that know their other languages.

Promises: as text it is the English sentence, wherever a text may stand. Refuses to know who reads it.
"""

from collections.abc import Iterable
from typing import Self

from conductor.core.refusal_texts import REFUSALS
from conductor.core.trouble_texts import SYSTEM_WORDS, TROUBLES

_TEXTS = {**REFUSALS, **TROUBLES, **{f"errno_{number}": words for number, words in SYSTEM_WORDS.items()}}


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


def sentence_of(error: Exception, language: str) -> str:
    """What an error of ours says."""
    first = error.args[0] if error.args else None
    return in_language(first, language) if isinstance(first, Said) else str(error)


def system_words(error: OSError) -> str:
    """What the operating system says went wrong."""
    return Said(f"errno_{error.errno}") if error.errno in SYSTEM_WORDS else error.strerror or str(error)


def _filled(code: str, language: str, values: dict[str, object]) -> str:
    chinese = language == "zh"
    return _TEXTS[code][chinese].format(
        **{name: _part(value, language, "；" if chinese else "; ") for name, value in values.items()}
    )


def _part(value: object, language: str, between: str) -> object:
    if isinstance(value, Said):
        return value.sentence(language)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return between.join(in_language(one, language) for one in value)
    return value
