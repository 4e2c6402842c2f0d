"""What a client sends and what comes back, as frozen values with the contract's names.

Promises: a key that a newer server adds is ignored here and kept in `raw`, the answer as it came. What comes back is
described in `conductor.wire`, once for the server's document and for this client.
Refuses to know: how anything travels.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from conductor.client.errors import UnexpectedAnswer
from conductor.wire.audit import Process, ProcessPage
from conductor.wire.cluster import Stats
from conductor.wire.events import Event, EventPage, Head
from conductor.wire.jobs import ACTIVE_STATES, FINAL_STATES, Allocation, Changed, Job, JobPage
from conductor.wire.nodes import Node, Nodes
from conductor.wire.shapes import Raw
from conductor.wire.submitting import Submitted, SubmittedBatch

__all__ = [
    "ACTIVE_STATES",
    "FINAL_STATES",
    "Allocation",
    "Changed",
    "Event",
    "EventPage",
    "Head",
    "Job",
    "JobPage",
    "Node",
    "Nodes",
    "Process",
    "ProcessPage",
    "Raw",
    "Stats",
    "Submission",
    "Submitted",
    "SubmittedBatch",
    "read",
]

Shape = TypeVar("Shape")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A script to run. What is None is left to the script's own lines, and then to the server's defaults."""

    script: str
    name: str | None = None
    cpus: int | None = None
    ntasks_per_node: int | None = None
    cpus_per_task: int | None = None
    memory_mb: int | None = None
    time_limit: int | str | None = None
    work_dir: str | None = None
    environment: Mapping[str, str] | None = None
    priority: int | None = None
    nice: int | None = None
    user_name: str | None = None
    account: str | None = None
    requeue: bool | None = None
    hold: bool | None = None
    begin_time: datetime | None = None
    stdout_path: str | None = None
    stderr_path: str | None = None
    comment: str | None = None
    signal: str | None = None
    nodelist: str | Sequence[str] | None = None  # `n1,n[2-4]`, or names
    labels: str | Mapping[str, str] | None = None  # `zone=a&arch=arm64`, or values by name
    exclusive: bool | None = None
    gres: str | Mapping[str, int] | None = None  # `gpu:2,licence:1`, or counts by name
    array: str | None = None  # `0-99%10`
    dependency: str | None = None  # `afterok:41:42_7`

    def to_json(self) -> Raw:
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in given.items()
            if value is not None
        }


def read(shape: type[Shape], raw: object) -> Shape:
    """An answer as a value of this shape."""
    if not isinstance(raw, dict):
        raise UnexpectedAnswer("the server answered with something that is no JSON object; is the URL right?")
    try:
        value: Shape = _reader(cast(Hashable, shape)).validate_python({**raw, "raw": raw})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UnexpectedAnswer(
            f"the server's answer does not fit this client ({where}: {first['msg']}); "
            "are both of one version?"
        ) from None
    return value


@cache
def _reader(shape: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, shape))
