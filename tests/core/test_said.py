"""Refusals have both languages, filled in with the same, and are English text to whoever knows nothing of that."""

import ast
import os
import re
import string
from pathlib import Path

import pytest

import conductor.core
from conductor.core.errors import ConductorError
from conductor.core.refusal_texts import REFUSALS
from conductor.core.said import Said, in_language, sentence_of, system_words
from conductor.core.trouble_texts import SYSTEM_WORDS, TROUBLES

JOINED = {"settings_wrong", "setting_wrong"}  # what others say, side by side


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("code", [*REFUSALS, *TROUBLES])
def test_every_sentence_has_both_languages_with_the_same_values(code: str) -> None:
    english, chinese = {**REFUSALS, **TROUBLES}[code]
    assert placeholders(chinese) <= placeholders(english)
    assert re.search(r"[\u4e00-\u9fff]", chinese) or code in JOINED
    assert not re.search(r"[\u4e00-\u9fff]", english)


def test_every_refusal_is_said_somewhere() -> None:
    room = Path(conductor.core.__path__[0])
    names = "completing.py", "deciding.py", "refusing.py"
    files = [*room.glob("*.py"), *(room.parent / name for name in names)]
    strings = {
        node.value
        for path in files
        if path.name != "refusal_texts.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(REFUSALS) - strings == set()


def test_every_trouble_is_said_somewhere() -> None:
    root = Path(conductor.core.__path__[0]).parent.parent
    files = [path for folder in ("api", "conductor", "projections") for path in (root / folder).rglob("*.py")]
    said = " ".join(path.read_text() for path in files if path.name != "trouble_texts.py")
    assert [code for code in TROUBLES if f'Said("{code}"' not in said] == []


@pytest.mark.parametrize("number", SYSTEM_WORDS)
def test_the_systems_words_are_the_systems(number: int) -> None:
    said = system_words(OSError(number, os.strerror(number)))
    assert said == os.strerror(number)
    assert in_language(said, "zh") == SYSTEM_WORDS[number][1]


def test_an_error_that_we_have_no_words_for_keeps_its_own() -> None:
    assert system_words(OSError(11, "Try again")) == "Try again"
    assert system_words(OSError("odd")) == "odd"


def test_an_error_says_its_sentence_in_the_readers_language() -> None:
    error = ConductorError(Said("spool_unusable", spool="/spool", why=system_words(OSError(28, "full"))))
    assert str(error).startswith("the spool /spool cannot be used: No space left on device; ")
    assert sentence_of(error, "en") == str(error)
    assert sentence_of(error, "zh").startswith("无法使用作业目录 /spool：设备空间不足；")
    assert sentence_of(ConductorError("plain", 7), "zh") == "('plain', 7)"


def test_it_is_the_english_text_and_knows_the_chinese_one_through_and_through() -> None:
    clauses = [Said("fewer_cpus", cpus=8, has=4), "plain"]
    said = Said("together", wish="8 CPUs", node="n1", clauses=clauses)
    assert said.endswith("cannot run: it asked for 8 CPUs, the node has 4; plain.")
    assert said.sentence("zh").endswith("作业要求 8 个 CPU，该节点有 4 个；plain。")
    assert in_language("plain", "zh") == "plain"


def test_values_with_braces_are_said_as_they_are() -> None:
    assert "{x}" in Said("no_subject", subject="{x}")
