"""Answers to commands: the events that one came to, or why it was rejected."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from conductor.wire.events import Event
from conductor.wire.shapes import Kept, RejectionName, Sometimes, SometimesSome


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAccepted:
    """No events: it was so already. What an executor or scheduler needs next stands beside them."""

    ok: Literal[True]
    events: tuple[Event, ...]
    position: int
    incarnation: Sometimes[int] = None
    lease_seconds: Sometimes[float] = None
    allocation_id: Sometimes[int] = None
    attempt: Sometimes[int] = None
    cpu_ids: SometimesSome[tuple[int, ...]] = ()
    gres: Sometimes[Mapping[str, tuple[int, ...]]] = None
    expires_at: Sometimes[datetime] = None
    warnings: SometimesSome[tuple[str, ...]] = ()
    raw: Kept = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why a command changed nothing; `state` and `version` are of what it was about."""

    code: RejectionName
    message: str
    state: str | None = None
    version: int | None = None
    field: Sometimes[str] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRejected:
    """Nothing was done."""

    ok: Literal[False]
    rejection: Rejection
    raw: Kept = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAnswers:
    """One answer for each command of a list, in its order."""

    answers: tuple[CommandAccepted | CommandRejected, ...]
