"""One server and one token: sends what a call describes, and gives what its answer says.

Promises: whatever is sent may safely be sent twice (every write carries a key that the server recognises, or
asks for something that is then already so), so a lost connection or a busy server is tried again, a few
times, before it becomes an error. Connections are kept and used again; no more than `connections` at a time.
Refuses to know: what the calls mean.
"""

# Made from `aio/connection.py` by `scripts/write_sync_client.py`; change it there.

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

from conductor.client import exchange
from conductor.client.calls import Call
from conductor.client.errors import Refused, Unreachable

T = TypeVar("T")


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
        verify: ssl.SSLContext | str | bool | None = None,
        at_least: int | None = None,
        connections: int = exchange.CONNECTIONS,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self.written = exchange.Written(at_least)
        self.sleep = sleep
        self._timeout_seconds = timeout_seconds
        self._http = httpx.Client(
            base_url=self.url,
            headers=exchange.headers_of(token, lang, channel),
            transport=transport,
            verify=exchange.trust_of(self.url, verify),
            # A proxy named in the environment cannot reach this machine's own loopback address.
            trust_env=not exchange.is_loopback(self.url),
            timeout=exchange.timeout_of(timeout_seconds, timeout_seconds),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    def close(self) -> None:
        self._http.close()

    def ask(self, call: Call[T]) -> T:
        """What the answer says. Raises `Refused`, `Unreachable`, `UnexpectedAnswer`."""
        read_seconds = self._timeout_seconds + call.patience_seconds
        request = self._request(call, read_seconds)
        for tries_left in reversed(range(exchange.TRIES)):
            outcome = self._outcome(request)
            if isinstance(outcome, httpx.Response) and not outcome.is_error:
                if call.method != "GET":
                    self.written.note(outcome)
                return call.reads(outcome)
            self.sleep(exchange.pause_after(self.url, outcome, tries_left))
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def stream(self, call: Call[Any], *, silence_seconds: float | None = None) -> Iterator[Iterator[bytes]]:
        """The answer's body as it comes, tried once; by default however long the server is silent."""
        request = self._request(call, silence_seconds)
        try:
            answer = self._http.send(request, stream=True)
            try:
                if answer.is_error:
                    answer.read()
                    raise Refused(exchange.problem_of(answer))
                yield answer.iter_bytes()
            finally:
                answer.close()
        except httpx.TransportError as error:
            raise Unreachable(self.url, exchange.cause_of(error)) from error

    def _request(self, call: Call[Any], read_seconds: float | None) -> httpx.Request:
        return self._http.build_request(
            call.method,
            call.path,
            params=self.written.params(call),
            content=call.body,
            headers=dict(call.headers),
            timeout=exchange.timeout_of(self._timeout_seconds, read_seconds),
        )

    def _outcome(self, request: httpx.Request) -> httpx.Response | httpx.TransportError:
        try:
            return self._http.send(request)
        except httpx.TransportError as error:
            return error
