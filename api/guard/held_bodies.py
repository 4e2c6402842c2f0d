"""How many bytes of bodies this process holds, so that many large requests at once cannot fill its memory."""

MOST_BYTES = 256 * 1024 * 1024


class HeldBodies:
    """Of all requests that are being answered."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0


class Held:
    """One request's share, given back when it is answered."""

    __slots__ = ("_all", "_bytes")

    def __init__(self, of_all: HeldBodies) -> None:
        self._all = of_all
        self._bytes = 0

    def take(self, count: int) -> bool:
        """Whether there was room for so many more."""
        if self._all.bytes + count > self._all.most_bytes:
            return False
        self._all.bytes += count
        self._bytes += count
        return True

    def give_back(self) -> None:
        self._all.bytes -= self._bytes
        self._bytes = 0
