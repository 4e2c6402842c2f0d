"""Refusals have both languages, filled in with the same, and are English text to whoever knows nothing of that."""

import ast
import re
import string
from pathlib import Path

import pytest

import conductor.core
from conductor.core.refusal_texts import REFUSALS
from conductor.core.said import Said, in_language


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("code", REFUSALS)
def test_every_refusal_has_both_languages_with_the_same_values(code: str) -> None:
    english, chinese = REFUSALS[code]
    assert placeholders(chinese) <= placeholders(english)
    assert re.search(r"[\u4e00-\u9fff]", chinese)
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


def test_it_is_the_english_text_and_knows_the_chinese_one_through_and_through() -> None:
    clauses = [Said("fewer_cpus", cpus=8, has=4), "plain"]
    said = Said("together", wish="8 CPUs", node="n1", clauses=clauses)
    assert said.endswith("cannot run: it asked for 8 CPUs, the node has 4; plain.")
    assert said.sentence("zh").endswith("作业要求 8 个 CPU，该节点有 4 个；plain。")
    assert in_language("plain", "zh") == "plain"


def test_values_with_braces_are_said_as_they_are() -> None:
    assert "{x}" in Said("no_subject", subject="{x}")
