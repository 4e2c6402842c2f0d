"""What a connection decides between a request and its answer, apart from sending and waiting.

Promises: a lost connection or a busy server is worth some more tries before it becomes an error; an error keeps the
server's own sentences. Refuses to know: sockets, clocks, threads, event loops.
"""

import re
import ssl
import threading
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

from conductor.client.calls import Call, position_of
from conductor.client.errors import ClientError, FieldError, Problem, Refused, Unreachable

TRIES = 4
LONGEST_PAUSE_SECONDS = 5.0
CONNECT_SECONDS = 5.0
# How long a request may wait until one of the connections is free.
TURN_SECONDS = 300.0
CONNECTIONS = 100
WORTH_TRYING_AGAIN = (429, 503)
# What a server says of itself that restarts or has too much to do, or one that stands before it.
AWAY = (429, 502, 503, 504)


class Written:
    """The last position that this client wrote, for reads that must not be older. Safe to use from several threads."""

    def __init__(self, at_least: int | None) -> None:
        self._asks = at_least is not None
        self._position = at_least or 0
        self._lock = threading.Lock()

    @property
    def position(self) -> int:
        return self._position

    def note(self, answer: httpx.Response) -> None:
        position = position_of(answer)
        with self._lock:
            self._position = max(self._position, position or 0)

    def params(self, call: Call[Any]) -> dict[str, str | int | float]:
        """The parameters of a request: those of the call that are given, and how new the answer must be."""
        given = {name: value for name, value in call.params.items() if value is not None}
        if self._asks and call.sees_writes and self._position:
            given["at_least"] = self._position
        return given


def pause_after(url: str, outcome: httpx.Response | httpx.TransportError, tries_left: int) -> float:
    """Seconds until the next try. Raises `Refused` or `Unreachable` when another is not worth it."""
    pause_seconds = 0.1 * 2.0 ** (TRIES - tries_left)
    match outcome:
        case httpx.ConnectError() | httpx.TimeoutException():
            raise Unreachable(url, cause_of(outcome)) from outcome
        case httpx.TransportError():
            if tries_left == 0:
                raise Unreachable(url, cause_of(outcome)) from outcome
            return pause_seconds
        case _:
            problem = problem_of(outcome)
            if tries_left == 0 or not (problem.status in WORTH_TRYING_AGAIN or _is_cut_off(problem)):
                raise Refused(problem)
            return min(problem.retry_after_seconds or pause_seconds, LONGEST_PAUSE_SECONDS)


def is_away(error: ClientError) -> bool:
    """Whether the server may come back: nobody answered, or somebody who said so."""
    if isinstance(error, Refused):
        return error.status in AWAY or _is_cut_off(error.problem)
    return isinstance(error, Unreachable)


def _is_cut_off(problem: Problem) -> bool:
    """What a server answers that ends with requests under way; a failure of its own has a document."""
    return problem.status == 500 and not problem.raw


def headers_of(token: str | None, lang: str, channel: str) -> Mapping[str, str]:
    headers = {"Accept-Language": lang, "Conductor-Channel": channel}
    return headers if token is None else {**headers, "Authorization": f"Bearer {token}"}


def timeout_of(seconds: float, read_seconds: float | None) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=CONNECT_SECONDS, read=read_seconds, pool=TURN_SECONDS)


def trust_of(url: str, verify: ssl.SSLContext | str | bool | None) -> ssl.SSLContext | bool:
    """How the server proves who it is. `verify`: a file of authorities, a context, or whether to ask at all.

    None: to the authorities that everybody trusts.
    """
    if urlsplit(url).scheme != "https":
        return False  # nothing to be proved, and no authorities to be read from the disk
    if isinstance(verify, str):
        return ssl.create_default_context(cafile=verify)
    return True if verify is None else verify


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def problem_of(answer: httpx.Response) -> Problem:
    """What an answer says is wrong: a problem document, a rejected command, or nothing but a status."""
    try:
        document = answer.json()
    except ValueError:
        document = None
    return problem_in(
        document if isinstance(document, dict) else {},
        status=answer.status_code,
        title=answer.reason_phrase,
        retry_after_seconds=_seconds(answer.headers.get("Retry-After")),
    )


def problem_in(
    document: dict[str, Any], *, status: int, title: str = "", retry_after_seconds: float | None = None
) -> Problem:
    """What a document says is wrong, and where it is silent what else is known."""
    rejection = document.get("rejection")
    if isinstance(rejection, dict):
        document = {**rejection, "type": rejection.get("code"), "detail": rejection.get("message")}
    errors = document.get("errors")
    kind = str(document.get("type") or "about:blank")
    return Problem(
        status=status,
        type=kind,
        title=str(document.get("title") or title),
        detail=str(document.get("detail") or ""),
        errors=tuple(_field_error(one) for one in errors) if isinstance(errors, list) else (),
        retry_after_seconds=retry_after_seconds,
        code=str(document.get("code") or ("" if kind == "about:blank" else kind.rpartition(":")[2])),
        raw=document,
    )


def _field_error(one: Any) -> FieldError:
    one = one if isinstance(one, dict) else {"message": str(one)}
    return FieldError(
        field=str(one.get("field") or ""),
        code=str(one.get("code") or ""),
        message=str(one.get("message") or ""),
    )


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None  # a date: rare, and our own server sends seconds


def cause_of(error: httpx.TransportError) -> str:
    match error:
        case httpx.PoolTimeout():
            return "every connection of this client is in use; allow more with `connections=`"
        case httpx.ConnectTimeout():
            return "the connection was not taken up in time"
        case httpx.TimeoutException():
            return "the answer did not come in time"
        case httpx.ConnectError():
            return "nothing listens there" if _is_refusal(error) else _connect_error(error)
        case _:
            return str(error) or type(error).__name__


def _connect_error(error: httpx.ConnectError) -> str:
    """As the system says it, without its number."""
    said = str(error)
    unknown = "name or service not known", "temporary failure in name resolution", "no address associated"
    if any(one in said.lower() for one in unknown):
        return "no host of that name is known"
    return re.sub(r"^\[Errno -?\d+\] ", "", said)


def _is_refusal(error: BaseException | None) -> bool:
    """Where an event loop waits, the system's own word is further down, beside those of other addresses."""
    if error is None:
        return False
    beside = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return (
        isinstance(error, ConnectionRefusedError)
        or "refused" in str(error).lower()
        or any(map(_is_refusal, (error.__cause__, error.__context__, *beside)))
    )
