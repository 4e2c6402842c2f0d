"""How long a server may be away while something is waited for."""

import math
import time

from conductor.client.errors import ClientError
from conductor.client.exchange import is_away

# How often a server that is away is tried again.
AWAY_PAUSE_SECONDS = 0.5
# Unless told otherwise; longer than a restart takes.
PATIENCE_SECONDS = 60.0


class Patience:
    """`seconds`, counted anew whenever the server has answered, and none left at the deadline (monotonic)."""

    def __init__(self, seconds: float, *, deadline: float = math.inf) -> None:
        self._seconds = seconds
        self._deadline = deadline
        self._away_since: float | None = None

    def answered(self) -> None:
        self._away_since = None

    def check(self, error: ClientError) -> None:
        """Raises the error when it is no absence, or has lasted too long."""
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        if not is_away(error) or now - self._away_since >= self._seconds or now >= self._deadline:
            raise error
