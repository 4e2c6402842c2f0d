"""What every long-running process of ours does alike: stop when it is told to."""

import asyncio
import signal
from collections.abc import Callable, Collection
from typing import Any


def stop_on_signals(stopping: asyncio.Event, *also: Callable[[], None]) -> None:
    """Set `stopping`, and call whatever else must notice, at SIGTERM or SIGINT."""

    def stop() -> None:
        stopping.set()
        for notice in also:
            notice()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


async def end_tasks(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel them until they have ended.

    Once is not enough: before Python 3.12 `asyncio.wait_for`, which the connection pool uses, loses a cancellation that
    comes in the turn of what it waited for, and the task runs on.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.1)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # whoever cares has seen it; nobody else is told


async def first_of(tasks: Collection[asyncio.Task[None]], *, return_when: str) -> None:
    """Wait; raises what one of them raised."""
    done, _ = await asyncio.wait(tasks, return_when=return_when)
    for task in done:
        task.result()
