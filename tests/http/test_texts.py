"""The catalogue is whole: every code has its sentence, in both languages, with the same gaps."""

import re
from pathlib import Path
from string import Formatter

import api
from api.answers.field_texts import FIELDS
from api.answers.texts import DETAILS, PHRASES, TITLES, language_of
from api.requests.validation import _CODES
from conductor.core.errors import RejectionCode

SOURCE = "".join(path.read_text("utf-8") for path in sorted(Path(api.__file__).parent.rglob("*.py")))


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_fill_the_same_gaps() -> None:
    for texts in (TITLES, DETAILS, FIELDS, PHRASES):
        for code, (english, chinese) in texts.items():
            if code == "refused":  # a rejection's own words are English; in Chinese their title comes first
                continue
            assert re.search(r"[\u4e00-\u9fff]", chinese), code
            assert gaps(english) == gaps(chinese), code


def test_every_rejection_has_a_title() -> None:
    assert {str(code) for code in RejectionCode} <= TITLES.keys()


def test_every_code_in_use_has_its_texts() -> None:
    fields = set(re.findall(r'FieldError\([^)]*?code="(\w+)"', SOURCE)) | set(
        re.findall(r'complaint\("(\w+)"', SOURCE)
    )
    fields |= {code for code, _ in _CODES.values()}
    assert len(fields) > 25
    assert fields <= FIELDS.keys()
    problems = set(re.findall(r'Problem\(\s*\d+,\s*"(\w+)"', SOURCE))
    assert len(problems) > 8
    assert problems <= TITLES.keys()
    details = set(re.findall(r'detail="(\w+)"', SOURCE)) - {"refused"}
    assert details <= DETAILS.keys()


def test_no_text_is_left_over() -> None:
    for texts in (DETAILS, FIELDS, PHRASES):
        for code in texts:
            assert SOURCE.count(f'"{code}"') >= 2, code


def test_the_best_language_of_the_header_is_taken() -> None:
    assert language_of(None, "zh") == "zh"
    assert language_of("fr, *;q=0.1", "en") == "en"
    assert language_of("zh-Hans-CN", "en") == "zh"
    assert language_of("en;q=0.5, zh;q=0.9", "en") == "zh"
    assert language_of("zh;q=0.3,en-GB;q=0.8", "zh") == "en"
    assert language_of("zh;q=nonsense", "en") == "en"
    assert language_of("zh-CN,zh;q=0.9,en;q=0.8", "en") == "zh"
    assert language_of("en-US,en;q=0.9,zh-Hant;q=0.1", "zh") == "en"
    assert language_of("zh-Hant", "en") == "zh"
    assert language_of("zh-CN, en-US", "en") == "zh"
    assert language_of("ZH_CN, zhuang, english", "en") == "en"
    assert language_of("en;q=0, zh-TW;q=0.1", "en") == "zh"


def test_a_language_that_the_header_refuses_is_not_taken() -> None:
    assert language_of("en;q=0", "en") == "zh"
    assert language_of("zh;q=0, *", "zh") == "en"
    assert language_of("en;q=0, zh;q=0", "zh") == "zh"
    assert language_of("fr, de;q=0.5", "zh") == "zh"
