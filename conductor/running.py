"""What every long-running process of ours does alike: stop when it is told to."""

import asyncio
import signal
from collections.abc import Callable


def stop_on_signals(stopping: asyncio.Event, *also: Callable[[], None]) -> None:
    """Set `stopping`, and call whatever else must notice, at SIGTERM or SIGINT."""

    def stop() -> None:
        stopping.set()
        for notice in also:
            notice()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
