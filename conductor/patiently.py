"""An executor waits for its database: what it has to say can be said later, and jobs run on meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from conductor.database import DatabaseUnavailable, jittered

T = TypeVar("T")

logger = structlog.get_logger("executor")


async def patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    """Again and again while the database is away."""
    while True:
        try:
            return await attempt()
        except DatabaseUnavailable as error:
            logger.warning("executor.database_away", error=str(error))
            await asyncio.sleep(jittered(0.5))
