"""The scheduler's memory on its own, loaded or followed: `leader_process URL load|follow` says how long it took."""

import asyncio
import json
import sys
import time

from conductor.database import open_pool
from conductor.running import end_tasks
from conductor.scheduler_memory import Memory, follow, load

LOOK_SECONDS = 0.02


class Gap:
    """The longest that the event loop kept somebody waiting who wanted to look every so often."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def watch(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(LOOK_SECONDS)
            self.seconds = max(self.seconds, time.monotonic() - before - LOOK_SECONDS)


async def measured(url: str, what: str) -> dict[str, float]:
    gap = Gap()
    async with open_pool(url, size=2) as pool:
        watching = asyncio.create_task(gap.watch())
        began_at, cpu_before = time.monotonic(), time.process_time()
        if what == "load":
            memory = await load(pool)
        else:
            memory = Memory()
            await follow(pool, memory)
        seconds, cpu_seconds = time.monotonic() - began_at, time.process_time() - cpu_before
        await end_tasks([watching])
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "gap_seconds": gap.seconds,
        "events": memory.cluster.position,
        "waiting": memory.cluster.waiting,
        "jobs": len(memory.cluster.jobs),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measured(*sys.argv[1:3]))))
