"""The catalogue of the command line's sentences is whole, in both languages."""

import ast
import re
import string
from pathlib import Path

import pytest

import conductor.cli
from conductor.cli.texts import TEXTS, text

SOURCES = [ast.parse(file.read_text()) for file in Path(conductor.cli.__path__[0]).glob("*.py")]

POSITION_OF_KEY = {"say": 0, "warn": 0, "text": 0, "refuse": 1}


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def said_in(source: ast.Module) -> set[str]:
    """Keys that stand as such in a call that says something."""
    calls = [call for call in ast.walk(source) if isinstance(call, ast.Call)]
    found = set()
    for call in calls:
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        key = call.args[POSITION_OF_KEY[name]] if len(call.args) > POSITION_OF_KEY.get(name, 99) else None
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            found.add(key.value)
    return found


@pytest.mark.parametrize("key", TEXTS)
def test_every_sentence_has_both_languages_with_the_same_placeholders(key: str) -> None:
    english, chinese = TEXTS[key]
    assert english.strip()
    assert chinese.strip()
    assert placeholders(english) == placeholders(chinese)


@pytest.mark.parametrize(
    "key", [key for key in TEXTS if key not in ("submitted", "cpus", "stats_cpus", "label_cpus")]
)
def test_the_chinese_sentence_is_no_copy_of_the_english_one(key: str) -> None:
    english, chinese = TEXTS[key]
    assert english != chinese
    wordless = not re.search(r"[A-Za-z]", re.sub(r"{\w+}", "", english))
    assert wordless or re.search(r"[\u4e00-\u9fff（）：，]", chinese)


def test_every_key_that_is_said_exists_and_every_key_is_said() -> None:
    strings = {
        node.value
        for source in SOURCES
        for node in ast.walk(source)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    said = set().union(*map(said_in, SOURCES))
    assert said - TEXTS.keys() == set()
    unsaid = {key for key in TEXTS if key not in strings and key.removeprefix("label_") not in strings}
    assert unsaid == set()


def test_a_value_with_braces_is_said_as_it_is() -> None:
    assert text("en", "error", what="{x} {0}") == "conductor: {x} {0}"
