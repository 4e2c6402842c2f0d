"""One way to talk to both clients, so that one story proves both."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any

import httpx

from conductor.client import AsyncClient, Client

KINDS = ("sync", "async")
Answer = Callable[[httpx.Request], httpx.Response]
Story = Callable[[Any], Awaitable[None]]


class Awaited:
    """A blocking client behind the awaiting one's face: each call in a thread, so that a story can go on meanwhile."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, "close" if name == "aclose" else name)
        if not inspect.ismethod(found):
            return Awaited(found) if name == "tokens" else found
        if inspect.isgeneratorfunction(found) or "Generator" in str(found.__annotations__.get("return")):
            return lambda *given, **named: _generated(found(*given, **named))
        if name == "follow_output":
            return lambda *given, **named: _entered(found(*given, **named))
        return lambda *given, **named: asyncio.to_thread(found, *given, **named)


async def _generated(source: Generator[Any, None, None]) -> AsyncIterator[Any]:
    end = object()
    try:
        while (item := await asyncio.to_thread(next, source, end)) is not end:
            yield item
    finally:
        source.close()


@asynccontextmanager
async def _entered(source: AbstractContextManager[Iterator[Any]]) -> AsyncIterator[AsyncIterator[Any]]:
    with source as items:
        yield _generated(item for item in items)


def tell(kind: str, story: Story, url: str, token: str | None = None, **more: Any) -> None:
    """Run a story on a client of this kind, which is closed at its end."""

    async def told() -> None:
        client = AsyncClient(url, token, **more) if kind == "async" else Awaited(Client(url, token, **more))
        try:
            await asyncio.wait_for(story(client), 60)
        finally:
            await client.aclose()

    asyncio.run(told())


def tell_offline(kind: str, story: Story, answer: Answer, **more: Any) -> None:
    """The same with answers that the test makes up."""
    tell(kind, story, "http://127.0.0.1:9", "a-token", transport=httpx.MockTransport(answer), **more)


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in pieces, for both kinds; an error among them breaks the connection there."""

    def __init__(self, *pieces: bytes | httpx.TransportError) -> None:
        self.pieces = pieces
        self.taken = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.taken += 1
            if isinstance(piece, httpx.TransportError):
                raise piece
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def in_turn(*answers: httpx.Response | httpx.TransportError) -> tuple[Answer, list[httpx.Request]]:
    """Gives the answers one after the other, the last one for ever, and the requests that were made."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        now = answers[min(len(seen), len(answers)) - 1]
        if isinstance(now, httpx.TransportError):
            raise now
        return now

    return answer, seen
