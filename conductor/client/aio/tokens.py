"""Tokens: who may talk to the server, and as what."""

from datetime import datetime

from conductor.client import token_calls
from conductor.client.aio.connection import AsyncConnection
from conductor.wire.tokens import ChangedToken, TokenList


class AsyncTokens:
    """`client.tokens`; for administrators."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(
        self,
        name: str,
        role: str,
        *,
        user_name: str | None = None,
        node_name: str | None = None,
        expires_at: datetime | None = None,
    ) -> ChangedToken:
        """A new one; `token` of the answer is its secret, which nothing else ever tells."""
        call = token_calls.create(name, role, user_name, node_name, expires_at)
        return await self._connection.ask(call)

    async def list(self) -> TokenList:
        """All there ever were, without their secrets."""
        return await self._connection.ask(token_calls.every())

    async def revoke(self, name: str, *, reason: str | None = None) -> ChangedToken:
        """From now on nobody is let in with it."""
        return await self._connection.ask(token_calls.revoke(name, reason))
