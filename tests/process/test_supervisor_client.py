"""The executor's client: what goes in as a request comes out as a typed event, through any executor's death."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import conductor
from conductor.supervisor.launch import SupervisorNotStarted, start_detached
from conductor.supervisor_client import (
    Discarded,
    Event,
    Exited,
    Gated,
    GateRequest,
    LaunchFailed,
    NotHeld,
    Opened,
    SupersededExecutor,
    SupervisorClient,
    SupervisorGone,
    SupervisorRefused,
    ensure_supervisor,
)
from tests.process.supervised import PATIENCE_SECONDS, answers, gone, output_of, until


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Path]:
    """The spool of a supervisor that `ensure_supervisor` may have started; it holds nothing afterwards."""
    spool = tmp_path / "spool"
    yield spool
    lock = spool / "supervisor.lock"
    if lock.exists():
        pid = int(lock.read_text())
        if not gone(pid):
            os.kill(pid, signal.SIGTERM)
            until(lambda: gone(pid), "the supervisor to go")


async def until_event(client: SupervisorClient, kind: type[Event], allocation_id: int) -> Event:
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for event in client.events():
            if isinstance(event, kind) and event.allocation_id == allocation_id:
                return event
    raise AssertionError


def test_a_job_goes_from_gate_to_exit(spool: Path) -> None:
    async def scenario() -> list[Event]:
        client = await ensure_supervisor(spool, 1)
        client.gate(GateRequest(allocation_id=7, job_id=42, attempt=1, script="echo hello\n"))
        seen: list[Event] = []
        while not seen or not isinstance(seen[-1], Exited):
            async with asyncio.timeout(PATIENCE_SECONDS):
                for event in await client.next_events():
                    seen.append(event)
                    if isinstance(event, Gated):
                        client.open(event.allocation_id)
        client.forget(7)
        client.open(7)
        seen.append(await until_event(client, NotHeld, 7))
        await client.close()
        return seen

    gated, opened, exited, not_held = asyncio.run(scenario())
    assert isinstance(gated, Gated)
    assert gated.process.start_ticks > 0
    assert opened == Opened(7)
    assert isinstance(exited, Exited)
    assert (exited.exit_code, exited.detail) == (0, None)
    assert not_held == NotHeld(7, "open")
    assert output_of(spool, 42) == b"hello\n"


def test_a_discarded_and_a_failed_launch_are_told(spool: Path, tmp_path: Path) -> None:
    async def scenario() -> tuple[Event, Event]:
        client = await ensure_supervisor(spool, 1)
        client.gate(GateRequest(allocation_id=1, job_id=1, attempt=1, script=f"echo ran >{tmp_path}/ran\n"))
        await until_event(client, Gated, 1)
        client.discard(1)
        discarded = await until_event(client, Discarded, 1)
        client.gate(GateRequest(allocation_id=2, job_id=2, attempt=1, script="", work_dir="/nonexistent"))
        failed = await until_event(client, LaunchFailed, 2)
        client.forget(2)
        await client.close()
        return discarded, failed

    discarded, failed = asyncio.run(scenario())
    assert discarded == Discarded(1)
    assert failed == LaunchFailed(
        2, "The work folder /nonexistent does not exist on this node; create it or name another work_dir."
    )
    assert not (tmp_path / "ran").exists()


def test_the_next_executor_finds_what_the_last_one_left(spool: Path) -> None:
    async def scenario() -> None:
        first = await ensure_supervisor(spool, 1)
        for number in (1, 2):
            first.gate(GateRequest(allocation_id=number, job_id=number, attempt=3, script="exec sleep 300\n"))
            await until_event(first, Gated, number)
        first.open(2)
        await until_event(first, Opened, 2)
        await first.close()
        second = await ensure_supervisor(spool, 2)
        assert second.supervisor_pid == first.supervisor_pid
        assert [(held.allocation_id, held.attempt, held.stage) for held in second.held] == [
            (1, 3, "gated"),
            (2, 3, "running"),
        ]
        second.discard(1)
        second.stop(2)
        exited = await until_event(second, Exited, 2)
        assert isinstance(exited, Exited)
        assert (exited.exit_signal, exited.cause) == (signal.SIGTERM, "cancelled")
        second.forget(2)
        await second.close()

    asyncio.run(scenario())


def test_an_older_executor_is_told_that_it_is_superseded(spool: Path) -> None:
    async def scenario() -> None:
        older = await ensure_supervisor(spool, 1)
        newer = await SupervisorClient.connect(spool, 2)
        with pytest.raises(SupersededExecutor, match="Incarnation 2"):
            await older.next_events()
        with pytest.raises(SupersededExecutor):
            await SupervisorClient.connect(spool, 1)
        await older.close()
        await newer.close()

    asyncio.run(scenario())


def test_a_supervisor_that_is_gone_is_a_typed_error(spool: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(SupervisorGone, match="No supervisor answers"):
            await SupervisorClient.connect(spool, 1)
        client = await ensure_supervisor(spool, 1)
        os.kill(client.supervisor_pid, signal.SIGKILL)
        with pytest.raises(SupervisorGone):
            await client.next_events()
        await client.close()
        again = await ensure_supervisor(spool, 1)
        assert again.supervisor_pid != client.supervisor_pid
        await again.close()

    asyncio.run(scenario())


def test_a_request_of_another_version_is_a_typed_error(spool: Path) -> None:
    async def scenario() -> None:
        client = await ensure_supervisor(spool, 1)
        client.stop("one")  # type: ignore[arg-type]
        with pytest.raises(SupervisorRefused, match="allocation_id as int"):
            await client.next_events()
        await client.close()

    asyncio.run(scenario())


def test_trust_that_ends_is_told_as_the_cause(spool: Path) -> None:
    async def scenario() -> dict[int, Event]:
        client = await ensure_supervisor(spool, 1)
        client.trust(300.0, 10.0)
        client.gate(GateRequest(allocation_id=1, job_id=1, attempt=1, script="", stop_when_untrusted=True))
        client.gate(
            GateRequest(
                allocation_id=2, job_id=2, attempt=1, script="exec sleep 300\n", stop_when_untrusted=True
            )
        )
        await until_event(client, Gated, 2)
        client.open(2)
        await until_event(client, Opened, 2)
        client.trust(1.0, 1.0)
        ends: dict[int, Event] = {}
        while len(ends) < 2:
            async with asyncio.timeout(PATIENCE_SECONDS):
                ends |= {event.allocation_id: event for event in await client.next_events()}
        await client.close()
        return ends

    ends = asyncio.run(scenario())
    assert isinstance(ends[1], LaunchFailed)
    assert isinstance(ends[2], Exited)
    assert ends[1].cause == ends[2].cause == "untrusted"


def test_an_older_supervisor_becomes_the_installed_one_and_keeps_its_jobs(
    spool: Path, tmp_path: Path
) -> None:
    program = tmp_path / "program" / "conductor"
    source = Path(conductor.__file__).parent
    shutil.copytree(source / "supervisor", program / "supervisor")
    shutil.copy(source / "__init__.py", program)
    protocol = program / "supervisor" / "protocol.py"
    installed = protocol.read_text()
    protocol.write_text(installed.replace("PROTOCOL_VERSION = ", "PROTOCOL_VERSION = 1000 + "))
    command = [sys.executable, "-I", "-S", str(program / "supervisor" / "__main__.py"), "--spool", str(spool)]
    older = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    until(lambda: answers(spool), "the older supervisor")
    with pytest.raises(SupervisorRefused, match="speaks protocol"):
        asyncio.run(SupervisorClient.connect(spool, 1))
    protocol.write_text(installed)

    async def scenario() -> int:
        client = await ensure_supervisor(spool, 1)
        await client.close()
        return client.supervisor_pid

    assert asyncio.run(scenario()) == older.pid
    older.terminate()
    assert older.wait(PATIENCE_SECONDS) == 0


def test_several_that_start_a_supervisor_at_once_share_one(spool: Path) -> None:
    async def scenario() -> int:
        await asyncio.gather(*(asyncio.to_thread(start_detached, spool) for _ in range(3)))
        client = await SupervisorClient.connect(spool, 1)
        await client.close()
        return client.supervisor_pid

    assert asyncio.run(scenario()) == int((spool / "supervisor.lock").read_text())
    assert (spool / "supervisor.log").read_text().count("holds the spool") == 2


def test_a_detached_supervisor_is_nobodys_child_and_leaves_the_session(spool: Path) -> None:
    async def scenario() -> int:
        client = await ensure_supervisor(spool, 1)
        await client.close()
        return client.supervisor_pid

    pid = asyncio.run(scenario())
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    assert int(fields[1]) != os.getpid()
    assert int(fields[3]) != os.getsid(0)


def test_what_keeps_a_supervisor_from_starting_is_told(spool: Path) -> None:
    spool.mkdir()
    spool.chmod(0o777)
    with pytest.raises(SupervisorNotStarted, match="chmod go-w"):
        asyncio.run(ensure_supervisor(spool, 1))
    spool.chmod(0o700)
