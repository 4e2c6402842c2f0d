"""Every request, counted, timed and traced, refusals too; and its id on every log line that comes of it.

Promises: a route is told by its template, so that no job number ever becomes a label; what no route answered is `none`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence

from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conductor.telemetry.log_lines import concerning
from conductor.telemetry.process import counter, gauge, histogram
from conductor.telemetry.tracing import TraceContext, belongs_to, makes_spans, parsed_traceparent, span

_REQUESTS = counter("conductor_http_requests_total")
_SECONDS = histogram("conductor_http_request_seconds")
_OUTPUT_BYTES = counter("conductor_output_bytes_total")
_IN_PROGRESS = gauge("conductor_http_requests_in_progress")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measured:
    """The outermost layer."""

    def __init__(self, app: ASGIApp, *, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._templates: Mapping[int, str] = dict(_templates(routes, ""))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        method = scope["method"] if scope["method"] in _METHODS else "other"
        answer = _Answer(send, scope, self._templates)
        trace = parsed_traceparent(_header(scope, b"traceparent"))
        try:
            if makes_spans():
                await self._in_a_span(trace, method, scope, receive, answer)
            else:
                belongs_to(trace)
                await self._app(scope, receive, answer.send)
        finally:
            route = answer.route
            if answer.status:
                _IN_PROGRESS.add(-1, route)
            _REQUESTS.add(method, route, str(answer.status or "none"))
            _SECONDS.observe(time.perf_counter() - began, route)
            if route.endswith("/output"):
                _OUTPUT_BYTES.add(by=answer.sent_bytes)

    async def _in_a_span(
        self, trace: TraceContext | None, method: str, scope: Scope, receive: Receive, answer: "_Answer"
    ) -> None:
        with span(f"HTTP {method}", trace) as made:
            belongs_to(made.context)
            try:
                await self._app(scope, receive, answer.send)
            finally:
                made.rename(f"HTTP {method} {answer.route}")
                made.set(**{"http.route": answer.route, "http.response.status_code": answer.status})


class _Answer:
    """What goes out for one request."""

    __slots__ = ("_scope", "_send", "_templates", "sent_bytes", "status")

    def __init__(self, send: Send, scope: Scope, templates: Mapping[int, str]) -> None:
        self._send = send
        self._scope = scope
        self._templates = templates
        self.status = 0
        self.sent_bytes = 0

    @property
    def route(self) -> str:
        """Known once the request has been given to its endpoint."""
        return self._templates.get(id(self._scope.get("endpoint")), "none")

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            _IN_PROGRESS.add(1, self.route)
        else:
            self.sent_bytes += len(message.get("body", b""))
        await self._send(message)


class Named:
    """Inside whatever names the caller: every log line of this request carries its id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            concerning(correlation=scope["conductor.caller"].request_id)
        await self._app(scope, receive, send)


def _templates(routes: Sequence[BaseRoute], prefix: str) -> Iterator[tuple[int, str]]:
    """Endpoints, each (it lives as long as its route) with the path it answers."""
    for route in routes:
        if isinstance(route, Mount):
            yield from _templates(route.routes or (), prefix + route.path)
        elif isinstance(route, Route):
            yield id(route.endpoint), prefix + route.path


def _header(scope: Scope, name: bytes) -> str | None:
    values = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else None
