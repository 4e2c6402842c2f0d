"""Refusals as RFC 9457 problem documents."""

from dataclasses import dataclass

from conductor.wire.events import Head
from conductor.wire.shapes import Sometimes, SometimesSome


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongField:
    """What is wrong with one field of a request."""

    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemDocument:
    """`type` and `code` are stable; `title` and `detail`, which says what to do, are for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: SometimesSome[tuple[WrongField, ...]] = ()
    state: Sometimes[str] = None
    version: Sometimes[int] = None
    offset: Sometimes[int] = None
    head: Sometimes[Head] = None
