"""A connection's manners: how long a client may take, and how many there may be.

Promises: whoever opens a connection and does not send a whole request head, or goes on sending a body that was already
answered, is cut off; beyond so many connections new ones are closed at once, so that the process keeps files for
its own work. Bodies that are being read have a pace of their own (`bodies.py`).
"""

import asyncio
import resource

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 30.0
_KEPT_FILES = 128  # for the database, outputs, logs
_MOST = 8192


def most_connections() -> int:
    """What the limit of open files leaves; followers and long polls need one each."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if files == resource.RLIM_INFINITY else max(16, min(_MOST, files - _KEPT_FILES))


class BoundedProtocol(H11Protocol):
    """uvicorn's, with a deadline for each request's head and a bound on connections."""

    most = most_connections()
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.close()
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        if not getattr(self.cycle, "response_complete", True):  # None before the first request
            self._stop_waiting()

    def on_response_complete(self) -> None:
        self._await_head()
        super().on_response_complete()

    def _await_head(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._cut)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut(self) -> None:
        if not self.transport.is_closing():
            self.transport.abort()
