"""What of others' a caller may read: an executor what its node needs, everybody else all but environments.

Promises: what an executor may not read is refused, not left out, but for listings, which hold its own node's alone.
Refuses to know who may change what; the handler decides that (`conductor/core/rights.py`).
"""

from starlette.requests import Request

from api.answers.problems import Problem
from api.answers.reading import fetch_one
from api.endpoints.selecting import no_such_job
from api.engine import Engine
from api.guard.security import caller_of
from conductor.core.identifiers import JobId
from conductor.core.roles import OPERATORS, Role


def node_asked(request: Request, given: str | None) -> str | None:
    """The node that a listing is to be of: an executor's own; None is all of them."""
    identity = caller_of(request).identity
    if identity.role is not Role.EXECUTOR:
        return given
    if given not in (None, identity.node_name):
        raise _another_node(request)
    return identity.node_name


def own_node(request: Request, node_name: str) -> None:
    """Refuse an executor every node but its own."""
    node_asked(request, node_name)


async def own_job(engine: Engine, request: Request, job_id: JobId, *, live: bool = False) -> None:
    """Refuse an executor the jobs that its node does not have: last had, or with `live` holds now."""
    identity = caller_of(request).identity
    if identity.role is not Role.EXECUTOR:
        return
    place = await fetch_one(engine.pool, "whose_job", {"job_id": job_id})
    if place is None:
        raise no_such_job(job_id)
    if place["node_name"] != identity.node_name or (live and place["status"] == "released"):
        raise _another_node(request)


async def own_environment(engine: Engine, request: Request, job_id: JobId) -> None:
    """Environments may hold secrets: they are for the job's user, for operators, and for the node that runs it."""
    identity = caller_of(request).identity
    if identity.role in OPERATORS:
        return
    if identity.role is Role.EXECUTOR:
        await own_job(engine, request, job_id, live=True)
        return
    place = await fetch_one(engine.pool, "whose_job", {"job_id": job_id})
    if place is None:
        raise no_such_job(job_id)
    if place["user_name"] != identity.user_name:
        raise Problem(403, "forbidden", detail="anothers_environment", user=place["user_name"])


def _another_node(request: Request) -> Problem:
    return Problem(403, "forbidden", detail="another_node", node=caller_of(request).identity.node_name)
