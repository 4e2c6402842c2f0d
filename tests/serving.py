"""A node's side of reading outputs, in a thread of the test's own: a spool that the API knows nothing of."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conductor.database import Pool, WakeUp, listen, open_pool
from conductor.output_file import output_channel
from conductor.output_server import serve_outputs
from conductor.settings import Settings


@contextmanager
def serving_node(
    database_url: str,
    home: Path,
    name: str = "node-1",
    *,
    poll_only: bool = False,
) -> Iterator[Path]:
    """Serves until the block ends; gives the node's spool."""
    settings = Settings(home=home, node_name=name, poll_seconds=0.2, poll_only=poll_only)
    (settings.spool / "output").mkdir(parents=True)
    loop, ready, ending = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        wake_up = WakeUp()
        async with open_pool(database_url, size=2) as pool:
            tasks = [asyncio.create_task(serve_outputs(pool, settings, wake_up))]
            if not poll_only:
                heard = asyncio.Event()

                def wake(_: str) -> None:
                    heard.set()
                    wake_up.set()

                tasks.append(asyncio.create_task(listen(database_url, [output_channel(name)], wake)))
                await heard.wait()
            await _until_served(pool, name)
            ready.set()
            await ending.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name=name)
    thread.start()
    try:
        assert ready.wait(20), "the node does not serve"
        yield settings.spool
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def _until_served(pool: Pool, name: str) -> None:
    async with pool.connection() as connection:
        seen = "SELECT FROM output_servers WHERE node_name = %s"
        while await (await connection.execute(seen, [name])).fetchone() is None:
            await asyncio.sleep(0.01)
