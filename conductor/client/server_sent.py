"""Server-sent events out of pieces of a body, wherever the pieces are cut.

Refuses to know: where the pieces come from.
"""

import json
from collections.abc import Iterator

from conductor.client.errors import UnexpectedAnswer
from conductor.client.models import Event, read


class EventReader:
    """Each event of the stream has the log's own as JSON in its `data`; comments and other fields are passed over."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []

    def events(self, piece: bytes) -> Iterator[Event]:
        """Those that this piece completes. Raises `UnexpectedAnswer`."""
        *whole, rest = piece.split(b"\n")
        for end in whole:
            line = bytes(self._line + end).removesuffix(b"\r")
            self._line.clear()
            if line.startswith(b"data:"):
                self._data.append(line.removeprefix(b"data:").removeprefix(b" "))
            elif not line and self._data:
                yield _event(b"\n".join(self._data))
                self._data.clear()
        self._line += rest


def _event(data: bytes) -> Event:
    try:
        return read(Event, json.loads(data))
    except ValueError:
        raise UnexpectedAnswer("the stream of events sent something that is no JSON") from None
