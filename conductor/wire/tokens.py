"""Tokens as administrators see them. A secret is in one answer, and never again."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from pydantic import Field

from conductor.core.roles import Role
from conductor.wire.shapes import Kept, Sometimes

RoleName = Annotated[str, Field(json_schema_extra={"enum": [str(role) for role in Role]})]
TokenState = Annotated[str, Field(json_schema_extra={"enum": ["active", "expired", "revoked"]})]


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token that was made, its secret left out."""

    name: str
    role: RoleName
    state: TokenState
    user_name: str | None
    node_name: str | None
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedToken(Token):
    """A token just made or revoked; `token` is its secret, when it was just made."""

    position: int
    token: Sometimes[str] = None
    raw: Kept = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenList:
    """Every token there ever was, oldest first."""

    tokens: tuple[Token, ...]
    raw: Kept = field(default_factory=dict, repr=False, compare=False)
