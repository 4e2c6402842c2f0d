"""Pieces of output from the nodes that have them: asked for and answered through PostgreSQL.

Promises: an answer, or `None` when the node gave none in time; at once when no executor serves that node. Works
without notifications too, a poll interval slower. Refuses to know which file it is.
"""

import asyncio
import uuid
from dataclasses import dataclass

from psycopg.rows import dict_row

from api.answers.reading import SQL, Row
from api.services.watch import Bell
from conductor.database import DatabaseUnavailable, Pool, jittered
from conductor.log import reachable
from conductor.output_file import PIECE_BYTES, Missing, Piece, Stream, output_channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """`first_byte` None asks for the end. Up to `wait_seconds` the node may wait for something new."""

    node_name: str
    job_id: int
    attempt: int
    stream: Stream
    first_byte: int | None
    most_bytes: int = PIECE_BYTES
    wait_seconds: float = 0.0


class NodeSilent(Exception):
    """No answer: `served` tells whether somebody was there to give one."""

    def __init__(self, *, served: bool) -> None:
        super().__init__("served" if served else "not served")
        self.served = served


class NodeOutputs:
    """Asks, and hands every answer to who waits for it; however many wait, a ring costs one query."""

    def __init__(self, pool: Pool, bell: Bell, *, poll_seconds: float, poll_only: bool) -> None:
        self._pool = pool
        self._bell = bell
        self._poll_seconds = poll_seconds
        # Without notifications the request is found at the node's next look, and the answer at ours.
        self._slack_seconds = 2.5 * poll_seconds if poll_only else 0.0
        self._waiting: dict[uuid.UUID, asyncio.Future[Piece | Missing]] = {}
        self._withdrawn: set[uuid.UUID] = set()
        self._wanted = asyncio.Event()

    async def ask(self, wish: Wish, patience_seconds: float) -> Piece | Missing:
        """Raises `NodeSilent`, `DatabaseUnavailable`."""
        request = uuid.uuid4()
        future = asyncio.get_running_loop().create_future()
        self._waiting[request] = future  # before it is asked for, so that no answer comes too early
        self._wanted.set()
        try:
            if not await self._asked(request, wish):
                raise NodeSilent(served=False)
            patience_seconds += wish.wait_seconds + self._slack_seconds
            return await asyncio.wait_for(future, patience_seconds)
        except TimeoutError:
            self._withdraw(request)
            raise NodeSilent(served=True) from None
        except asyncio.CancelledError:
            self._withdraw(request)
            raise
        finally:
            del self._waiting[request]

    def _withdraw(self, request: uuid.UUID) -> None:
        """Nobody waits for it any more; the next query says so."""
        self._withdrawn.add(request)
        self._wanted.set()
        self._bell.ring()

    async def _asked(self, request: uuid.UUID, wish: Wish) -> bool:
        values = {
            "request": request,
            "node_name": wish.node_name,
            "job_id": wish.job_id,
            "attempt": wish.attempt,
            "stream": wish.stream,
            "first_byte": wish.first_byte,
            "most_bytes": wish.most_bytes,
            "wait_seconds": wish.wait_seconds,
            "channel": output_channel(wish.node_name),
        }
        async with reachable(self._pool) as connection:
            row = await (await connection.execute(SQL["ask_for_output"], values)).fetchone()
        return bool(row and row[0])

    async def run(self) -> None:
        """Hand out answers, for ever; run it as a task and cancel it."""
        while True:
            if not self._waiting and not self._withdrawn:
                self._wanted.clear()
                await self._wanted.wait()
            rung = self._bell.rung
            try:
                await self._collect()
            except DatabaseUnavailable:
                await asyncio.sleep(jittered(0.2))
            await self._bell.wait_past(rung, jittered(self._poll_seconds))

    async def _collect(self) -> None:
        async with (
            reachable(self._pool) as connection,
            connection.cursor(row_factory=dict_row, binary=True) as cursor,
        ):
            withdrawn = list(self._withdrawn)
            values = {"requests": list(self._waiting), "withdrawn": withdrawn}
            await cursor.execute(SQL["take_outputs"], values)
            self._withdrawn.difference_update(withdrawn)
            for row in await cursor.fetchall():
                future = self._waiting.get(row["request_id"])
                if future is not None and not future.done():
                    future.set_result(_found(row))


def _found(row: Row) -> Piece | Missing:
    if row["missing"] is not None:
        return Missing(code=row["missing"], path=row["path"])
    return Piece(data=row["data"], first_byte=row["first_byte"], total_bytes=row["total_bytes"])
