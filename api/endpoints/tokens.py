"""`/api/v1/tokens`: made, listed, revoked. The secret is in the answer that makes it and nowhere else."""

import secrets
from typing import Annotated, Any

from pydantic import BaseModel, Field, WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from api.answers.problems import refused
from api.answers.reading import Row, answer, fetch
from api.endpoints.jobs import ReadQuery, Why
from api.engine import Engine, engine_of
from api.guard.known_tokens import digest_of, folded
from api.guard.security import caller_of
from api.requests.bodies import SMALL, json_body, optional_json_body
from api.requests.fields import Instant, NodeNameText, UserName
from api.requests.submission import STRICT
from api.requests.validation import refuse_query, validated, validated_query
from conductor.core import commands
from conductor.core.errors import Rejection
from conductor.core.identifiers import NodeName
from conductor.core.roles import Role
from conductor.core.tokens import SECRET_PREFIX, Token, Tokens

_SECRET_BYTES = 32


class NewToken(BaseModel):
    """The body of `POST /api/v1/tokens`."""

    model_config = STRICT

    name: Annotated[str, Field(min_length=1, max_length=63)]
    role: Annotated[
        Role, Field(strict=False), WithJsonSchema({"type": "string", "enum": [str(role) for role in Role]})
    ]
    user_name: UserName | None = None
    node_name: NodeNameText | None = None
    expires_at: Instant | None = None


async def create(request: Request) -> Response:
    refuse_query(request)
    given = validated(NewToken, await json_body(request, SMALL))
    engine, caller = engine_of(request), caller_of(request)
    secret = SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    command = commands.CreateToken(
        name=given.name,
        role=given.role,
        sha256=digest_of(secret),
        user_name=given.user_name,
        node_name=None if given.node_name is None else NodeName(given.node_name),
        expires_at=given.expires_at,
    )
    outcome = await engine.handler.handle(command, caller.provenance(), rights=caller.identity.rights)
    if isinstance(outcome, Rejection):
        raise refused(outcome)
    await engine.tokens.try_to_look(engine.pool)
    return answer({**await _one(engine, given.name), "token": secret, "position": outcome.position}, 201)


async def revoke(request: Request) -> Response:
    """From now on nobody gets in with it: at once here, within a poll interval elsewhere."""
    refuse_query(request)
    why = validated(Why, await optional_json_body(request, SMALL))
    engine, caller = engine_of(request), caller_of(request)
    command = commands.RevokeToken(name=request.path_params["name"][:80], reason=why.reason)
    outcome = await engine.handler.handle(command, caller.provenance(), rights=caller.identity.rights)
    if isinstance(outcome, Rejection):
        raise refused(outcome)
    await engine.tokens.try_to_look(engine.pool)
    return answer({**await _one(engine, command.name), "position": outcome.position})


async def list_tokens(request: Request) -> Response:
    engine = engine_of(request)
    await engine.caught_up(validated_query(ReadQuery, request).at_least)
    return answer({"tokens": await _all(engine)})


async def _one(engine: Engine, name: str) -> dict[str, Any]:
    return next(one for one in await _all(engine) if one["name"] == name)


async def _all(engine: Engine) -> list[dict[str, Any]]:
    """As the log has them, oldest first."""
    rows = await fetch(engine.pool, "tokens_since", {"version": 0})
    by = {(row["type"], row["data"]["name"]): row["metadata"].get("actor") for row in rows}
    now = rows[0]["now"] if rows else None
    return [_document(token, by, now) for token in folded(Tokens(), rows).by_name.values()]


def _document(token: Token, by: dict[tuple[str, str], Any], now: Any) -> Row:
    expired = token.expires_at is not None and token.expires_at <= now
    return {
        "name": token.name,
        "role": token.role,
        "state": "revoked" if token.revoked_at else "expired" if expired else "active",
        "user_name": token.user_name,
        "node_name": token.node_name,
        "created_at": token.created_at,
        "created_by": by.get(("TokenCreated", token.name)),
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "revoked_by": by.get(("TokenRevoked", token.name)),
        "reason": token.reason,
    }
