"""Tokens, from the client's side: made, listed, revoked. For administrators."""

from datetime import datetime
from urllib.parse import quote

from conductor.client.connection import Connection
from conductor.client.errors import UnexpectedAnswer
from conductor.client.models import Raw

_TOKENS = "/api/v1/tokens"


class Tokens:
    """The tokens of one server."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self,
        name: str,
        *,
        role: str,
        user_name: str | None = None,
        node_name: str | None = None,
        expires_at: datetime | None = None,
    ) -> Raw:
        """A new one; `token` of the answer is its secret, which nothing else ever tells."""
        body = {
            "name": name,
            "role": role,
            "user_name": user_name,
            "node_name": node_name,
            "expires_at": None if expires_at is None else expires_at.isoformat(),
        }
        return _object(self._connection.json("POST", _TOKENS, body=body))

    def list(self) -> Raw:
        """All there ever were, `{"tokens": [...]}`, without their secrets."""
        return _object(self._connection.json("GET", _TOKENS))

    def revoke(self, name: str, *, reason: str | None = None) -> Raw:
        """End it. Ended already: as it was."""
        path = f"{_TOKENS}/{quote(name, safe='')}/revoke"
        return _object(self._connection.json("POST", path, body={"reason": reason}))


def _object(raw: object) -> Raw:
    if not isinstance(raw, dict):
        raise UnexpectedAnswer("the server answered with something that is no JSON object; is the URL right?")
    return raw
