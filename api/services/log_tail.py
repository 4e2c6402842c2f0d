"""The newest events of the log, read once for all who follow it.

Promises: however many follow, the log is read once a ring of the bell or a poll interval, and not at all when nobody
follows; the memory is bounded, and whoever is too slow for it reads the log by pages instead; a log that is no longer
the one that was followed is noticed. Refuses to know what followers want of it.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from api.answers.problems import RETRY_AFTER_SECONDS, Problem
from api.answers.reading import Row, fetch, fetch_one
from api.identity import Identity
from api.services.watch import Bell
from conductor.core.roles import Role
from conductor.database import DatabaseUnavailable, Pool, jittered

FOLLOWERS_AT_MOST = 256
FOLLOWERS_OF_ONE = 64  # of one token that is no administrator's, so that none keeps out the others
PIECE_EVENTS = 200  # the most that a follower holds at once
_KEPT_EVENTS = 4000
_KEPT_BYTES = 8 * 1024 * 1024
_READ_EVENTS = 1000
_EVERYTHING = {"until": None, "stream": None, "types": None, "node_name": None, "with_node": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event, ready to be sent. `node_name`: whose stream it is of, or on whose CPUs the job was."""

    position: int
    stream: str
    type: str
    node_name: str | None
    text: bytes


def told(row: Row) -> Told:
    """A row of the query `events` as one server-sent event."""
    node_name = row.pop("node_name")
    head = f"id: {row['position']}\nevent: {row['type']}\ndata: ".encode()
    return Told(
        position=row["position"],
        stream=row["stream"],
        type=row["type"],
        node_name=node_name,
        text=head + orjson.dumps(row) + b"\n\n",
    )


class LogTail:
    """Made when the app starts; `run` is one of its tasks."""

    def __init__(self, pool: Pool, bell: Bell, *, poll_seconds: float) -> None:
        self._pool = pool
        self._bell = bell
        self._poll_seconds = poll_seconds
        self._recent: list[Told] = []
        self._bytes = 0
        self._before: int | None = (
            None  # the position before the first that is kept; None: nothing was read yet
        )
        self._hash: str | None = None  # of the last event that was read
        self._wanted = asyncio.Event()
        self._grown = Bell()
        self._followers: Counter[str] = Counter()  # by whose token
        self.forks = 0
        self.closed = False

    @property
    def position(self) -> int:
        """Up to where it has read."""
        return (self._before or 0) + len(self._recent)

    @property
    def followers(self) -> int:
        return self._followers.total()

    def join(self, identity: Identity) -> None:
        """Be one of the followers, until `leave`. Raises a 429 problem when there are too many."""
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        if self.followers >= FOLLOWERS_AT_MOST:
            raise Problem(429, "too_many_followers", headers=retry, most=FOLLOWERS_AT_MOST)
        if identity.role is not Role.ADMIN and self._followers[identity.name] >= FOLLOWERS_OF_ONE:
            most, code = FOLLOWERS_OF_ONE, "too_many_followers"
            raise Problem(429, code, detail="too_many_of_one", headers=retry, most=most, name=identity.name)
        self._followers[identity.name] += 1
        self._wanted.set()

    def leave(self, identity: Identity) -> None:
        self._followers[identity.name] -= 1
        if not self._followers[identity.name]:
            del self._followers[identity.name]

    def after(self, position: int) -> list[Told] | None:
        """The next few events that are kept; None when the log itself has to be asked."""
        if self._before is None or position < self._before:
            return None
        first = position - self._before
        return self._recent[first : first + PIECE_EVENTS]

    async def grown_past(self, position: int, timeout_seconds: float) -> None:
        """Until there is more than that, or somebody should look for another reason, or the time has passed."""
        rung = self._grown.rung
        if self.position <= position and not self.closed:
            await self._grown.wait_past(rung, timeout_seconds)

    def close(self) -> None:
        """The server ends: followers are to go, and come again."""
        self.closed = True
        self._grown.ring()

    async def run(self) -> None:
        """Read on for as long as somebody follows, for ever; run it as a task and cancel it."""
        while True:
            if not self.followers:
                self._forget()
                self._wanted.clear()
                await self._wanted.wait()
            rung = self._bell.rung
            try:
                more = await self._read()
            except DatabaseUnavailable:
                await asyncio.sleep(jittered(0.2))
                continue
            if not more:
                await self._bell.wait_past(rung, jittered(self._poll_seconds))

    async def _read(self) -> bool:
        """Whether there may be more at once."""
        if self._before is None:
            head = await fetch_one(self._pool, "head")
            self._before, self._hash = (head["position"], head["hash"].hex()) if head else (0, None)
            self._grown.ring()
            return True
        # With the last one that is known, to see that it is the same still.
        known = self._hash is not None
        values = {**_EVERYTHING, "after": self.position - known, "limit": _READ_EVENTS + known}
        rows = await fetch(self._pool, "events", values)
        if known and (not rows or rows[0]["hash"] != self._hash):
            self.forks += 1
            self._forget()
            self._grown.ring()
            return True
        new = rows[known:]
        if new:
            self._hash = new[-1]["hash"]
            self._keep([told(row) for row in new])
            self._grown.ring()
        return len(new) == _READ_EVENTS

    def _keep(self, new: Iterable[Told]) -> None:
        assert self._before is not None
        for one in new:
            self._recent.append(one)
            self._bytes += len(one.text)
        surplus = 0
        while len(self._recent) - surplus > _KEPT_EVENTS or self._bytes > _KEPT_BYTES:
            self._bytes -= len(self._recent[surplus].text)
            surplus += 1
        del self._recent[:surplus]
        self._before += surplus

    def _forget(self) -> None:
        self._recent, self._bytes, self._before, self._hash = [], 0, None, None
