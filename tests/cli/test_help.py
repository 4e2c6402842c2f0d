"""Help is short, fits a screen of 80 columns, and shows what can be typed."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from conductor.cli import exits
from conductor.cli.app import app
from tests.cli.test_run import ROOT

WIDEST, LONGEST = 80, 50  # columns, lines


def commands(group: Any, *before: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *before, name)
        else:
            yield (*before, name), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def help_of(*words: str) -> str:
    said = CliRunner().invoke(app, [*words, "--help"], prog_name="conductor")
    assert said.exit_code == 0
    return said.stdout


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_it_fits_a_screen(words: tuple[str, ...]) -> None:
    lines = help_of(*words).splitlines()
    assert max(map(len, lines)) <= WIDEST
    assert len(lines) <= LONGEST


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_its_example_can_be_typed(words: tuple[str, ...]) -> None:
    shown = " ".join(help_of(*words).partition("Example: ")[2].partition("\n\n")[0].split())
    found = re.search(r"conductor ([^()]*)", shown)
    assert found, "no example"
    typed = shlex.split(found[1])
    assert tuple(typed[: len(words)]) == words
    COMMANDS[words].make_context("conductor", typed[len(words) :])  # reads the words, and does nothing


def test_every_exit_code_is_in_the_help_and_in_the_document() -> None:
    codes = {exits.FAILED, exits.USAGE, exits.UNREACHABLE, exits.OWN_FAILURE, exits.INTERRUPTED}
    codes |= set(exits._CODE_OF_STATE.values())
    table = (ROOT / "docs" / "command-line.md").read_text()
    for code in codes:
        assert re.search(rf"\b{code}\b", exits.EXIT_CODES)
        assert f"| {code} |" in table
    assert f"| {exits.BROKEN_PIPE} |" in table
