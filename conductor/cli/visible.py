"""Control characters, made visible.

Promises: text that passed through here moves no cursor, changes no colour, title or clipboard of a terminal,
and cannot reverse the direction of what follows; line feeds and tabs stay. Refuses to know about terminals.
"""

import codecs
import re

# C0 but tab and line feed, DEL, C1, line separators, and what turns the direction of writing.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text with its control characters as `^[` and the like."""
    return _UNSAFE.sub(lambda found: _shown(found[0]), text)


def one_line(text: str) -> str:
    """The same for a cell of a table: no line feed or tab either."""
    return visible(text).replace("\n", "^J").replace("\t", "^I")


def _shown(character: str) -> str:
    code = ord(character)
    if code < 0x20 or code == 0x7F:
        return "^" + chr(code ^ 0x40)
    return f"<U+{code:04X}>"


class VisibleStream:
    """Bytes in pieces, cut anywhere, as visible text. What is not UTF-8 shows as a replacement character."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def feed(self, data: bytes) -> str:
        text = self._held + self._decoder.decode(data)
        # The line feed of a CR LF may be in the next piece.
        self._held = "\r" if text.endswith("\r") else ""
        return _with_line_ends(text.removesuffix("\r") if self._held else text)

    def finish(self) -> str:
        text = self._held + self._decoder.decode(b"", final=True)
        self._held = ""
        return _with_line_ends(text)


def _with_line_ends(text: str) -> str:
    # A carriage return alone is how progress bars draw over themselves: each drawing gets a line.
    return visible(text.replace("\r\n", "\n").replace("\r", "\r\n"))
