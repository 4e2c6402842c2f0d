"""Tokens: who may talk to the server, and as what."""

# Made from `aio/tokens.py` by `scripts/write_sync_client.py`; change it there.

from datetime import datetime

from conductor.client import token_calls
from conductor.client.connection import Connection
from conductor.wire.tokens import ChangedToken, TokenList


class Tokens:
    """`client.tokens`; for administrators."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
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
        return self._connection.ask(call)

    def list(self) -> TokenList:
        """All there ever were, without their secrets."""
        return self._connection.ask(token_calls.every())

    def revoke(self, name: str, *, reason: str | None = None) -> ChangedToken:
        """From now on nobody is let in with it."""
        return self._connection.ask(token_calls.revoke(name, reason))
