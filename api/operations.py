"""One thing that the API does: a method, a path, whose roles it is for, and the endpoint that does it.

Promises: an endpoint runs only for a caller whose role its operation names. What depends on more than the role (whose
job, which node) the endpoint itself asks. Refuses to know how a caller was recognised.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.problems import Problem
from api.security import caller_of
from conductor.core.roles import Role

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`roles`: who may; None is everybody, also without a token."""

    method: str
    path: str
    endpoint: Endpoint
    roles: frozenset[Role] | None

    def route(self) -> Route:
        """As Starlette knows it."""
        return Route(self.path, self._admitting, methods=[self.method])

    async def _admitting(self, request: Request) -> Response:
        if self.roles is not None and caller_of(request).identity.role not in self.roles:
            raise Problem(403, "forbidden", detail="role_lacks", role=caller_of(request).identity.role)
        return await self.endpoint(request)


def get(path: str, endpoint: Endpoint, roles: frozenset[Role] | None) -> Operation:
    return Operation(method="GET", path=path, endpoint=endpoint, roles=roles)


def post(path: str, endpoint: Endpoint, roles: frozenset[Role] | None) -> Operation:
    return Operation(method="POST", path=path, endpoint=endpoint, roles=roles)


def put(path: str, endpoint: Endpoint, roles: frozenset[Role] | None) -> Operation:
    return Operation(method="PUT", path=path, endpoint=endpoint, roles=roles)
