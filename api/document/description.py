"""What the API's document says of an operation besides what the code itself tells.

Promises: no field is described here; requests and answers are named by the very models that check and describe them.
Refuses to know how a document is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

JSON = "application/json"
NDJSON = "application/x-ndjson"
BYTES = "application/octet-stream"
TEXT = "text/plain"
EVENT_STREAM = "text/event-stream"

Both = tuple[str, str]  # in English and in Chinese


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`shape` of `conductor.wire`; None for an answer that is no JSON. `headers` of its own; `others`: media types that
    it has for who asks for them; `empty`: it has no body.
    """

    shape: Any = None
    media_type: str = JSON
    others: tuple[str, ...] = ()
    empty: bool = False
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """`shape`: the model that checks it. `others`: media types besides JSON, each with an example."""

    shape: Any = None
    required: bool = True
    examples: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """`name` is the operation's own, in programs that are made from the document. `problems`: statuses of refusals that
    do not follow from what it takes. `headers`: those that only some requests have.
    """

    name: str
    tag: str
    summary: Both
    detail: Both
    answers: Mapping[int, Answer]
    query: type[BaseModel] | None = None
    body: Body | None = None
    headers: tuple[str, ...] = ()
    problems: frozenset[int] = frozenset()


def ok(shape: Any) -> Mapping[int, Answer]:
    """200 and this shape."""
    return {200: Answer(shape=shape)}


CONFLICT = frozenset({409})
TAGGED = ("ETag",)
NOT_MODIFIED = {304: Answer(empty=True, headers=TAGGED)}
