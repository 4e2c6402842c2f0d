"""The stream `tokens`: who may ask, in which role, until when.

A secret is never here, only its SHA-256: 256 random bits cannot be found again from it. A name is given once and never
again, so that whatever the log says was done by `ci` was done by that one. Refuses to know how a secret is carried.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from conductor.core.commands import CreateToken, RevokeToken
from conductor.core.errors import IllegalTransition, Rejection, RejectionCode
from conductor.core.identifiers import Version
from conductor.core.roles import Role
from conductor.core.said import Said
from conductor.core.token_events import TokenCreated, TokenEvent, TokenRevoked

# Those that requests have without such a token: the home's own, and any where authentication is off.
HOME_NAME, NOBODYS_NAME = "admin", "anonymous"
# Also what imported jobs say of themselves.
RESERVED = frozenset({HOME_NAME, NOBODYS_NAME, "scns-conductor"})

# Of every secret that is made, so that it is recognised where it should not be; the home's own has none.
SECRET_PREFIX = "cdr_"  # noqa: S105 (no secret itself)

# Nothing that CONDUCTOR_RUN_AS separates names by, and no @, which the names of our own processes have.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token, as the log tells of it."""

    name: str
    role: Role
    user_name: str
    node_name: str | None
    expires_at: datetime | None
    sha256: str
    created_at: datetime
    revoked_at: datetime | None = None
    reason: str | None = None  # of the revocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A fold of the stream, by name."""

    version: Version = Version(0)
    by_name: Mapping[str, Token] = field(default_factory=dict)


def is_tokens_name(identity: str) -> bool:
    """Whether one of these tokens may be meant, and not the home's own or nobody's."""
    return _NAME.fullmatch(identity) is not None and identity.lower() not in RESERVED


def evolve(tokens: Tokens, event: TokenEvent, *, at: datetime, version: Version) -> Tokens:
    """Raises `IllegalTransition` for a name given twice, or a revocation of what there is not."""
    before = tokens.by_name.get(event.name)
    match event:
        case TokenCreated():
            if before is not None:
                raise IllegalTransition(f"a token {event.name} was created before")
            after = Token(
                name=event.name,
                role=event.role,
                user_name=event.user_name,
                node_name=event.node_name,
                expires_at=event.expires_at,
                sha256=event.sha256,
                created_at=at,
            )
        case TokenRevoked():
            if before is None or before.revoked_at is not None:
                raise IllegalTransition(f"there is no token {event.name} to revoke")
            after = replace(before, revoked_at=at, reason=event.reason)
    return Tokens(version=version, by_name={**tokens.by_name, event.name: after})


def decide(
    command: CreateToken | RevokeToken, tokens: Tokens | None, *, at: datetime
) -> tuple[TokenEvent, ...] | Rejection:
    """One event; none for a revocation of what is revoked."""
    known = tokens or Tokens()
    return _create(command, known, at) if isinstance(command, CreateToken) else _revoke(command, known)


def _create(command: CreateToken, tokens: Tokens, at: datetime) -> tuple[TokenCreated, ...] | Rejection:
    name = command.name
    if not _NAME.fullmatch(name):
        return _invalid("name", Said("token_name"))
    if name.lower() in RESERVED:
        return _invalid("name", Said("token_reserved", name=name))
    taken = next((one for one in tokens.by_name if one.lower() == name.lower()), None)
    if taken is not None:
        return _invalid("name", Said("token_taken", name=taken))
    if (command.role is Role.EXECUTOR) != (command.node_name is not None):
        return _invalid("node_name", Said("token_node"))
    if command.expires_at is not None and command.expires_at <= at:
        return _invalid("expires_at", Said("token_past"))
    if not _SHA256.fullmatch(command.sha256):
        return _invalid("sha256", Said("token_digest"))
    return (
        TokenCreated(
            name=name,
            role=command.role,
            user_name=command.user_name or name,
            node_name=command.node_name,
            expires_at=command.expires_at,
            sha256=command.sha256,
        ),
    )


def _revoke(command: RevokeToken, tokens: Tokens) -> tuple[TokenRevoked, ...] | Rejection:
    token = tokens.by_name.get(command.name)
    if token is None:
        return Rejection(
            code=RejectionCode.NOT_FOUND,
            message=Said("no_token", name=command.name),
            field="name",
        )
    return () if token.revoked_at else (TokenRevoked(name=command.name, reason=command.reason),)


def _invalid(field_name: str, message: str) -> Rejection:
    return Rejection(code=RejectionCode.INVALID, message=message, field=field_name)
