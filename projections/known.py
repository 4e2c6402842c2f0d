"""What somebody remembers of the log from outside, held against it while it streams by.

Promises: a log in which any event up to a remembered position was altered, added or taken away differs from the
memory, even when its whole chain was computed anew. Refuses to know who remembered it and whether to believe them.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPosition:
    """The event at `position` had this hash. `origin` says who remembers, in words for a person."""

    position: int
    hash: bytes
    origin: str


class Witness:
    """Show it every event in order, then the end; it yields (subject, sentence) of whatever is not as known.

    `waits_for` is the next remembered position, for a reader that wants to skip the call for all others.
    """

    def __init__(self, known: Sequence[KnownPosition]) -> None:
        self._waiting = deque(sorted(known, key=lambda one: one.position))
        self._confirmed: KnownPosition | None = None

    @property
    def waits_for(self) -> int | None:
        return self._waiting[0].position if self._waiting else None

    def see(self, position: int, stored_hash: bytes) -> Iterator[tuple[str, str]]:
        while self._waiting and self._waiting[0].position <= position:
            known = self._waiting.popleft()
            if known.position < position:
                yield self._differs(known, "there is no event at this position now")
            elif known.hash != stored_hash:
                yield self._differs(known, f"the hash is {stored_hash.hex()} now")
            else:
                self._confirmed = known

    def leave_out(self, until: int) -> list[KnownPosition]:
        """Takes out what is remembered of positions up to there, for whoever looks at those by itself."""
        out = [one for one in self._waiting if one.position <= until]
        self._waiting = deque(one for one in self._waiting if one.position > until)
        return out

    def missing(self, last_position: int) -> Iterator[tuple[str, str]]:
        """There is no event at `waits_for`."""
        if self._waiting[0].position > last_position:
            yield from self.end(last_position)
        else:
            yield from self.see(self._waiting[0].position + 1, b"")

    def end(self, last_position: int) -> Iterator[tuple[str, str]]:
        while self._waiting:
            yield self._differs(self._waiting.popleft(), f"the log ends at position {last_position} now")

    def _differs(self, known: KnownPosition, found: str) -> tuple[str, str]:
        first = self._confirmed.position + 1 if self._confirmed else 1
        sentence = (
            f"{known.origin} remembers the hash {known.hash.hex()}, but {found}: something between positions {first} "
            f"and {known.position} was rewritten"
        )
        return f"position {known.position}", sentence
