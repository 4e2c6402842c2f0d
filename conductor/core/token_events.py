"""What happens to tokens: facts of the log as any other, part of `events.Event`."""

from dataclasses import dataclass
from datetime import datetime

from conductor.core.identifiers import NodeName
from conductor.core.roles import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCreated:
    """Whoever has the secret that this is the SHA-256 of may ask, in this role, until then."""

    name: str
    role: Role
    user_name: str
    node_name: NodeName | None
    expires_at: datetime | None
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevoked:
    name: str
    reason: str | None


TokenEvent = TokenCreated | TokenRevoked
