"""What takes long is done beside the event loop: a pass over very many queues, and a change of the policy."""

import asyncio
import threading
from pathlib import Path

import pytest

from conductor import scheduler as module
from conductor.core.cluster import Cluster
from conductor.core.commands import ChangePolicy
from conductor.core.events import PolicyChanged, RecordedEvent
from conductor.core.placement import Plan, plan
from conductor.scheduler import Scheduler
from conductor.settings import Settings
from tests.fix_engine import Engine


def test_a_long_pass_and_a_new_policy_do_not_hold_the_loop(
    engine: Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planning: set[threading.Thread] = set()
    changing: set[threading.Thread] = set()
    apply = Cluster.apply

    def planned(*given: object, **chosen: object) -> Plan:
        planning.add(threading.current_thread())
        return plan(*given, **chosen)  # type: ignore[arg-type]

    def applied(cluster: Cluster, recorded: RecordedEvent) -> None:
        if isinstance(recorded.event, PolicyChanged):
            changing.add(threading.current_thread())
        apply(cluster, recorded)

    monkeypatch.setattr(module, "_MANY_QUEUES", 0)
    monkeypatch.setattr(module, "plan", planned)
    monkeypatch.setattr(Cluster, "apply", applied)

    async def story(engine: Engine) -> None:
        scheduler = Scheduler(
            pool=engine.pool,
            handler=engine.handler,
            settings=Settings(home=home, node_name="one", poll_seconds=0.02),
        )
        running = asyncio.create_task(scheduler.run())
        async with asyncio.timeout(30):
            while not planning:
                await asyncio.sleep(0.02)
            await engine.accepted(ChangePolicy(changes={"order": "backfill"}))
            while not changing:
                await asyncio.sleep(0.02)
        scheduler.stopping.set()
        scheduler.wake_up.set()
        await running

    engine.run(story)
    assert threading.main_thread() not in planning | changing
