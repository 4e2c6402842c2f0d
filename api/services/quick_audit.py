"""What the quick audit found, kept for the metrics: looked for beside the scrapes, at most once in five minutes.

Promises: nobody waits for it; when it fails, what was found before stays.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping

import structlog

from conductor.database import Pool
from conductor.running import end_tasks
from conductor.settings import Settings
from projections.audit import Margins, judge, together
from projections.audit_reading import look

logger = structlog.get_logger("api")

_EVERY_SECONDS = 300.0
_PATIENCE_SECONDS = 60.0


class QuickAudit:
    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._margins = Margins(
            lease_seconds=settings.lease_seconds, kill_grace_seconds=settings.kill_grace_seconds
        )
        self._task: asyncio.Task[None] | None = None
        self._found: Mapping[str, int] = {}
        self._began_at = self._looked_at = float("-inf")  # monotonic

    @property
    def age_seconds(self) -> float | None:
        """None before the first."""
        age = time.monotonic() - self._looked_at
        return age if age < float("inf") else None

    def findings(self) -> Mapping[str, int]:
        """How many of each code, without those that somebody acknowledged; and look anew if that is long ago."""
        due = time.monotonic() - self._began_at > _EVERY_SECONDS
        if due and (self._task is None or self._task.done()):
            self._began_at = time.monotonic()
            self._task = asyncio.create_task(self._look(), name="quick audit")
        return self._found

    async def looked(self) -> None:
        """Once the look that is under way has ended."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        if self._task is not None:
            await end_tasks([self._task])

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                seen = await look(self._pool)
            acknowledged = {(row["code"], row["subject"]) for row in seen.acknowledgements}
            found = together(judge(seen, self._margins), [], acknowledged)
            self._found = Counter(one.code for one in found if (one.code, one.subject) not in acknowledged)
            self._looked_at = time.monotonic()
        except Exception as error:
            logger.warning("audit.not_looked", error=repr(error))
