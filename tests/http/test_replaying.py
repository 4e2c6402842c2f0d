"""Replays for the audit: one at a time, none that began before it was asked for, and none outlives the API."""

import asyncio
import sys
from pathlib import Path

import pytest

import api.services.replaying
from api.services.replaying import Replays
from projections.audit_replay import Replayed
from tests.fix_api import api_settings
from tests.fix_system import alive

NOTHING = Replayed(findings=[], events=0, position=0, rows=0, differences=0)


def test_one_runs_at_a_time_and_whoever_waits_shares_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[int] = []
    running = 0

    async def story() -> None:
        replays = Replays(api_settings(tmp_path), "postgresql://nowhere")
        go_on = asyncio.Event()

        async def run(_: Replays) -> Replayed:
            nonlocal running
            running += 1
            assert running == 1
            began.append(len(began))
            await go_on.wait()
            running -= 1
            return NOTHING

        monkeypatch.setattr(Replays, "_run", run)
        first = asyncio.create_task(replays.replay())
        while not began:
            await asyncio.sleep(0)
        later = [asyncio.create_task(replays.replay()) for _ in range(5)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert began == [0]
        go_on.set()
        assert await asyncio.gather(first, *later) == [NOTHING] * 6
        assert began == [0, 1]
        await replays.close()

    asyncio.run(story())


def test_it_ends_with_the_api_and_a_client_that_left_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "pid"
    program = f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid()) + '\\n'); time.sleep(600)"
    monkeypatch.setattr(api.services.replaying, "_COMMAND", (sys.executable, "-c", program))

    async def story() -> int:
        replays = Replays(api_settings(tmp_path), "postgresql://nowhere")
        client = asyncio.create_task(replays.replay())
        async with asyncio.timeout(20):
            while not (told.exists() and told.read_text().endswith("\n")):
                await asyncio.sleep(0.01)  # a file tells its coming by nothing else
        pid = int(told.read_text())
        client.cancel()
        await asyncio.wait([client])
        assert alive(pid)
        await replays.close()
        return pid

    assert not alive(asyncio.run(story()))
