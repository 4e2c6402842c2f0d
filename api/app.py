"""The application: routes, guard, and how a failure becomes a problem document."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.answers.compressing import Compressing
from api.answers.problems import RETRY_AFTER_SECONDS, Problem, problem_response
from api.answers.texts import Language
from api.engine import running_engine
from api.guard.known_tokens import KnownTokens
from api.guard.security import Guard, caller_of
from api.measuring import Measured, Named
from api.routes import OPERATIONS, ROUTES
from api.services.waits import Ending
from conductor.database import DatabaseUnavailable
from conductor.settings import Settings, read_or_make_token

logger = structlog.get_logger("api")


def create_app(settings: Settings, database_url: str) -> Starlette:
    """The API over one database. Its engine runs from the application's start to its end."""

    tokens = KnownTokens(None if settings.api_auth == "off" else read_or_make_token(settings))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with running_engine(settings, database_url, tokens) as engine:
            app.state.engine = engine
            yield

    app = Starlette(
        routes=ROUTES,
        lifespan=lifespan,
        middleware=[
            Middleware(Measured, routes=ROUTES),
            Middleware(Guard, settings=settings, tokens=tokens),
            Middleware(Ending),
            Middleware(Compressing),
            Middleware(Named),
        ],
        exception_handlers={
            Problem: _problem,
            DatabaseUnavailable: _database_unavailable,
            HTTPException: _no_route,
            ClientDisconnect: _gone,
            Exception: _failure,
        },
    )
    app.router.redirect_slashes = False  # another path is another path; nobody is sent elsewhere
    app.state.document = _written
    return app


@cache
def _written(language: Language) -> bytes:
    """The API's document. What it takes to write one is loaded when somebody first asks for it."""
    from api.described import DESCRIPTIONS
    from api.document.openapi import document

    return document(OPERATIONS, DESCRIPTIONS, language)


async def _problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    return problem_response(problem, caller_of(request).language)


async def _database_unavailable(request: Request, error: Exception) -> Response:
    logger.warning("database.unavailable", error=str(error))
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    detail = "database_silent" if request.method in ("GET", "HEAD") else None
    problem = Problem(503, "database_unavailable", detail=detail, headers=retry)
    return problem_response(problem, caller_of(request).language)


async def _no_route(request: Request, _error: Exception) -> Response:
    problem = Problem(404, "no_such_path")
    return problem_response(problem, caller_of(request).language)


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it


async def _failure(request: Request, error: Exception) -> Response:
    """A mistake of ours. The cause is in the server's log, never in the answer."""
    caller = caller_of(request)
    logger.error("request.failed", path=request.url.path, exc_info=error)
    problem = Problem(500, "internal", request_id=caller.request_id)
    return problem_response(problem, caller.language)
