"""The API in this process, on a database of the test's own, and a client that carries the token."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api.app import create_app
from conductor.settings import Settings

TOKEN = "a-token-of-the-tests-own"

Conversation = Callable[[httpx.AsyncClient], Coroutine[Any, Any, None]]


def api_settings(home: Path, **values: Any) -> Settings:
    return Settings(home=home, api_token=TOKEN, poll_seconds=0.2, lang="en", **values)


@asynccontextmanager
async def running_api(settings: Settings, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose requests go straight into the application, with no socket between."""
    app = create_app(settings, database_url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost:8000", headers=headers, timeout=30
        ) as client:
            yield client


class Api:
    """One application on one database; every conversation starts it anew."""

    def __init__(self, home: Path, database_url: str) -> None:
        self.settings = api_settings(home)
        self.database_url = database_url

    def talk(self, conversation: Conversation, **settings: Any) -> None:
        async def run() -> None:
            chosen = self.settings.model_copy(update=settings)
            async with running_api(chosen, self.database_url) as client:
                await conversation(client)

        asyncio.run(run())

    def count_events(self) -> int:
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute("SELECT count(*) FROM events").fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def api(home: Path, database_url: str) -> Api:
    return Api(home, database_url)
