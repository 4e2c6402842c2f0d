"""Tables in a given width. Pure: texts and numbers in, lines out.

Promises: no line is wider than asked for; what gives way are the flexible columns, widest first, and what is
cut shows an ellipsis; characters that take two cells of a screen count as two.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from conductor.cli.visible import one_line

Cell = str | int | None

GAP = "  "
ELLIPSIS = "…"
_NARROW = 6  # below it a text says nothing any more
_WIDE, _CLOSING = "\u2e80-\ua4cf\uf900-\ufaff\uff00-\uffef\u3000-\u303f", "，。、；：！？）"
_PIECE = re.compile(
    rf"\s+|[^\s`{_WIDE}]*`[^`]+`[{_CLOSING},.;:)]*|[{_WIDE}][{_CLOSING}]*|[^\s{_WIDE}]+[{_CLOSING}]*"
)
_COLOUR_OF_STATE = {
    "PENDING": "33",
    "RESERVED": "36",
    "RUNNING": "32",
    "FAILED": "31",
    "TIMEOUT": "31",
    "NODE_FAIL": "31",
    "OUT_OF_MEMORY": "31",
    "CANCELLED": "35",
    "DRAINED": "33",
    "LOST": "31",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How a column gives way. `least` is the width that it keeps; None when it keeps all of its own. A `whole` one is
    cut last of all: half a time or a number says something else.
    """

    least: int | None = None
    right: bool = False
    whole: bool = False


FIXED = Column()
MOMENT = Column(whole=True)
NUMBER = Column(right=True, whole=True)
FLEXIBLE = Column(least=8)


def render(
    headings: Sequence[str],
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    width: int | None,
    colours: bool = False,
) -> list[str]:
    """The heading and every row as a line. `width` None: as wide as it takes."""
    cells = [[_text_of(cell) for cell in row] for row in rows]
    widths = [
        max(cell_len(line[number]) for line in [list(headings), *cells]) for number in range(len(columns))
    ]
    if width is not None:
        widths = fitted(widths, columns, width)
    lines = [_line(headings, columns, widths, colours=False)]
    if colours:
        lines = [f"\x1b[1m{lines[0]}\x1b[0m"]
    return lines + [_line(row, columns, widths, colours=colours) for row in cells]


def fitted(widths: Sequence[int], columns: Sequence[Column], width: int) -> list[int]:
    """The widths, made smaller until the line fits: flexible columns first, then other texts, then all."""
    fitting = list(widths)
    excess = sum(fitting) + len(GAP) * (len(fitting) - 1) - width
    while excess > 0:
        flexible = [
            number
            for number, column in enumerate(columns)
            if column.least is not None and fitting[number] > column.least
        ]
        others = [
            number for number, column in enumerate(columns) if not column.whole and fitting[number] > _NARROW
        ]
        widest = max(flexible or others or range(len(fitting)), key=fitting.__getitem__)
        if fitting[widest] <= 1:
            break
        fitting[widest] -= 1
        excess -= 1
    return fitting


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int], *, colours: bool) -> str:
    parts = []
    for number, (cell, column, width) in enumerate(zip(cells, columns, widths, strict=True)):
        shown = shortened_to(cell, width)
        space = " " * (width - cell_len(shown))
        if colours and cell in _COLOUR_OF_STATE:
            shown = f"\x1b[{_COLOUR_OF_STATE[cell]}m{shown}\x1b[0m"
        last = number == len(widths) - 1
        parts.append(space + shown if column.right else shown if last else shown + space)
    return GAP.join(parts).rstrip()


def shortened_to(text: str, width: int) -> str:
    """The text, with an ellipsis for what does not fit."""
    if cell_len(text) <= width:
        return text
    # A wide character that is cut in two leaves a space, so that the columns still line up.
    return set_cell_size(text, width - 1) + ELLIPSIS


def wrapped(text: str, width: int) -> list[str]:
    """A sentence as lines, broken at blanks, and anywhere between wide characters but before what closes.

    What stands in backquotes is not broken where it fits a line.
    """
    lines = [""]
    for piece in _PIECE.findall(" ".join(text.split())):
        rest = piece
        if cell_len(lines[-1] + rest.rstrip()) > width and lines[-1]:
            lines.append("")
            rest = rest.lstrip()
        while cell_len(rest) > width:  # longer than a line: cut where it must be
            head = set_cell_size(rest, width).rstrip()
            lines[-1:] = [head, ""]
            rest = rest[len(head) :]
        lines[-1] += rest
    return [line.rstrip() for line in lines]


def _text_of(cell: Cell) -> str:
    return "" if cell is None else one_line(str(cell))
