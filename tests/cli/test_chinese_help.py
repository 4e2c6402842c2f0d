"""The help in Chinese: there for every command and every option, with the examples of the English, in 80 columns."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from rich.cells import cell_len
from typer.testing import CliRunner

from conductor.cli.app import app
from conductor.cli.help import example_in
from conductor.cli.help_options import OPTIONS
from conductor.cli.help_pages import PAGES

# Words of the library's own, beside the options that it adds.
OF_THE_LIBRARY = {"Show this message and exit."}


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    yield " ".join(words), command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*words, name))


COMMANDS = dict(commands(typer.main.get_command(app)))


def helped(words: str, lang: str) -> str:
    environment = {"CONDUCTOR_LANG": lang, "COLUMNS": "80"}
    said = CliRunner().invoke(app, [*words.split(), "--help"], prog_name="conductor", env=environment)
    assert said.exit_code == 0, said.output
    return said.stdout


def test_there_is_a_page_for_every_command_and_a_sentence_for_every_option() -> None:
    assert PAGES.keys() == COMMANDS.keys()
    said = {param.help for one in COMMANDS.values() for param in one.params if getattr(param, "help", None)}
    assert said | OF_THE_LIBRARY == OPTIONS.keys()


@pytest.mark.parametrize("words", COMMANDS)
def test_each_page_is_chinese_within_80_columns_and_has_the_example(words: str) -> None:
    english, chinese = helped(words, "en"), helped(words, "zh")
    assert max(map(cell_len, chinese.splitlines())) <= 80
    assert english.startswith(f"Usage: conductor {words}".rstrip())
    assert chinese.startswith(f"用法：conductor {words}".rstrip())
    example = example_in(COMMANDS[words].help)
    assert ("示例：" in chinese) == (example is not None)
    shown = re.sub(r"\s+", "", chinese)
    assert re.sub(r"\s+", "", example or "") in shown
    if words:
        assert not re.search(r"\b[a-z]+ [a-z]+ [a-z]+ [a-z]+\b", chinese.replace(example or "", "")), chinese


def test_the_options_stand_in_one_column_however_wide_the_words_are() -> None:
    rows = [line for line in helped("submit", "zh").splitlines() if line.startswith("  -")]
    columns = {len(found[0]) for row in rows if (found := re.match(r"  -.*?  +", row))}
    assert len(rows) > 20
    assert len(columns) == 1


def test_a_command_without_its_words_shows_help_in_the_readers_language() -> None:
    said = CliRunner().invoke(app, ["replay"], prog_name="conductor", env={"CONDUCTOR_LANG": "zh"})
    assert said.exit_code == 2
    assert "用法：conductor replay" in said.output
