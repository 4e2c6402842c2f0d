"""The stream `scheduler`: who leads, and in which term."""

from dataclasses import dataclass
from datetime import datetime

from conductor.core.errors import IllegalTransition
from conductor.core.events import LeaderElected
from conductor.core.identifiers import Term, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Leadership:
    """A fold of the scheduler's stream. Term 0: nobody has led yet."""

    version: Version = Version(0)
    term: Term = Term(0)
    holder: str | None = None
    host: str | None = None
    elected_at: datetime | None = None


def evolve(leadership: Leadership, event: LeaderElected, *, at: datetime, version: Version) -> Leadership:
    """The leadership after an election. Raises `IllegalTransition` when the term does not grow by one."""
    if event.term != leadership.term + 1:
        raise IllegalTransition(f"term {event.term} cannot follow term {leadership.term}")
    return Leadership(version=version, term=event.term, holder=event.holder, host=event.host, elected_at=at)
