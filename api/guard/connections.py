"""A connection's manners: how long a client may take, and how many there may be.

Promises: whoever opens a connection and does not send a whole request head, goes on sending a body that was already
answered, or does not read what was asked for, is cut off; beyond so many connections new ones are closed at once, so
that the process keeps files for its own work. Bodies that are being read have a pace of their own (`bodies.py`).
"""

import asyncio
import resource

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 30.0
UNREAD_SECONDS = 300.0  # while nothing more fits on its way; somebody may have paused a terminal
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
    _unread: asyncio.TimerHandle | None = None  # runs while the client does not read

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.close()
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._reads_again()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._reads_again()
        super().resume_writing()
        if getattr(self.cycle, "response_complete", True):
            self._await_head()

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

    def _reads_again(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _cut(self) -> None:
        """Also a connection that is closed but for an end that nobody reads; not while an answer is being read."""
        if self._unread is None:
            self.transport.abort()
