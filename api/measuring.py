"""Every request, counted and timed: the outermost layer, so that refusals count too.

Promises: a route is told by its template, so that no job number ever becomes a label; what no route answered is `none`.
"""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conductor.telemetry.process import counter, gauge, histogram
from conductor.telemetry.tracing import parsed_traceparent, span

_REQUESTS = counter("conductor_http_requests_total")
_SECONDS = histogram("conductor_http_request_seconds")
_OUTPUT_BYTES = counter("conductor_output_bytes_total")
_IN_PROGRESS = gauge("conductor_http_requests_in_progress")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measured:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, sent = time.perf_counter(), 0, 0

        async def counted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                _IN_PROGRESS.add(1, route_of(scope))
            else:
                sent += len(message.get("body", b""))
            await send(message)

        method = scope["method"] if scope["method"] in _METHODS else "other"
        try:
            with span(f"HTTP {method}", parsed_traceparent(_header(scope, b"traceparent"))) as made:
                scope["conductor.trace"] = made.context
                try:
                    await self._app(scope, receive, counted)
                finally:
                    made.rename(f"HTTP {method} {route_of(scope)}")
                    made.set(**{"http.route": route_of(scope), "http.response.status_code": status})
        finally:
            route = route_of(scope)
            if status:
                _IN_PROGRESS.add(-1, route)
            _REQUESTS.add(method, route, str(status or "none"))
            _SECONDS.observe(time.perf_counter() - began, route)
            if route.endswith("/output"):
                _OUTPUT_BYTES.add(by=sent)


def route_of(scope: Scope) -> str:
    """The template, as the operation that answered it left it."""
    return str(scope.get("conductor.route", "none"))


def _header(scope: Scope, name: bytes) -> str | None:
    values = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else None
