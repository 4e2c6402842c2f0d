"""One server and one token: sends requests, tells a refusal from an accident.

Promises: whatever is sent may safely be sent twice (every write carries a key that the server recognises, or
asks for something that is then already so), so a lost connection or a busy server is tried again, a few
times, before it becomes an error.
Refuses to know: what the requests mean.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

import httpx

from conductor.client.errors import FieldError, Problem, Refused, UnexpectedAnswer, Unreachable
from conductor.settings import Settings
from conductor.tls import client_context, own_context

TRIES = 4
LONGEST_PAUSE_SECONDS = 5.0
CONNECT_SECONDS = 5.0
WORTH_TRYING_AGAIN = (429, 503)

Params = Mapping[str, str | int | float | None]


class Connection:
    """A pool of HTTP connections to one server. Safe to use from several threads."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        lang: str = "en",
        channel: str = "api",
        timeout_seconds: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        verify: SSLContext | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._sleep = sleep
        self._timeout_seconds = timeout_seconds
        headers = {"Accept-Language": lang, "Conductor-Channel": channel}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        # A proxy named in the environment cannot reach this machine's own loopback address.
        self._http = httpx.Client(
            base_url=self.url,
            headers=headers,
            transport=transport,
            trust_env=not _is_loopback(self.url),
            verify=True if verify is None else verify,
            timeout=self._timeout(timeout_seconds),
        )

    def close(self) -> None:
        self._http.close()

    def json(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        patience_seconds: float = 0.0,
    ) -> Any:
        """The answer's JSON. `patience_seconds` is how long the server was asked to hold its answer back."""
        answer = self._send(
            method, path, params=params, body=body, headers=headers, patience_seconds=patience_seconds
        )
        try:
            return answer.json()
        except ValueError:
            raise UnexpectedAnswer(
                f"{self.url}{path} answered with no JSON; is a Conductor API there?"
            ) from None

    def content(self, path: str, *, params: Params | None = None) -> bytes:
        """The answer's body as it is."""
        return self._send("GET", path, params=params).content

    @contextmanager
    def stream(self, path: str, *, params: Params | None = None) -> Iterator[Iterator[bytes]]:
        """The answer's body as it comes, however long the server is silent. Never tried again here."""
        try:
            with self._http.stream("GET", path, params=_given(params), timeout=self._timeout(None)) as answer:
                if answer.is_error:
                    answer.read()
                    raise Refused(problem_of(answer))
                yield answer.iter_bytes()
        except httpx.TransportError as error:
            raise Unreachable(self.url, _cause(error)) from error

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        patience_seconds: float = 0.0,
    ) -> httpx.Response:
        timeout = self._timeout(self._timeout_seconds + patience_seconds)
        request = self._http.build_request(
            method, path, params=_given(params), json=body, headers=dict(headers or {}), timeout=timeout
        )
        for remaining in reversed(range(TRIES)):
            pause_seconds = 0.1 * 2 ** (TRIES - remaining)
            try:
                answer = self._http.send(request)
            except (httpx.ConnectError, httpx.TimeoutException) as error:
                raise Unreachable(self.url, _cause(error)) from error
            except httpx.TransportError as error:
                if remaining == 0:
                    raise Unreachable(self.url, _cause(error)) from error
            else:
                if not answer.is_error:
                    return answer
                problem = problem_of(answer)
                if remaining == 0 or problem.status not in WORTH_TRYING_AGAIN:
                    raise Refused(problem)
                pause_seconds = min(problem.retry_after_seconds or pause_seconds, LONGEST_PAUSE_SECONDS)
            self._sleep(pause_seconds)
        raise AssertionError("the last try returns or raises")

    def _timeout(self, read_seconds: float | None) -> httpx.Timeout:
        return httpx.Timeout(self._timeout_seconds, connect=CONNECT_SECONDS, read=read_seconds)


def problem_of(answer: httpx.Response) -> Problem:
    """What an answer says is wrong: a problem document, a rejected command, or nothing but a status."""
    try:
        document = answer.json()
    except ValueError:
        document = None
    document = document if isinstance(document, dict) else {}
    rejection = document.get("rejection")
    if isinstance(rejection, dict):
        document = {"type": rejection.get("code"), "detail": rejection.get("message")}
    errors = document.get("errors")
    return Problem(
        status=answer.status_code,
        type=str(document.get("type") or "about:blank"),
        title=str(document.get("title") or answer.reason_phrase),
        detail=str(document.get("detail") or ""),
        errors=tuple(_field_error(one) for one in errors) if isinstance(errors, list) else (),
        retry_after_seconds=_seconds(answer.headers.get("Retry-After")),
    )


def _field_error(one: Any) -> FieldError:
    one = one if isinstance(one, dict) else {"message": str(one)}
    return FieldError(
        field=str(one.get("field") or ""),
        code=str(one.get("code") or ""),
        message=str(one.get("message") or ""),
    )


def _given(params: Params | None) -> dict[str, str | int | float]:
    return {name: value for name, value in (params or {}).items() if value is not None}


def _seconds(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None  # a date: rare, and our own server sends seconds


def _cause(error: httpx.TransportError) -> str:
    match error:
        case httpx.ConnectTimeout():
            return "the connection was not taken up in time"
        case httpx.TimeoutException():
            return "the answer did not come in time"
        case httpx.ConnectError():
            return "nothing listens there" if "refused" in str(error).lower() else str(error)
        case _:
            return str(error) or type(error).__name__


def verified_by(url: str, settings: Settings) -> SSLContext | None:
    """What says that an https:// server is the right one; None: nothing to say, it is http://. Raises `TlsError`.

    The certificate of an API on this very home is known from its settings.
    """
    if urlsplit(url).scheme != "https":
        return None
    if settings.tls_ca is None and settings.api_tls_cert is not None and _is_loopback(url):
        return own_context(settings.api_tls_cert)
    return client_context(settings.tls_ca)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")
