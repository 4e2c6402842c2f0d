"""One thing that the API does: a method, a path, whose roles it is for, and the endpoint that does it.

Promises: an endpoint runs only for a caller whose role its operation names. What depends on more than the role (whose
job, which node) the endpoint itself asks. A path takes the methods of its operations and no other, whatever else it
might be read as: `/jobs/submit` is never job `submit`. Refuses to know how a caller was recognised.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.answers.problems import Problem
from api.guard.security import caller_of
from conductor.core.roles import Role

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`roles`: who may; None is everybody, also without a token."""

    method: str
    path: str
    endpoint: Endpoint
    roles: frozenset[Role] | None

    async def admitting(self, request: Request) -> Response:
        if self.roles is not None and caller_of(request).identity.role not in self.roles:
            raise Problem(403, "forbidden", detail="role_lacks", role=caller_of(request).identity.role)
        return await self.endpoint(request)


class _Path:
    """All that one path does, by method. `HEAD` is `GET`, whose body the server leaves out."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._operations: Mapping[str, Operation] = {one.method: one for one in operations}
        heads = ["HEAD"] if "GET" in self._operations else []
        self._allowed = ", ".join(sorted([*self._operations, *heads]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        method = "GET" if request.method == "HEAD" else request.method
        operation = self._operations.get(method)
        if operation is None:
            raise Problem(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "method_not_allowed",
                headers={"Allow": self._allowed},
                method=request.method[:20],
                allowed=self._allowed,
            )
        response = await operation.admitting(request)
        await response(scope, receive, send)


def routes_of(operations: Iterable[Operation]) -> list[Route]:
    """As Starlette knows them, one a path, in the order in which paths are named first."""
    by_path: dict[str, list[Operation]] = {}
    for one in operations:
        by_path.setdefault(one.path, []).append(one)
    return [Route(path, _Path(found)) for path, found in by_path.items()]


def get(path: str, endpoint: Endpoint, roles: frozenset[Role] | None) -> Operation:
    return Operation(method="GET", path=path, endpoint=endpoint, roles=roles)


def post(path: str, endpoint: Endpoint, roles: frozenset[Role] | None) -> Operation:
    return Operation(method="POST", path=path, endpoint=endpoint, roles=roles)


def put(path: str, endpoint: Endpoint, roles: frozenset[Role] | None) -> Operation:
    return Operation(method="PUT", path=path, endpoint=endpoint, roles=roles)
