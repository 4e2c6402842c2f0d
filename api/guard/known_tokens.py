"""Which tokens there are, in memory: the home's own, and those of the log's stream `tokens`.

Promises: recognising a token asks the database nothing; a secret is looked for by its SHA-256 alone, so that how long
it takes tells nothing of it; what was revoked anywhere is refused here within a poll interval. While the database is
away, what was known goes on being known. Refuses to know what may be done in which role.
"""

import contextlib
import hashlib
import hmac
import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import psycopg
import structlog

from api.answers.reading import fetch
from api.identity import Identity
from api.services.watch import Bell
from conductor.codec import decode
from conductor.core.errors import ConductorError
from conductor.core.identifiers import NodeName
from conductor.core.roles import Role
from conductor.core.token_events import TokenCreated, TokenRevoked
from conductor.core.tokens import HOME_NAME, NOBODYS_NAME, SECRET_PREFIX, Token, Tokens, evolve
from conductor.database import DatabaseUnavailable, Pool, jittered

logger = structlog.get_logger("api")

Unknown = Literal["unauthorized", "token_expired", "token_revoked", "tokens_unknown"]


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    identity: Identity
    sha256: str
    expires_at: datetime | None = None
    is_revoked: bool = False


class KnownTokens:
    """`home_token` None: authentication is off, and everybody may do everything."""

    def __init__(self, home_token: str | None) -> None:
        account = _account_of_this_process()
        name = NOBODYS_NAME if home_token is None else HOME_NAME
        # Its jobs belong to the account that runs them unless they name another.
        self._own = Identity(name=name, user_name=account, role=Role.ADMIN)
        self._home = None if home_token is None else _Known(identity=self._own, sha256=digest_of(home_token))
        self._by_digest: dict[str, _Known] = {}
        self._tokens = Tokens()
        self._last_hash: bytes | None = None
        self._is_read = False
        self._complaint = ""
        self._put(())

    def identity(self, secret: str, now: datetime | None = None) -> Identity | Unknown:
        """Whose it is, or why nobody's."""
        if self._home is None:
            return self._own
        digest = digest_of(secret)
        known = self._by_digest.get(digest) if secret else None
        if known is None or not hmac.compare_digest(known.sha256, digest):
            return (
                "unauthorized" if self._is_read or not secret.startswith(SECRET_PREFIX) else "tokens_unknown"
            )
        if known.is_revoked:
            return "token_revoked"
        if known.expires_at is not None and known.expires_at <= (now or datetime.now(UTC)):
            return "token_expired"
        return known.identity

    async def look(self, pool: Pool) -> None:
        """Fold what the stream has that is not known yet; from its beginning when it is no more what it was."""
        rows = await fetch(pool, "tokens_since", {"version": self._tokens.version})
        if self._tokens.version and (not rows or rows[0]["hash"] != self._last_hash):
            self._tokens, self._last_hash = Tokens(), None
            rows = await fetch(pool, "tokens_since", {"version": 0})
        news = [row for row in rows if row["version"] > self._tokens.version]
        self._is_read = True
        if news or not rows:
            self._tokens = folded(self._tokens, news)
            self._last_hash = rows[-1]["hash"] if rows else None
            self._put(self._tokens.by_name.values())

    async def follow(self, pool: Pool, bell: Bell, poll_seconds: float) -> None:
        """Look at every ring and every poll interval, for ever; run it as a task and cancel it."""
        while True:
            rung = bell.rung
            await self.try_to_look(pool)
            await bell.wait_past(rung, jittered(poll_seconds))

    async def try_to_look(self, pool: Pool) -> None:
        """Or leave it as it was, and say so once, when the log cannot be read."""
        try:
            with contextlib.suppress(DatabaseUnavailable):
                await self.look(pool)
                self._complaint = ""
        except (psycopg.Error, ConductorError, ValueError) as error:
            if self._complaint != type(error).__name__:
                self._complaint = type(error).__name__
                logger.error("tokens.unreadable", error=type(error).__name__)

    def _put(self, tokens: Sequence[Token] | Any) -> None:
        known = {one.sha256: _known(one) for one in tokens}
        self._by_digest = known | ({self._home.sha256: self._home} if self._home else {})


def folded(tokens: Tokens, rows: Sequence[dict[str, Any]]) -> Tokens:
    """With these events of the stream. Raises `ConductorError`, `ValueError`."""
    for row in rows:
        event = decode(row["type"], row["schema_version"], row["data"])
        if isinstance(event, TokenCreated | TokenRevoked):
            tokens = evolve(tokens, event, at=row["at"], version=row["version"])
    return tokens


def _known(token: Token) -> _Known:
    identity = Identity(
        name=token.name,
        user_name=token.user_name,
        role=token.role,
        node_name=None if token.node_name is None else NodeName(token.node_name),
    )
    return _Known(
        identity=identity,
        sha256=token.sha256,
        expires_at=token.expires_at,
        is_revoked=token.revoked_at is not None,
    )


def _account_of_this_process() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's number without a name
        return str(os.geteuid())
