"""Events out of lines of JSON, wherever the pieces of a body are cut.

Refuses to know: where the pieces come from.
"""

import json
from collections.abc import Iterator

from conductor.client.errors import UnexpectedAnswer
from conductor.client.models import Event, read


class LineReader:
    """One event a line."""

    def __init__(self) -> None:
        self._line = bytearray()

    def events(self, piece: bytes) -> Iterator[Event]:
        """Those that this piece completes. Raises `UnexpectedAnswer`."""
        *whole, rest = piece.split(b"\n")
        for end in whole:
            line = bytes(self._line + end)
            self._line.clear()
            if line:
                yield _event(line)
        self._line += rest


def _event(line: bytes) -> Event:
    try:
        return read(Event, json.loads(line))
    except ValueError:
        raise UnexpectedAnswer("the log came with a line that is no JSON; is the URL right?") from None
