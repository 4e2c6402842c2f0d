"""How many jobs of one user may wait: a count that is remembered, so that most submissions ask the database nothing.

Promises: within one process of the API no user but an administrator gets beyond the limit; others' submissions are
noticed within a minute, or as soon as the limit seems to be reached.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

from api.answers.problems import Problem
from api.answers.reading import fetch_one
from api.identity import Identity
from conductor.core.commands import Command, Submit
from conductor.core.roles import Role
from conductor.database import Pool

_BELIEVED_SECONDS = 60.0
_MOST_USERS = 10_000
_AGAIN_SECONDS = 5  # after which some may have started


@dataclass(slots=True, kw_only=True)
class _Count:
    """Jobs that waited when they were counted, and those that have come since."""

    jobs: int
    counted_at: float


class QueueLimit:
    """`most` 0: no limit."""

    def __init__(self, pool: Pool, most: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._pool = pool
        self._most = most
        self._clock = clock
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    async def admit(self, identity: Identity, commands: Iterable[Command]) -> None:
        """Raises a 429 problem when one user would have too many jobs waiting."""
        if not self._most or identity.role is Role.ADMIN:
            return
        wanted = Counter(one.user_name for one in commands if isinstance(one, Submit))
        for user_name, more in wanted.items():
            if not await self._fits(user_name, more):
                raise Problem(
                    429,
                    "queue_full",
                    headers={"Retry-After": str(_AGAIN_SECONDS)},
                    user=user_name,
                    most=self._most,
                    more=more,
                )
        for user_name, more in wanted.items():
            self._counts[user_name].jobs += more

    async def _fits(self, user_name: str, more: int) -> bool:
        known, now = self._counts.get(user_name), self._clock()
        fresh = known is not None and now - known.counted_at < _BELIEVED_SECONDS
        if known is not None and fresh and known.jobs + more <= self._most:
            return True
        row = await fetch_one(self._pool, "waiting_jobs_of", {"user_name": user_name, "most": self._most})
        counted = _Count(jobs=row["jobs"] if row else 0, counted_at=now)
        self._counts[user_name] = counted
        self._counts.move_to_end(user_name)
        if len(self._counts) > _MOST_USERS:
            self._counts.popitem(last=False)
        return counted.jobs + more <= self._most
