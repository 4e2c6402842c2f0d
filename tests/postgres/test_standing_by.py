"""Whoever stands by is ready: his first pass asks the nodes nothing that he could have found before."""

from pathlib import Path

import pytest

from conductor.core.commands import ChangePolicy, DrainNode, ResumeNode
from conductor.core.identifiers import NodeName
from conductor.core.node_use import NodeUse
from conductor.core.placement import plan
from conductor.database import WakeUp
from conductor.scheduler import Scheduler
from conductor.settings import Settings
from tests.fix_engine import Engine


def test_what_changed_while_he_followed_along_is_found_by_then(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(engine: Engine) -> None:
        settings = Settings(home=tmp_path, node_name="here")
        scheduler = Scheduler(pool=engine.pool, handler=engine.handler, settings=settings, wake_up=WakeUp())
        nodes = [NodeName(f"n{number}") for number in range(8)]
        for node in nodes:
            await engine.register(node)
        await engine.accepted(ChangePolicy(changes={"order": "backfill"}))
        for node in nodes:
            await engine.reserve(await engine.submit(time_limit_seconds=600), 0, node=node)
        await engine.submit(cpus_per_task=4)
        await stand_by(scheduler)
        for node in nodes:
            await engine.accepted(DrainNode(node_name=node))
            await engine.accepted(ResumeNode(node_name=node))
        await stand_by(scheduler)
        memory = scheduler._memory
        assert memory is not None
        assert memory.now is not None
        asked: list[NodeName] = []
        soonest = NodeUse.soonest

        def counted(use: NodeUse, demand: object) -> object:
            asked.append(use.node.node_name)
            return soonest(use, demand)  # type: ignore[arg-type]

        monkeypatch.setattr(NodeUse, "soonest", counted)
        planned = plan(memory.cluster, memory.now, frozenset(nodes))
        assert planned.protected is not None
        assert asked == []

    engine.run(story)


async def stand_by(scheduler: Scheduler) -> None:
    scheduler.wake_up.set()
    scheduler._followed_at = -60.0
    await scheduler._stand_by()
