"""PostgreSQL, reached: pooled connections in the service's role, a listening connection, named queries.

Promises: every connection of a pool is autocommit, READ COMMITTED, UTC, and has put on the role
`<name>_service`, which may read everything and write nothing but through functions. Notifications are hints:
a listener that loses its connection reports a wake-up as soon as it is back.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any, LiteralString, cast

import orjson
import psycopg
from psycopg import AsyncConnection, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from conductor.core.errors import ConductorError
from conductor.core.said import Said

OLDEST_SERVER = 15

set_json_loads(orjson.loads)

# A half-open connection must not be trusted for ever; seconds and counts as in the TCP options.
_KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "connect_timeout": 10,
}
_HEARTBEAT_SECONDS = 10.0
_POOL_TIMEOUT_SECONDS = 3.0  # a request that finds no connection within this is told so
_RECONNECT_SECONDS = (0.1, 5.0)  # first and longest pause between attempts, jittered

Pool = AsyncConnectionPool[AsyncConnection[TupleRow]]


class DatabaseUnavailable(ConductorError):
    """PostgreSQL cannot be reached or did not answer; whether a write happened is not known."""


class DatabaseNotReady(ConductorError):
    """The database has no schema of Conductor's yet."""


def connect_error(database_url: str, error: Exception) -> str:
    """What a person needs to know, with no password in it."""
    parts = conninfo_to_dict(database_url)
    where = f"{parts.get('host', 'the default socket')}:{parts.get('port', 5432)}"
    said = " ".join(str(error).split()).rstrip(".?")
    return Said("database_away", where=where, name=parts.get("dbname", "by default"), why=said)


def load_queries(package: str, file: str) -> Mapping[str, LiteralString]:
    """Named statements of a `.sql` file: `-- name: NAME` begins each, a line of purpose may follow."""
    text = resources.files(package).joinpath(file).read_text("utf-8")
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)[1:]
    # The text is ours, from the package; psycopg asks for a literal to keep users' text out.
    return {
        name: cast(LiteralString, body.strip()) for name, body in zip(parts[::2], parts[1::2], strict=True)
    }


_SERVICE_ROLE = """
    SELECT regexp_replace(pg_get_userbyid(relowner), '_owner$', '') || '_service'
    FROM pg_class WHERE oid = to_regclass('public.events')
"""


async def prepare(connection: AsyncConnection[Any]) -> None:
    """Make a new connection one of the service's. Raises `DatabaseNotReady`."""
    await connection.set_autocommit(True)
    row = await (await connection.execute(_SERVICE_ROLE)).fetchone()
    if row is None:
        name = connection.info.dbname
        await connection.close()
        raise DatabaseNotReady(Said("no_schema", name=name))
    await connection.execute(
        sql.SQL("SET ROLE {}; SET TIME ZONE 'UTC'; SET jit = off").format(sql.Identifier(row[0]))
    )


async def connect(database_url: str) -> AsyncConnection[TupleRow]:
    """One connection in the service's role. Raises `DatabaseUnavailable`, `DatabaseNotReady`."""
    try:
        connection = await AsyncConnection.connect(
            database_url, autocommit=True, **cast(dict[str, Any], _KEEPALIVE)
        )
        await prepare(connection)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(connect_error(database_url, error)) from error
    return connection


@asynccontextmanager
async def open_pool(database_url: str, *, size: int) -> AsyncIterator[Pool]:
    """A pool of up to `size` connections; opened lazily, so that PostgreSQL may come later."""
    pool: Pool = AsyncConnectionPool(
        database_url,
        min_size=1,
        max_size=size,
        open=False,
        configure=prepare,
        kwargs={"autocommit": True, **_KEEPALIVE},
        reconnect_timeout=5.0,
        timeout=_POOL_TIMEOUT_SECONDS,
        check=None,
    )
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close(timeout=2.0)


async def check_ready(database_url: str) -> None:
    """Raises `DatabaseUnavailable` or `DatabaseNotReady` unless the service can work with the database now."""
    connection = await connect(database_url)
    await connection.close()


def jittered(seconds: float) -> float:
    """A pause of about that long: many processes must not wake in step."""
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, guards nothing


class WakeUp:
    """A flag that notifications set and one loop waits for. Setting it twice is waking once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.by_notification = 0
        self.by_poll = 0

    def set(self) -> None:
        self._event.set()

    async def wait(self, timeout_seconds: float) -> None:
        """Return at the next wake-up, or when the poll interval has passed."""
        try:
            # Not `wait_for`: before Python 3.12 it swallows a cancellation that comes in the turn of the wake-up.
            async with asyncio.timeout(jittered(timeout_seconds)):
                await self._event.wait()
            self.by_notification += 1
        except TimeoutError:
            self.by_poll += 1
        self._event.clear()


async def listen(database_url: str, channels: list[str], woken: Callable[[str], None]) -> None:
    """Call `woken(channel)` at every notification, for ever; run it as a task and cancel it.

    LISTEN comes first and a wake-up for every channel right after it, so that nothing that happened in
    between is missed; the same after every reconnect. A heartbeat checks that the server still answers.
    """
    pause = _RECONNECT_SECONDS[0]
    while True:
        try:
            async with await connect(database_url) as connection:
                for channel in channels:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                for channel in channels:
                    woken(channel)
                pause = _RECONNECT_SECONDS[0]
                await _relay(connection, woken)
        except (psycopg.Error, ConductorError, OSError, TimeoutError):
            await asyncio.sleep(jittered(pause))
            pause = min(pause * 2, _RECONNECT_SECONDS[1])


async def _relay(connection: AsyncConnection[Any], woken: Callable[[str], None]) -> None:
    while True:
        async for notification in connection.notifies(timeout=_HEARTBEAT_SECONDS):
            woken(notification.channel)
        async with asyncio.timeout(_HEARTBEAT_SECONDS):
            await connection.execute("SELECT 1")
