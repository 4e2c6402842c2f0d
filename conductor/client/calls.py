"""A call of the API, apart from how it is sent and waited for: what to ask, and how to read what comes back.

Promises: plain values in, plain values out; the sync and the async client make the same requests, because both send
what is described here. Every write may safely be sent twice.
Refuses to know: connections, threads, event loops.
"""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

import httpx

from conductor.client.errors import UnexpectedAnswer
from conductor.client.models import Raw, read

API = "/api/v1"
# The most that the server gives at once.
PAGE = 1000
EVENTS_PAGE = 10_000
# How much longer an answer about the past may take.
FOLDING_SECONDS = 300.0

T = TypeVar("T")
Params = Mapping[str, str | int | float | None]
JobName = int | str  # 42, or a task of an array: "42_7"; where something is asked of them, also "42_[1-5]"
Stream = Literal["stdout", "stderr"]
Moment = int | datetime  # a position of the log, or an aware time


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """`patience_seconds`: how much longer than usual the answer may take. `sees_writes`: takes `?at_least=`."""

    method: str
    path: str
    reads: Callable[[httpx.Response], T]
    params: Params = field(default_factory=dict)
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    patience_seconds: float = 0.0
    sees_writes: bool = False


def get(
    path: str,
    reads: Callable[[httpx.Response], T],
    params: Params | None = None,
    *,
    as_of: Moment | None = None,
    patience_seconds: float = 0.0,
    sees_writes: bool = True,
) -> Call[T]:
    """Read something as it is now, or was at a moment for which the whole log may have to be folded."""
    moment = as_of.isoformat() if isinstance(as_of, datetime) else as_of
    return Call(
        method="GET",
        path=path,
        reads=reads,
        params={**(params or {}), "as_of": moment},
        patience_seconds=patience_seconds if as_of is None else FOLDING_SECONDS,
        sees_writes=sees_writes and as_of is None,
    )


def post(
    path: str,
    reads: Callable[[httpx.Response], T],
    body: object = None,
    *,
    params: Params | None = None,
    headers: Mapping[str, str] | None = None,
    patience_seconds: float = 0.0,
    method: Literal["POST", "PUT", "DELETE"] = "POST",
) -> Call[T]:
    """Change something; `body` is sent as JSON."""
    given = {} if body is None else {"Content-Type": "application/json"}
    return Call(
        method=method,
        path=path,
        reads=reads,
        params=params or {},
        body=None if body is None else encoded(body),
        headers={**given, **(headers or {})},
        patience_seconds=patience_seconds,
    )


def encoded(value: object) -> bytes:
    """As JSON; times as ISO 8601."""
    return json.dumps(value, separators=(",", ":"), default=_plain).encode()


def encoded_lines(values: Sequence[object]) -> bytes:
    """As NDJSON."""
    return b"".join(encoded(value) + b"\n" for value in values)


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case Mapping():
            return dict(value)
        case Sequence() | set() | frozenset():
            return list(value)
        case _:
            raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


def repeat_key(given: str | None) -> Mapping[str, str]:
    """The header by which the server knows a repeat; made when none was given."""
    return {"Idempotency-Key": given or str(uuid.uuid4())}


def if_version(expected_version: int | None) -> Mapping[str, str]:
    """The header that lets a change happen to this version alone."""
    return {} if expected_version is None else {"If-Match": f'"{expected_version}"'}


def part(name: str | int) -> str:
    """A name as one part of a path, whatever it says."""
    quoted = quote(str(name), safe="")
    return quoted.replace(".", "%2E") if quoted in (".", "..") else quoted


def as_json(answer: httpx.Response) -> Any:
    if answer.is_success:
        try:
            return answer.json()
        except ValueError:
            pass
    url = answer.request.url
    raise UnexpectedAnswer(
        f"{url.copy_with(query=None)} answered with no JSON; is a Conductor API there?"
    ) from None


def as_object(answer: httpx.Response) -> Raw:
    document = as_json(answer)
    if not isinstance(document, dict):
        raise UnexpectedAnswer("the server answered with something that is no JSON object; is the URL right?")
    return document


def as_shape(shape: type[T]) -> Callable[[httpx.Response], T]:
    """Reads the answer as a value of this shape."""
    return lambda answer: read(shape, as_json(answer))


def as_bytes(answer: httpx.Response) -> bytes:
    return answer.content


def as_text(answer: httpx.Response) -> str:
    return answer.content.decode("utf-8", "replace")


def position_of(answer: httpx.Response) -> int | None:
    """The position that a write made, as its answer tells."""
    if not answer.headers.get("Content-Type", "").startswith("application/json"):
        return None
    try:
        document = answer.json()
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    told = [document, *document.get("answers", ())]
    positions = [one.get("position") for one in told if isinstance(one, dict)]
    return max((position for position in positions if isinstance(position, int)), default=None)
