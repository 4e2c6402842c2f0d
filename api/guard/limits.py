"""How much one identity, or one address, may ask of this process: buckets that fill again with time.

Promises: a look costs less than a microsecond and no more memory than a few megabytes, whoever asks. Each process of
the API counts for itself. Refuses to know what is asked.
"""

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address
from time import monotonic

_MOST_KEYS = 20_000


class Buckets:
    """For each key so many at once, and `per_second` more with time. 0 a second: no limit."""

    def __init__(self, *, per_second: float, at_once: float, clock: Callable[[], float] = monotonic) -> None:
        self._per_second = per_second
        self._at_once = max(1.0, at_once)
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """0.0 when there was one to take; else the seconds until there is."""
        return self._look(key, 1.0)

    def wait_seconds(self, key: str) -> float:
        """The same without taking one."""
        return self._look(key, 0.0)

    def __len__(self) -> int:
        return len(self._levels)

    def _look(self, key: str, taken: float) -> float:
        if not self._per_second:
            return 0.0
        now = self._clock()
        level, at = self._levels.get(key, (self._at_once, now))
        level = min(self._at_once, level + (now - at) * self._per_second)
        if level < 1.0:
            return (1.0 - level) / self._per_second
        if taken:
            self._levels[key] = (level - taken, now)
            self._levels.move_to_end(key)
            if len(self._levels) > _MOST_KEYS:
                self._levels.popitem(last=False)
        return 0.0


def network_of(address: str) -> str:
    """What one client can choose addresses from: an IPv6 host has a whole /64."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return address if found.version == 4 else found.exploded[:19]
