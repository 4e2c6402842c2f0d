"""The part of an audit that reads the whole log, run in a process of its own.

Promises: one at a time; whoever asks while one runs shares the next with all others that wait, so nobody is told
what was true before he asked; the process ends with the API.
"""

import asyncio
import contextlib
import sys

import structlog

from api.answers.problems import Problem
from conductor.running import end_tasks
from conductor.settings import Settings, child_environment
from projections.audit_replay import Replayed, from_json

_COMMAND = (sys.executable, "-P", "-m", "projections.audit_replay")

logger = structlog.get_logger("api")


class Replays:
    """Replays of one database's log."""

    def __init__(self, settings: Settings, database_url: str) -> None:
        self._settings = settings
        self._database_url = database_url
        self._running: asyncio.Task[Replayed] | None = None
        self._next: asyncio.Task[Replayed] | None = None

    async def replay(self) -> Replayed:
        """What a replay that began after this call found. Raises `Problem`."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running), name="replay")
            self._next.add_done_callback(_looked_at)
        return await asyncio.shield(self._next)

    async def close(self) -> None:
        await end_tasks([task for task in (self._next, self._running) if task is not None])

    async def _after(self, before: asyncio.Task[Replayed] | None) -> Replayed:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        return await self._run()

    async def _run(self) -> Replayed:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *_COMMAND, stdin=pipe, stdout=pipe, stderr=pipe, env=child_environment(self._settings)
        )
        try:
            told, complaint = await process.communicate(f"{self._database_url}\n".encode())
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode == 0:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                return from_json(told)
        why = (complaint.decode("utf-8", "replace").strip().splitlines() or [f"code {process.returncode}"])[
            -1
        ]
        logger.error("audit.replay_failed", code=process.returncode, why=why)
        raise Problem(503, "replay_failed", why=why.rstrip("."))


def _looked_at(task: asyncio.Task[Replayed]) -> None:
    """Whoever asked may have left: a failure was logged, and is nobody's mistake."""
    if not task.cancelled():
        task.exception()
