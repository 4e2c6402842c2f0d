"""Calls about tokens: make, list, revoke."""

from datetime import datetime

import httpx

from conductor.client.calls import API, Call, as_object, as_shape, get, part, post
from conductor.client.job_calls import said
from conductor.client.models import read
from conductor.client.shapes import Token


def create(
    name: str, role: str, user_name: str | None, node_name: str | None, expires_at: datetime | None
) -> Call[Token]:
    given = {"user_name": user_name, "node_name": node_name, "expires_at": expires_at}
    body = {"name": name, "role": role, **{key: value for key, value in given.items() if value is not None}}
    return post(f"{API}/tokens", as_shape(Token), body)


def every() -> Call[tuple[Token, ...]]:
    def reads(answer: httpx.Response) -> tuple[Token, ...]:
        return tuple(read(Token, one) for one in as_object(answer)["tokens"])

    return get(f"{API}/tokens", reads)


def revoke(name: str, reason: str | None) -> Call[Token]:
    return post(f"{API}/tokens/{part(name)}/revoke", as_shape(Token), said(reason))
