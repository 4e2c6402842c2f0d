"""Answers that only programs ask for: allocations as a listing, commands by their answers, leases.

The same rules as in `models`: a key that a newer server adds is ignored here and kept in `raw`.
"""

from dataclasses import dataclass, field
from datetime import datetime

from conductor.client.models import Allocation, Event, Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationPage:
    """Some allocations, newest first, and the cursor that leads to older ones."""

    allocations: tuple[Allocation, ...]
    next: int | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why a command was not carried out, and how the thing stands that it was about."""

    code: str
    message: str
    state: str | None = None
    version: int | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAnswer:
    """One command of a list: its events and the position they end at, or its rejection."""

    ok: bool
    events: tuple[Event, ...] = ()
    position: int | None = None
    rejection: Rejection | None = None
    raw: Raw = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """How long an executor may go on without asking again, and the allocations that it is to end."""

    expires_at: datetime
    cancel: tuple[int, ...] = ()
    raw: Raw = field(default_factory=dict, repr=False, compare=False)
