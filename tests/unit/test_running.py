"""A task that loses a cancellation, as `asyncio.wait_for` does before Python 3.12, ends all the same."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from conductor import executor
from conductor.executor import _listening
from conductor.handler import Handler, running_handler
from conductor.node_session import WakeUps
from conductor.running import end_tasks
from conductor.scheduler import Scheduler
from conductor.settings import Settings

SETTINGS: Any = Settings(node_name="node-1")
NOTHING: Any = None


async def deaf(*_: Any) -> None:
    """Loses the first cancellation."""
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await asyncio.Event().wait()


async def ends_a_task() -> None:
    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await end_tasks([task])


async def ends_its_handler() -> None:
    async with running_handler(NOTHING, NOTHING):
        await asyncio.sleep(0)


async def ends_its_listener() -> None:
    async with _listening(SETTINGS, "", WakeUps()):
        await asyncio.sleep(0)


async def ends_its_renewals() -> None:
    nowhere: Any = SimpleNamespace(conninfo="host=/nowhere")
    scheduler = Scheduler(pool=nowhere, handler=NOTHING, settings=SETTINGS)
    asyncio.get_running_loop().call_soon(scheduler.stopping.set)
    asyncio.get_running_loop().call_soon(scheduler.wake_up.set)
    await scheduler.run()


@pytest.mark.parametrize("story", [ends_a_task, ends_its_handler, ends_its_listener, ends_its_renewals])
def test_whoever_starts_a_task_leaves_none_behind(
    story: Callable[[], Coroutine[Any, Any, None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def tell() -> set[Any]:
        async with asyncio.timeout(5):
            await story()
        return asyncio.all_tasks() - {asyncio.current_task()}

    monkeypatch.setattr(Handler, "run", deaf)
    monkeypatch.setattr(executor, "listen", deaf)
    assert asyncio.run(tell()) == set()
    assert [thread for thread in threading.enumerate() if thread.name == "leader lease"] == []
