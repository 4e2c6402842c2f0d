"""Words that do not fit a command, told as everything else is: one sentence, and where to look."""

import difflib
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from conductor.cli.exits import USAGE
from conductor.cli.help import help_in_chinese

if TYPE_CHECKING:
    from conductor.cli.screen import Screen

_NO_COMMAND = re.compile(r"No such command '([^']+)'")
_NO_NUMBER = re.compile(r"Invalid value for '([^']+)'.*: .*\b(?:integer|number|float)\b")
# What the library raises for any wrong word; of its own it would print the usage, an empty line and a heading.
WRONG_WORDS: type[Any] = typer.BadParameter.__mro__[2]


class SentenceCommand(TyperCommand):
    def get_help(self, ctx: Any) -> str:
        return help_in_chinese(self, ctx) or super().get_help(ctx)


class SentenceGroup(TyperGroup):
    def get_help(self, ctx: Any) -> str:
        return help_in_chinese(self, ctx) or super().get_help(ctx)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except WRONG_WORDS as error:
            if not standalone_mode:
                raise
            sys.exit(_told(error))
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else 0)


def _told(error: Any) -> int:
    from conductor.cli.screen import Screen

    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return USAGE
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "conductor"
    screen = Screen.open()
    screen.warn("usage", said=_said(error, context, screen), command=command)
    return USAGE


def _said(error: Any, context: Any, screen: "Screen") -> str:
    """By its kind, as far as we know it; else in the library's own words."""
    message = error.format_message().strip().removesuffix(".")
    if type(error).__name__ == "MissingParameter" and error.param is not None:
        named = error.param.metavar or error.param.name
        return screen.text("usage_missing", name=str(named).strip("{}"))
    if type(error).__name__ == "NoSuchOption":
        near = sorted(getattr(error, "possibilities", None) or ())
        nearest = screen.text("usage_nearest", name=near[0]) if near else ""
        return screen.text("usage_option", name=error.option_name, nearest=nearest)
    if (found := _NO_COMMAND.match(message)) and context is not None:
        near = difflib.get_close_matches(found[1], context.command.commands, 1)
        nearest = screen.text("usage_nearest", name=near[0]) if near else ""
        return screen.text("usage_command", name=found[1], nearest=nearest)
    if (found := _NO_NUMBER.match(message)) is not None:
        return screen.text("usage_number", name=found[1])
    return screen.text("usage_other", message=message[:1].lower() + message[1:])
