"""What every request may use: settings, the pool, the handler, the bell. Made when the app starts, ended with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.requests import Request

from api.answers.problems import Problem
from api.answers.reading import fetch_one
from api.guard.known_tokens import KnownTokens
from api.guard.queue_limit import QueueLimit
from api.services.log_tail import LogTail
from api.services.node_output import NodeOutputs
from api.services.past import Past, running_past
from api.services.picture import Picture, running_picture
from api.services.quick_audit import QuickAudit
from api.services.replaying import Replays
from api.services.waits import Waits
from api.services.watch import Bell, JobWatch
from conductor.database import Pool, jittered, listen, open_pool
from conductor.handler import Handler, running_handler
from conductor.log import LOG_CHANNEL, TOKENS_CHANNEL
from conductor.output_file import OUTPUT_ANSWERS_CHANNEL
from conductor.output_keeping import RECEIVED_FOLDERS, keep_for_days
from conductor.running import end_tasks
from conductor.settings import Settings
from conductor.telemetry.process import gauge, watch_wake_up, who_is
from conductor.telemetry.publishing import publishing
from projections.rows import changed_rows

_CATCH_UP_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    settings: Settings
    database_url: str
    pool: Pool
    handler: Handler
    bell: Bell
    watch: JobWatch
    tail: LogTail
    node_outputs: NodeOutputs
    replays: Replays
    past: Past
    picture: Picture
    tokens: KnownTokens
    queue_limit: QueueLimit
    quick_audit: QuickAudit
    waits: Waits

    async def caught_up(self, position: int | None) -> None:
        """Return once the tables show that position. Rows are written with their events, so the head is enough."""
        if position is None:
            return
        deadline = asyncio.get_running_loop().time() + _CATCH_UP_SECONDS
        while True:
            rung = self.bell.rung
            row = await fetch_one(self.pool, "head")
            head = row["position"] if row else 0
            left = deadline - asyncio.get_running_loop().time()
            if head >= position:
                return
            if left <= 0:
                retry = {"Retry-After": "2"}
                raise Problem(503, "position_not_reached", headers=retry, head=head, wanted=position)
            await self.bell.wait_past(rung, min(left, jittered(self.settings.poll_seconds)))


def engine_of(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


@asynccontextmanager
async def running_engine(settings: Settings, database_url: str, tokens: KnownTokens) -> AsyncIterator[Engine]:
    """The engine, with the tasks that commit, listen and watch for as long as the block runs."""
    bell, answers, news_of_tokens = Bell(), Bell(), Bell()
    async with (
        open_pool(database_url, size=settings.database_pool_size) as pool,
        running_handler(pool, changed_rows) as handler,
        running_past(settings, database_url) as past,
        running_picture(database_url) as picture,
        publishing(pool, who_is("api", settings.node_name)),
    ):
        watch = JobWatch(pool, bell, poll_seconds=settings.poll_seconds)
        tail = LogTail(pool, bell, poll_seconds=settings.poll_seconds)
        node_outputs = NodeOutputs(
            pool, answers, poll_seconds=settings.poll_seconds, poll_only=settings.poll_only
        )
        replays = Replays(settings, database_url)
        quick_audit = QuickAudit(pool, settings)
        keeping = keep_for_days(pool, settings.spool, RECEIVED_FOLDERS, settings.output_keep_days)
        watch_wake_up("watch", watch)
        gauge("conductor_follower_position").read(picture.position, "picture")
        gauge("conductor_follower_position").read(lambda: tail.position or None, "sse")
        tasks = [
            asyncio.create_task(watch.run(), name="watch"),
            asyncio.create_task(tail.run(), name="tail"),
            asyncio.create_task(node_outputs.run(), name="outputs"),
            asyncio.create_task(keeping, name="keep"),
            asyncio.create_task(tokens.follow(pool, news_of_tokens, settings.poll_seconds), name="tokens"),
        ]
        if not settings.poll_only:
            bells = {LOG_CHANNEL: bell, OUTPUT_ANSWERS_CHANNEL: answers, TOKENS_CHANNEL: news_of_tokens}
            listening = listen(database_url, list(bells), lambda channel: bells[channel].ring())
            tasks.append(asyncio.create_task(listening, name="listen"))
        try:
            yield Engine(
                settings=settings,
                database_url=database_url,
                pool=pool,
                handler=handler,
                bell=bell,
                watch=watch,
                tail=tail,
                node_outputs=node_outputs,
                replays=replays,
                past=past,
                picture=picture,
                tokens=tokens,
                queue_limit=QueueLimit(pool, settings.api_queue_limit),
                quick_audit=quick_audit,
                waits=Waits(),
            )
        finally:
            await quick_audit.close()
            await replays.close()
            await end_tasks(tasks)
