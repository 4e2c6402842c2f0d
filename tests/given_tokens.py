"""Clients with tokens of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.fix_api import Api


@contextmanager
def of_role(api: Api, role: str, name: str | None = None, **more: Any) -> Iterator[httpx.Client]:
    """A client that carries a new token."""
    name = name or f"a-{role}"
    if role == "executor":
        more.setdefault("node_name", "node-1")
    answer = api.post("/tokens", {"name": name, "role": role, **more})
    assert answer.status_code == 201, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    with httpx.Client(base_url=f"{api.url}/api/v1", headers=headers, timeout=30, trust_env=False) as client:
        yield client
