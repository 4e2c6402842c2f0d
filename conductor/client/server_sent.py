"""Server-sent events out of pieces of a body, wherever the pieces are cut.

Refuses to know: where the pieces come from.
"""

import json
from collections.abc import Iterator
from typing import Any

from conductor.client.errors import Refused, UnexpectedAnswer
from conductor.client.exchange import problem_in
from conductor.client.log_calls import Known, known
from conductor.client.models import Event, read


class EventReader:
    """Each has an event of the log as JSON in its `data`. `position`: up to where the log has been looked through;
    `last`: of the last event that came.
    """

    def __init__(self, position: int, last: Known | None = None) -> None:
        self.position = position
        self.last = last
        self._line = bytearray()
        self._fields: dict[bytes, bytes] = {}

    def events(self, piece: bytes) -> Iterator[Event]:
        """Those that this piece completes. Raises `Refused` for a problem, `UnexpectedAnswer`."""
        *whole, rest = piece.split(b"\n")
        for end in whole:
            line = bytes(self._line + end).removesuffix(b"\r")
            self._line.clear()
            if line:
                name, _, value = line.partition(b":")
                value = value.removeprefix(b" ")
                before = self._fields.get(name) if name == b"data" else None
                self._fields[name] = value if before is None else before + b"\n" + value
            else:
                given, self._fields = self._fields, {}
                event = _event(given)
                if event is not None:
                    self.position = event.position
                    self.last = known(event)
                    yield event
                elif given.get(b"id", b"").isdigit():
                    self.position = int(given[b"id"])
        self._line += rest


def _event(fields: dict[bytes, bytes]) -> Event | None:
    """None without data: a sign of life, or a place to come back to."""
    if b"data" not in fields:
        return None
    try:
        document: dict[str, Any] = json.loads(fields[b"data"])
    except ValueError:
        raise UnexpectedAnswer("the stream of events sent something that is no JSON") from None
    if fields.get(b"event") == b"problem":
        raise Refused(problem_in(document, status=int(document.get("status", 0))))
    return read(Event, document)
