"""Whatever is said to people is said in English and Chinese, and in a catalogue: every one in the source, found by its
shape wherever it stands, is whole.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from string import Formatter
from typing import NamedTuple

from tests.source import place, sources, tree

HAN = re.compile(r"[\u4e00-\u9fff]")
CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")  # its punctuation too
WORD = re.compile(r"[A-Za-z]{2,}")
# The same in every language: names, units, what programs print.
WORDLESS = {"CPUS", "CPUs", "Submitted", "batch", "job"}
# Chinese that stands without its English beside it, and why.
ALONE = {
    "api/requests/original_bodies.py": "what the original system answered",
    "conductor/cli/exits.py": "a pattern that is taken off a message of another library's",
    "conductor/cli/help_pages.py": "the English is the commands' own; tests/cli/test_chinese_help.py compares them",
    "conductor/setting_meanings.py": "the English is the settings' own; scripts/list_settings.py joins them",
    "conductor/up/texts.py": "two objects of one class, compared by the type checker",
    "projections/past_schema.py": "a comment in SQL, both in one text",
}
# Calls that say something to a person, whose words therefore come from a catalogue: the name -> which argument.
SAYS = {"say": 0, "warn": 0, "echo": 0, "print": 0, "refuse": 1, "Problem": 2, "complaint": 0}
DOORS = ("api/", "conductor/cli/", "conductor/doctor/")


class Pair(NamedTuple):
    place: str
    english: str
    chinese: str


def words_of(node: ast.AST) -> str | None:
    """The text of a literal; what an f-string fills in is left out."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(words_of(part) or "" for part in parts)
        case _:
            return None


def is_sentence(node: ast.AST) -> bool:
    """Two words with a blank between them, filled in or not."""
    return re.search(r"[A-Za-z]{2,} +[A-Za-z]{2,}", words_of(node) or "") is not None


def pairs_in(source: ast.Module, name: str) -> Iterator[Pair]:
    """English and Chinese side by side: neighbours in a tuple or a call, `english=` and `chinese=`, a sentence and what
    a mapping makes of it.
    """
    for node in ast.walk(source):
        match node:
            case ast.Tuple(elts=parts):
                texts = [words_of(part) for part in parts]
            case ast.Call(args=arguments, keywords=keywords):
                named = {word.arg: words_of(word.value) for word in keywords}
                texts = [*map(words_of, arguments), None, named.get("english"), named.get("chinese")]
            case ast.Dict(keys=keys, values=values):
                texts = []
                for key, value in zip(keys, values, strict=True):
                    texts += [words_of(key), words_of(value), None] if key and is_sentence(key) else []
            case _:
                continue
        for english, chinese in pairwise(texts):
            if english is not None and chinese is not None and HAN.search(chinese):
                yield Pair(f"{name}:{node.lineno}", english, chinese)


def catalogues_in(source: ast.Module) -> Iterator[ast.Dict]:
    """Literal mappings of codes to texts, known by a value that has both languages."""
    for node in ast.walk(source):
        if isinstance(node, ast.Dict) and any(
            HAN.search(text) for one in node.values for text in texts_in(one)
        ):
            yield node


def texts_in(node: ast.AST) -> list[str]:
    """The words of a tuple, or of a call's arguments. Nothing of what else may stand as a value."""
    match node:
        case ast.Tuple(elts=parts):
            found = [words_of(part) for part in parts]
        case ast.Call(args=arguments, keywords=keywords):
            found = [words_of(part) for part in (*arguments, *(word.value for word in keywords))]
        case _:
            found = []
    return [text for text in found if text is not None]


@cache
def every_source() -> Mapping[str, ast.Module]:
    return {place(path): tree(path) for path in sources("api", "conductor", "projections")}


@cache
def every_pair() -> list[Pair]:
    return [pair for name, source in every_source().items() for pair in pairs_in(source, name)]


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_the_catalogues_of_every_door_are_found() -> None:
    files = {pair.place.partition(":")[0] for pair in every_pair()}
    assert len(every_pair()) > 700
    assert files >= {
        "api/answers/texts.py", "api/answers/field_texts.py", "conductor/cli/texts.py", "conductor/cli/why_texts.py",
        "conductor/core/why_catalogue.py", "conductor/core/sbatch_texts.py", "conductor/evidence_texts.py",
        "projections/audit_catalogue.py",
    }  # fmt: skip


def test_both_sentences_fill_the_same_gaps() -> None:
    wrong = []
    for where, english, chinese in every_pair():
        if HAN.search(english):
            wrong.append(f"{where}: twice Chinese: {english!r}, {chinese!r}")
        elif not english.strip() or gaps(english) != gaps(chinese):
            wrong.append(f"{where}: {english!r} and {chinese!r} have other gaps")
    assert not wrong, "\n".join(wrong)


def test_no_entry_of_a_catalogue_lacks_its_chinese() -> None:
    wrong = []
    for name, source in every_source().items():
        for value in (value for catalogue in catalogues_in(source) for value in catalogue.values):
            english, *others = texts_in(value) or [""]
            said = set(WORD.findall(re.sub(r"\{[^}]*\}|`[^`]*`", "", english))) - WORDLESS
            if said and len(others) == 1 and not CHINESE.search(others[0]):
                wrong.append(f"{name}:{value.lineno}: {english!r}, {others[0]!r}")
    assert not wrong, "\n".join(wrong)


def test_chinese_stands_beside_its_english_and_nowhere_else() -> None:
    wrong = []
    for name, source in every_source().items():
        paired = "\0".join(pair.chinese for pair in pairs_in(source, name))
        for node in ast.walk(source):
            text = words_of(node) or ""
            if len(HAN.findall(text)) > 1 and text not in paired and name not in ALONE:
                wrong.append(f"{name}:{getattr(node, 'lineno', 0)}: {text!r}")
    assert not wrong, "\n".join(wrong)


def test_no_door_says_a_sentence_that_is_in_no_catalogue() -> None:
    wrong = []
    for name, source in every_source().items():
        calls = [node for node in ast.walk(source) if isinstance(node, ast.Call) and name.startswith(DOORS)]
        for call in calls:
            at = SAYS.get(getattr(call.func, "attr", getattr(call.func, "id", "")))
            if at is not None and any(map(is_sentence, call.args[at : at + 1])):
                wrong.append(f"{name}:{call.lineno}: {ast.unparse(call)}")
    assert not wrong, "\n".join(wrong)
