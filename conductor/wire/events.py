"""The log as it is read over HTTP."""

from dataclasses import dataclass, field
from datetime import datetime

from conductor.wire.shapes import Kept, Partly, Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact of the log, in its place."""

    position: int
    stream: str
    version: int
    type: str
    at: datetime
    data: Raw = field(default_factory=dict)
    metadata: Partly[Raw] = field(default_factory=dict)
    schema_version: Partly[int | None] = None
    recorded_at: Partly[datetime | None] = None
    hash: Partly[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of the log: whoever remembers this can tell later whether the past was changed."""

    position: int
    hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Some events in the order of the log, where to go on, and where the log ends."""

    events: tuple[Event, ...]
    next: int = 0
    head: Head | None = None
    raw: Kept = field(default_factory=dict, repr=False, compare=False)
