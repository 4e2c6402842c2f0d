"""Requests that are held until something happens, and what they are told when the server ends meanwhile.

Promises: whoever ends the server ends these waits with it, at once; each is answered with a 503 problem that says when
to come again, and so is whatever else is under way when the server's patience ends. Refuses to know what is waited for.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers.problems import RETRY_AFTER_SECONDS, Problem, problem_response


class Waits:
    """Of one server, in one event loop."""

    def __init__(self) -> None:
        self.closed = False
        self._tasks: set[asyncio.Task[Any]] = set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """A wait of the current task's. Raises a 503 problem when the server ends before it."""
        task = asyncio.current_task()
        assert task is not None
        if self.closed:
            raise server_ending()
        self._tasks.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if not self._has_ended():
                raise
            task.uncancel()
            raise server_ending() from None
        finally:
            self._tasks.discard(task)

    def _has_ended(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True
        for task in self._tasks:
            task.cancel()


def server_ending() -> Problem:
    return Problem(503, "server_ending", headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


class Ending:
    """Inside whatever names the caller: a request that the server cuts off as it ends is told so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = False

        async def noted(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if began or not scope["app"].state.engine.waits.closed:
                raise
            told = problem_response(server_ending(), scope["conductor.caller"].language)
            await told(scope, receive, send)
