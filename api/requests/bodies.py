"""Request bodies: read within a limit, parsed as JSON or lines of JSON.

Promises: no more than the limit is ever held, whatever a client announces, of one request and of all; a client that is
too slow is not waited for; what cannot be parsed is refused
with the place, and text that is not UTF-8 with the field it stands in.
"""

import asyncio
import json
import re
from typing import Any

import orjson
from starlette.requests import Request

from api.answers.problems import RETRY_AFTER_SECONDS, FieldError, Problem, invalid
from api.guard.held_bodies import Held
from api.guard.security import JSON_TYPES, NDJSON_TYPES, media_type

_MIB = 1024 * 1024
SMALL = 1 * _MIB  # a reason, a lease
ONE_JOB = 8 * _MIB  # a script of 1 MiB whose every character is escaped, and an environment
MANY_COMMANDS = 16 * _MIB
MANY_JOBS = 64 * _MIB
_TEXT = re.compile(rb'"(?s:[^"\\]|\\.)*+"')  # of JSON, with its quotes
# Lists and objects of one body cost memory and time by their number. Ten thousand jobs have a tenth of it.
MOST_BRACKETS = 1_000_000
MOST_LINES = 100_000
# A body that has not come by then must have come at this pace.
PATIENCE_SECONDS = 30.0
SLOWEST_BYTES_PER_SECOND = 32 * 1024


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Stops reading at the limit."""
    announced = request.headers.get("content-length", "0")
    expected = int(announced[:20]) if announced.isdecimal() else None
    if expected is not None and expected > limit:
        raise _too_large(limit)
    chunks, size = [], 0
    held: Held = request.scope["conductor.held"]
    begun = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout_at(begun + PATIENCE_SECONDS) as deadline:
            async for chunk in request.stream():
                if not chunk:
                    continue
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                if not held.take(len(chunk)):
                    raise Problem(503, "busy", headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
                chunks.append(chunk)
                if size != expected:  # the last piece needs no more patience, and most bodies are of one
                    deadline.reschedule(begun + PATIENCE_SECONDS + size / SLOWEST_BYTES_PER_SECOND)
    except TimeoutError:
        raise Problem(
            408, "too_slow", headers={"Connection": "close"}, seconds=round(PATIENCE_SECONDS)
        ) from None
    return b"".join(chunks)


def _too_large(limit: int) -> Problem:
    # In one job nothing but its script can be that large. The server reads the rest and throws it away.
    script = FieldError(field="script", code="too_large", values={"most": "1 MiB"})
    errors = [script] if limit == ONE_JOB else []
    return Problem(413, "too_large", detail="body_too_large", errors=errors, limit_mib=limit // _MIB)


async def json_body(request: Request, limit: int) -> Any:
    """The body's one JSON value."""
    if media_type(request.headers.get("content-type", "")) in NDJSON_TYPES:
        raise Problem(415, "unsupported_media_type", wanted="application/json")
    return parse(await read_body(request, limit))


async def optional_json_body(request: Request, limit: int) -> Any:
    """The body's one JSON value, or an empty object when there is no body."""
    body = await read_body(request, limit)
    return parse(body) if body else {}


async def lines_or_jobs(request: Request, limit: int) -> Any:
    """What a batch names under `jobs`: the member of a JSON object, or one job a line."""
    kind = media_type(request.headers.get("content-type", ""))
    body = await read_body(request, limit)
    if kind in JSON_TYPES or not body:
        return parse(body)
    _refuse_crowded(body)
    if body.count(b"\n") > MOST_LINES:
        raise invalid(FieldError(field="body", code="too_many", values={"most": MOST_LINES}))
    lines = [line for line in body.split(b"\n") if line.strip()]
    return {"jobs": [_line(number, line) for number, line in enumerate(lines)]}


def _line(index: int, line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        field = f"jobs[{index}]"
        bad = _not_utf8(line)
        if bad is not None:
            raise invalid(FieldError(field=f"{field}.{bad}" if bad else field, code="invalid_utf8")) from None
        raise Problem(
            400,
            "broken_json",
            errors=[FieldError(field=field, code="broken_line", values={"why": error.msg})],
            why=f"line {index + 1}: {error.msg}",
        ) from None


def parse(body: bytes) -> Any:
    _refuse_crowded(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        bad = _not_utf8(body)
        if bad is not None:
            raise invalid(FieldError(field=bad or "body", code="invalid_utf8")) from None
        why = f"{error.msg} (line {error.lineno}, column {error.colno})"
        raise Problem(400, "broken_json", why=why if body else "it is empty") from None


def _refuse_crowded(body: bytes) -> None:
    """Raises a problem for more lists and objects than any wish has. Brackets in texts cost nothing."""
    if _brackets(body) > MOST_BRACKETS and _brackets(_TEXT.sub(b"", body)) > MOST_BRACKETS:
        raise invalid(FieldError(field="body", code="too_many", values={"most": MOST_BRACKETS}))


def _brackets(body: bytes) -> int:
    return body.count(b"[") + body.count(b"{")


def _not_utf8(body: bytes) -> str | None:
    """The field whose text is not UTF-8 ("" when it cannot be told), or None when all of it is.

    Strays are let through as lone surrogates, which no UTF-8 gives, and then looked for. An escaped lone
    surrogate is no text in any encoding either and is found the same way.
    """
    if _is_utf8(body) and b"\\ud" not in body.lower():
        return None
    if len(body) > SMALL:  # which would take long, and more memory than the body
        return ""
    try:
        value = json.loads(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return None if _is_utf8(body) else ""
    return _path_of_stray(value, "")


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _path_of_stray(value: Any, path: str) -> str | None:
    if isinstance(value, str):
        return path if any("\ud800" <= character <= "\udfff" for character in value) else None
    parts: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        parts = [(f"{path}.{key}" if path else key, part) for key, part in value.items()]
    elif isinstance(value, list):
        parts = [(f"{path}[{index}]", part) for index, part in enumerate(value)]
    found = (_path_of_stray(part, place) for place, part in parts)
    return next((place for place in found if place is not None), None)
