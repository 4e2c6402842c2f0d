"""Large answers are sent as gzip to those who accept it.

Promises: what is sent while it comes into being (an event stream, an output that is followed) is passed on as it is and
at once; the memory of a streamed answer does not grow with it. Refuses to know what is in an answer.
"""

import asyncio
import zlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers.preferences import quality

AT_LEAST_BYTES = 8 * 1024  # a job's document without much output stays as it is; a page of jobs does not
# Says that an answer comes bit by bit; reverse proxies know it as well.
UNBUFFERED = {"X-Accel-Buffering": "no"}

_LEVEL = 3  # a page of 1,000 jobs: a twelfth of its size in 3 ms; level 6: a fifteenth in 30
_IN_A_THREAD_BYTES = 256 * 1024
_KINDS = ("application/json", "application/problem+json", "application/x-ndjson", "text/plain")
_GZIP = 16 + zlib.MAX_WBITS


class Compressing:
    """A layer around the endpoints, inside the guard."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wants = _wants_gzip(Headers(scope=scope).get("accept-encoding"))
        await self._app(scope, receive, _Answer(send, wants_gzip=wants).send)


def _wants_gzip(accept_encoding: str | None) -> bool:
    gzip = quality(accept_encoding, ("gzip", "x-gzip"))
    return gzip > 0 and gzip >= quality(accept_encoding, ("identity",), group="")


class _Answer:
    """One answer on its way out. Its head waits for the first of its body, which says how long the whole is."""

    def __init__(self, send: Send, *, wants_gzip: bool) -> None:
        self._send = send
        self._wants_gzip = wants_gzip
        self._head: Message | None = None
        self._gzip: zlib._Compress | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = await self._begin(message)
        elif message["type"] != "http.response.body":
            await self._send(message)
        elif self._head is not None:
            await self._first(self._head, message)
        else:
            await self._next(message)

    async def _begin(self, head: Message) -> Message | None:
        """The head, when it waits for the body; None when it has been sent, and the body goes out as it is."""
        headers = MutableHeaders(raw=head["headers"])
        kind = headers.get("content-type", "").partition(";")[0].strip()
        if kind in _KINDS and "x-accel-buffering" not in headers:
            headers.add_vary_header("Accept-Encoding")
            if self._wants_gzip and "content-encoding" not in headers:
                return head
        await self._send(head)
        return None

    async def _first(self, head: Message, message: Message) -> None:
        self._head = None
        if message.get("more_body", False) or len(message.get("body", b"")) >= AT_LEAST_BYTES:
            self._gzip = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
            headers = MutableHeaders(raw=head["headers"])
            headers["Content-Encoding"] = "gzip"
            if message.get("more_body", False):
                del headers["Content-Length"]
            else:
                message = {**message, "body": await self._compressed(message)}
                headers["Content-Length"] = str(len(message["body"]))
                self._gzip = None
        await self._send(head)
        await self._next(message)

    async def _next(self, message: Message) -> None:
        if self._gzip is not None:
            message = {**message, "body": await self._compressed(message)}
        await self._send(message)

    async def _compressed(self, message: Message) -> bytes:
        body = message.get("body", b"")
        if len(body) >= _IN_A_THREAD_BYTES:  # zlib lets others run meanwhile
            return await asyncio.to_thread(self._piece, body, message.get("more_body", False))
        return self._piece(body, message.get("more_body", False))

    def _piece(self, body: bytes, more: bool) -> bytes:
        assert self._gzip is not None
        return self._gzip.compress(body) + (b"" if more else self._gzip.flush())
