"""Calls about tokens: make, list, revoke."""

from datetime import datetime

from conductor.client.calls import API, Call, as_shape, get, part, post
from conductor.client.job_calls import said
from conductor.wire.tokens import ChangedToken, TokenList


def create(
    name: str, role: str, user_name: str | None, node_name: str | None, expires_at: datetime | None
) -> Call[ChangedToken]:
    given = {"user_name": user_name, "node_name": node_name, "expires_at": expires_at}
    body = {"name": name, "role": role, **{key: value for key, value in given.items() if value is not None}}
    return post(f"{API}/tokens", as_shape(ChangedToken), body)


def every() -> Call[TokenList]:
    return get(f"{API}/tokens", as_shape(TokenList))


def revoke(name: str, reason: str | None) -> Call[ChangedToken]:
    return post(f"{API}/tokens/{part(name)}/revoke", as_shape(ChangedToken), said(reason))
