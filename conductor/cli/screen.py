"""How anything gets onto a screen: sentences, tables, JSON; plain when it is no screen.

Promises: colours and moving lines only on a terminal, or as NO_COLOR, FORCE_COLOR and TERM=dumb say; tables and
sentences within its width (80 columns when there is none), where wide characters line up; nothing that came from a
job or a server moves a cursor. Standard output has what was asked for, standard error everything else.
"""

import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from conductor.cli.streams import can_write
from conductor.cli.tables import Cell, Column, render, shortened_to, wrapped
from conductor.cli.texts import Language, text
from conductor.cli.visible import one_line, visible

WIDTH = 80
NARROWEST = 40
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """This process's standard output and error, and the language of its user."""

    language: Language
    out_is_terminal: bool
    err_is_terminal: bool
    colour_wish: bool | None = None  # None: on a terminal

    @classmethod
    def open(cls) -> "Screen":
        """As the settings say; when they cannot even be read, still able to say so."""
        # Imported here: settings bring pydantic, which `--help` need not wait for.
        from conductor.cli.terminal import colour_wish
        from conductor.settings import SettingsError, language_in_sight, load_settings

        try:
            language = load_settings().lang
        except SettingsError:
            language = language_in_sight()
        if language == "zh" and not (can_write(sys.stdout, "中") and can_write(sys.stderr, "中")):
            language = "en"  # which every encoding has
        return cls(
            language=language,
            out_is_terminal=sys.stdout.isatty(),
            err_is_terminal=sys.stderr.isatty(),
            colour_wish=colour_wish(),
        )

    def text(self, key: str, **values: object) -> str:
        return text(self.language, key, **values)

    def say(self, key: str, **values: object) -> None:
        """A sentence of ours on standard output, within its width."""
        for line in self.lines_of(self.text(key, **values)):
            self.line(line)

    def lines_of(self, sentence: str) -> list[str]:
        """A sentence as it fits standard output."""
        return wrapped_lines(visible(sentence), self.width())

    def line(self, line: str) -> None:
        print(visible(line))

    def line_now(self, line: str) -> None:
        """Also where nobody looks: what follows may be long in coming."""
        print(one_line(line), flush=True)

    def warn(self, key: str, **values: object) -> None:
        """A sentence of ours on standard error: one line for a program, lines that fit for a person."""
        sentence = visible(self.text(key, **values))
        for line in wrapped_lines(sentence, _width_of(sys.stderr)) if self.err_is_terminal else [sentence]:
            self.note(line)

    def warn_all(self, warnings: Sequence[str]) -> None:
        """A server's sentences on standard error."""
        for warning in warnings:
            self.warn("warning", what=warning)

    def note(self, line: str) -> None:
        print(visible(line), file=sys.stderr, flush=True)

    def json(self, value: Any) -> None:
        """The machine's form. Characters that a terminal would obey are escaped, which JSON allows."""
        print(_written(value, indent=2))

    def json_line(self, value: Any) -> None:
        """The same on one line, at once."""
        print(_written(value), flush=True)

    def table(
        self, columns: Sequence[tuple[str, Column]], rows: Sequence[Sequence[Cell]], *, wide: bool = False
    ) -> None:
        """Rows under their headings (keys of texts)."""
        for line in self.table_lines(columns, rows, wide=wide):
            print(line)

    def table_lines(
        self, columns: Sequence[tuple[str, Column]], rows: Sequence[Sequence[Cell]], *, wide: bool = False
    ) -> list[str]:
        headings = [self.text(key) for key, _ in columns]
        return self.lines_of_table(headings, [kind for _, kind in columns], rows, wide=wide)

    def lines_of_table(
        self,
        headings: Sequence[str],
        kinds: Sequence[Column],
        rows: Sequence[Sequence[Cell]],
        *,
        wide: bool = False,
    ) -> list[str]:
        """The same with headings that are texts themselves."""
        return render(headings, kinds, rows, width=None if wide else self.width(), colours=self.colours)

    def pairs(self, pairs: Sequence[tuple[str, str]], *, wrap: bool = False) -> None:
        """Labels (keys of texts) and values, one a line, the values in one column. With `wrap` long values wrap, but
        for a path.
        """
        from rich.cells import cell_len

        labels = [self.text(key) for key, _ in pairs]
        widest = max(map(cell_len, labels), default=0)
        room = max(NARROWEST // 2, self.width() - widest - 4)
        for label, (_, value) in zip(labels, pairs, strict=True):
            shown = one_line(value)
            breaks = wrap and cell_len(shown) > room and (" " in shown or shown[0] != "/")
            first, *others = wrapped(shown, room) if breaks else [shown]
            print(f"  {label}{' ' * (widest - cell_len(label))}  {first}")
            for other in others:
                print(" " * (widest + 4) + other)

    @property
    def colours(self) -> bool:
        return self.out_is_terminal if self.colour_wish is None else self.colour_wish

    def width(self) -> int:
        return _width_of(sys.stdout) if self.out_is_terminal else WIDTH


def _written(value: Any, indent: int | None = None) -> str:
    """As characters where they can be written, and escaped where not."""
    written = json.dumps(value, ensure_ascii=False, indent=indent)
    if not can_write(sys.stdout, written):
        written = json.dumps(value, indent=indent)
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def fit(text: str, width: int) -> str:
    """A line of ours that never wraps: cut, with an ellipsis, where it is too long."""
    return shortened_to(one_line(text), width)


def wrapped_lines(text: str, width: int) -> list[str]:
    """Lines that are too long broken at blanks, those that follow as far to the right; others as they are."""
    from rich.cells import cell_len

    lines: list[str] = []
    for line in text.split("\n"):
        if cell_len(line) <= width:
            lines.append(line)
            continue
        begin = " " * (len(line) - len(line.lstrip(" ")))
        lines += [begin + one for one in wrapped(line, max(1, width - len(begin)))]
    return lines


def _width_of(stream: TextIO) -> int:
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    # Some terminals do not know how wide they are and say 0.
    return max(NARROWEST, columns) if columns else WIDTH
