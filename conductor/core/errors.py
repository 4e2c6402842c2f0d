"""Refusals and mistakes.

A wish that cannot be granted is a value, `Rejection`: it is an answer, not an accident.
What can only be a mistake of ours or a damaged log is an exception:

    ConductorError
      IllegalTransition   an event that its stream's state does not allow: the log is damaged, or we are wrong
      UnknownEvent        a type or schema version that this release cannot read: upgrade before reading on
"""

from dataclasses import dataclass
from enum import StrEnum


class ConductorError(Exception):
    """Something that this release cannot go on from; the message says what to do."""


class IllegalTransition(ConductorError):
    """An event that the state it meets does not allow."""


class UnknownEvent(ConductorError):
    """An event of a type or schema version that this release does not know."""


class RejectionCode(StrEnum):
    """Why a command was refused (contract, section 4)."""

    NOT_FOUND = "not_found"
    WRONG_STATE = "wrong_state"
    VERSION_CONFLICT = "version_conflict"
    CPUS_TAKEN = "cpus_taken"
    NODE_UNKNOWN = "node_unknown"
    NODE_DRAINED = "node_drained"
    STALE_INCARNATION = "stale_incarnation"
    RESERVATION_EXPIRED = "reservation_expired"
    CANCELLED = "cancelled"
    ATTEMPT_CLOSED = "attempt_closed"
    FORBIDDEN = "forbidden"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A refused command: what was wrong, in which state, and the field to mend where there is one."""

    code: RejectionCode
    message: str
    state: str | None = None
    version: int | None = None
    field: str | None = None
