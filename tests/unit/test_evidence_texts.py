"""What is said of evidence is there in both languages, and every key of it is said somewhere."""

import ast
import string
from pathlib import Path

import pytest

import conductor
from conductor.evidence_texts import EVIDENCE_TEXTS, EvidenceError

ROOT = Path(conductor.__file__).parent.parent
SPEAKERS = [
    ROOT / "conductor" / "checkpoint.py",
    ROOT / "conductor" / "checkpoint_key.py",
    *(ROOT / "projections").glob("*.py"),
]


def gaps(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("key", EVIDENCE_TEXTS)
def test_every_sentence_has_both_languages_with_the_same_gaps(key: str) -> None:
    english, chinese = EVIDENCE_TEXTS[key]
    assert english != chinese
    assert gaps(english) == gaps(chinese)


def test_every_key_is_said_and_everything_said_has_a_key() -> None:
    strings = {
        node.value
        for file in SPEAKERS
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert EVIDENCE_TEXTS.keys() - strings == set()


def test_an_error_speaks_english_by_itself_and_chinese_when_asked() -> None:
    error = EvidenceError("file_unreadable", path="a", why="b")
    assert (str(error), error.sentence("zh")) == ("a cannot be read: b.", "无法读取 a：b。")
