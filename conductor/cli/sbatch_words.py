"""Options of sbatch's that are none of ours, on the command line: judged as the `#SBATCH` lines of a script are.

Promises: what such a line accepts is accepted here, what it warns of is warned of, what it refuses is refused; which
of them stand before FILE is found by the one table of sbatch's options. Our own options are read by ourselves.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption

from conductor.cli.help import help_in_chinese
from conductor.core.sbatch import MARK, Directives, directives_of
from conductor.core.sbatch_options import LETTERS, Option, Takes, option_named

PASSED_ON = "--as-sbatch"

AsSbatch = Annotated[list[str] | None, typer.Option(PASSED_ON, metavar="OPTION", hidden=True)]


class SbatchCommand(TyperCommand):
    """Takes the words of sbatch's out of those before FILE, and hands them on by an option of their own."""

    def get_help(self, ctx: Any) -> str:
        return help_in_chinese(self, ctx) or super().get_help(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {flag: not (param.is_flag or param.count) for param in self.params
               if isinstance(param, TyperOption) for flag in param.opts}  # fmt: skip
        own |= dict.fromkeys(ctx.help_option_names, False)
        return super().parse_args(ctx, list(words_sorted_out(args, own)))


def judged(words: Sequence[str]) -> Directives:
    """What these options ask for, as lines of a script would; `line` counts the words from 1."""
    return directives_of("\n".join(f"{MARK} {_quoted(word)}" for word in words))


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def words_sorted_out(args: Sequence[str], own: Mapping[str, bool]) -> Iterator[str]:
    """The same words, with those of sbatch's as `--as-sbatch=--name=value`. `own`: flag -> whether it takes a value."""
    words = iter(args)
    for word in words:
        if word in ("-", "--") or not word.startswith("-"):
            yield word
            break
        yield from _long(word, words, own) if word.startswith("--") else _short(word[1:], words, own)
    yield from words


def _long(word: str, words: Iterator[str], own: Mapping[str, bool]) -> Iterator[str]:
    name, equals, value = word.partition("=")
    option = None if name in own else option_named(name[2:])
    if option is not None and f"--{option.name}" in own:  # the beginning of a name, as sbatch has it
        name, option = f"--{option.name}", None
    if option is None:
        yield name + equals + value
        if own.get(name) and not equals:
            yield from _next(words)
    else:
        yield _passed_on(option, value if equals else None, words)


def _short(letters: str, words: Iterator[str], own: Mapping[str, bool]) -> Iterator[str]:
    while letters:
        letter, letters = letters[0], letters[1:]
        flag = f"-{letter}"
        option = None if flag in own else LETTERS.get(letter)
        if option is not None:
            rest = None if option.takes is Takes.NOTHING else letters or None
            yield _passed_on(option, rest, words)
            letters = "" if rest else letters
        elif own.get(flag) is False:
            yield flag
        else:
            yield flag + letters
            if own.get(flag) and not letters:
                yield from _next(words)
            return


def _passed_on(option: Option, value: str | None, words: Iterator[str]) -> str:
    if value is None and option.takes is Takes.VALUE:
        value = next(words, None)
    given = f"--{option.name}" if value is None else f"--{option.name}={value}"
    return f"{PASSED_ON}={given}"


def _next(words: Iterator[str]) -> Collection[str]:
    word = next(words, None)
    return () if word is None else (word,)
