"""How long live commands wait while `conductor replay rebuild` mends a long log's tables beside them.

Promises: a database of its own on the measured system's server; the rebuild is a process of its own, as an operator
starts it; the client submits one job after another through the product's handler, before and during. Refuses to
know: how rows are mended.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

import psycopg

from conductor.core.commands import Submit
from conductor.core.events import Provenance
from conductor.database import open_pool
from conductor.handler import Accepted, running_handler
from projections.rows import changed_rows
from scripts.benchmarks.figures import BenchError, Figure, Floor, Measurement
from scripts.benchmarks.on_a_long_log import long_log_database, run_command
from scripts.benchmarks.system import Measured

# A row in a few hundred of every kind of damage; then tables as autovacuum would have them.
DAMAGES = (
    "UPDATE jobs SET name = 'forged', priority = 7 WHERE mod(id, 500) = 0",
    "UPDATE resource_allocations SET process_id = 1 WHERE mod(id, 700) = 0",
    "DELETE FROM jobs WHERE mod(id, 1100) = 0",
    "DELETE FROM resource_allocations WHERE mod(id, 1300) = 0",
    "INSERT INTO past_allocations SELECT * FROM resource_allocations WHERE mod(id, 1700) = 0",
    "UPDATE nodes SET reason = 'forged'",
    "VACUUM ANALYZE",
)
SUBMISSION = Submit(script="true\n", user_name="alice", submitted_by="bench", held=True)
BY_BENCH = Provenance(actor="bench", channel="bench")
PAUSE_SECONDS = 0.002
LEAST_SECONDS, MOST_SECONDS = 2.0, 20.0  # of the floor


def measure_rebuild(measured: Measured, events: int) -> Measurement:
    """The longest command beside a rebuild, and as long a time without one."""
    url = long_log_database(measured, events)
    with psycopg.connect(url, autocommit=True) as connection:
        for damage in DAMAGES:
            connection.execute(damage.encode())
    began_at = time.monotonic()
    mended: list[int] = []
    during = _client(url, lambda: mended.append(_rebuild(measured, url)))
    took = time.monotonic() - began_at
    without = _client(url, lambda: time.sleep(min(MOST_SECONDS, max(LEAST_SECONDS, took))))
    name = f"{events:,} events, {mended[0]:,} rows mended"
    return Measurement(
        figures=(
            _delay(f"longest of {len(during)} commands beside a rebuild; {name}", max(during), max(without)),
            _delay("median command beside a rebuild", _median(during), _median(without)),
            Figure(
                bench="rebuild", name="events rebuilt from, whole command", value=events / took, unit="/s"
            ),
        )
    )


def _delay(name: str, seconds: float, floor_seconds: float) -> Figure:
    floor = Floor(name="the same without a rebuild", value=floor_seconds * 1000)
    return Figure(bench="rebuild", name=name, value=seconds * 1000, unit="ms", floors=(floor,))


def _median(seconds: Sequence[float]) -> float:
    return sorted(seconds)[len(seconds) // 2]


def _rebuild(measured: Measured, url: str) -> int:
    """How many rows `conductor replay rebuild` mended."""
    done = run_command(measured, url, "replay", "rebuild", "--json", "--reason", "bench")
    return sum(len(keys) for keys in done.answer["rows"].values())


def _client(url: str, beside: Callable[[], object]) -> list[float]:
    """How long each command took, in seconds, one after the other for as long as `beside` runs."""
    taken: list[float] = []
    errors: list[BaseException] = []
    over = threading.Event()

    def run_beside() -> None:
        try:
            beside()
        except (BenchError, OSError) as error:
            errors.append(error)
        finally:
            over.set()

    async def submit() -> None:
        async with open_pool(url, size=2) as pool, running_handler(pool, changed_rows) as handler:
            await handler.handle(SUBMISSION, BY_BENCH)  # the first warms up
            thread = threading.Thread(target=run_beside)
            thread.start()
            while not over.is_set():
                began_at = time.perf_counter()
                outcome = await handler.handle(SUBMISSION, BY_BENCH)
                taken.append(time.perf_counter() - began_at)
                if not isinstance(outcome, Accepted):
                    raise BenchError(f"a submission was refused: {outcome.message}")
                await asyncio.sleep(PAUSE_SECONDS)
            thread.join()

    asyncio.run(submit())
    if errors:
        raise BenchError(str(errors[0]))
    return taken
