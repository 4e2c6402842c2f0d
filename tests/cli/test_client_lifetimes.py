"""Clients while servers come and go: restarts, cancelled waits, many threads, nothing left open, nothing imported that
a machine without a server lacks."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from conductor.client import AsyncClient, Client, Submission
from conductor.settings import Settings
from projections.replay import verify
from tests.both_clients import KINDS, tell
from tests.fix_api import TOKEN, Api, api_settings, running_api
from tests.source import ROOT

both = pytest.mark.parametrize("kind", KINDS)


class Restarted:
    """An API that can be ended and begun again on the port it had; its clients know nothing of it."""

    def __init__(self, home: Path, database_url: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.settings: Settings = api_settings(home, api_port=port)
        self.database_url = database_url
        self.url = f"http://127.0.0.1:{port}"
        self._running = ExitStack()
        self.api: Api
        self.begin()

    def begin(self) -> None:
        self.api = self._running.enter_context(running_api(self.settings, self.database_url))

    def end(self) -> None:
        self._running.close()

    def restart(self) -> None:
        self.end()
        self.begin()


@pytest.fixture
def restarted(home: Path, database_url: str) -> Iterator[Restarted]:
    restarted = Restarted(home, database_url)
    yield restarted
    restarted.end()
    assert [one.sentence() for one in verify(database_url).differences] == []


def sends(client: Any, seen: Callable[[httpx.Request], object]) -> None:
    """Tell of every request that is sent."""
    inner = getattr(client, "inner", client)
    http = inner._connection._http
    if isinstance(http, httpx.AsyncClient):

        async def hook(request: httpx.Request) -> None:
            seen(request)

        http.event_hooks = {"request": [hook]}
    else:
        http.event_hooks = {"request": [seen]}


@both
def test_a_wait_and_a_stream_outlive_restarts(kind: str, restarted: Restarted) -> None:
    """Both are under way when the server goes; the job writes and ends while nobody serves, or afterwards."""
    api = restarted.api
    api.register()
    job_id = api.submit()
    allocation_id = api.start(job_id)
    file = api.settings.spool / "output" / f"job_{job_id}.out"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"first\n")

    async def story(client: Any) -> None:
        polled = asyncio.Event()
        loop = asyncio.get_running_loop()
        sends(client, lambda request: "wait" in request.url.params and loop.call_soon_threadsafe(polled.set))
        waiting = asyncio.create_task(client.wait(job_id))
        came = bytearray()
        changed = asyncio.Condition()

        async def copy() -> None:
            async for piece in client.stream_output(job_id):
                async with changed:
                    came.extend(piece)
                    changed.notify_all()

        async def until(end: bytes) -> None:
            async with changed:
                await changed.wait_for(lambda: came.endswith(end))

        copying = asyncio.create_task(copy())
        await asyncio.gather(polled.wait(), until(b"first\n"))
        await asyncio.to_thread(restarted.end)
        with file.open("ab") as more:
            more.write(b"second\n")
        await asyncio.to_thread(restarted.begin)
        await until(b"second\n")
        assert not waiting.done()
        with file.open("ab") as more:
            more.write(b"last\n")
        await asyncio.to_thread(restarted.api.end, allocation_id)
        await copying
        assert (await waiting).state == "COMPLETED"
        assert bytes(came) == b"first\nsecond\nlast\n"

    tell(kind, story, restarted.url, TOKEN)


@both
def test_events_that_are_followed_come_once_over_a_restart(kind: str, restarted: Restarted) -> None:
    async def story(client: Any) -> None:
        events = client.follow_events(after=0, event_type="JobSubmitted")
        for number in (1, 2):
            restarted.api.submit()
            assert (await anext(events)).stream == f"job-{number}"
        await asyncio.to_thread(restarted.restart)
        restarted.api.submit()
        assert (await anext(events)).stream == "job-3"
        await events.aclose()

    tell(kind, story, restarted.url, TOKEN)


def open_connections(client: AsyncClient | Client) -> list[Any]:
    transport: Any = client._connection._http._transport
    return list(transport._pool.connections)


def test_a_wait_that_is_cancelled_ends_at_once_and_lets_go_of_its_connection(api: Api) -> None:
    job_id = api.submit()

    async def story(client: AsyncClient) -> None:
        polled = asyncio.Event()
        sends(client, lambda request: polled.set())
        waits = [asyncio.create_task(client.wait(job_id)) for _ in range(3)]
        await polled.wait()
        for wait in waits:
            wait.cancel()
        found = await asyncio.wait_for(asyncio.gather(*waits, return_exceptions=True), 5)
        assert [type(one) for one in found] == [asyncio.CancelledError] * 3
        assert [one for one in open_connections(client) if not one.is_idle()] == []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.wait(job_id)
        assert (await client.job(job_id)).state == "PENDING"

    async def told() -> None:
        async with AsyncClient(api.url, TOKEN) as client:
            await story(client)

    asyncio.run(told())


@both
def test_who_finds_every_connection_in_use_waits_for_his_turn(kind: str, api: Api) -> None:
    job_id = api.submit()

    async def story(client: Any) -> None:
        polls = [client.wait_once(job_id, 0.1) for _ in range(7)]
        assert {job.state for job in await asyncio.gather(*polls)} == {"PENDING"}
        assert len(open_connections(getattr(client, "inner", client))) <= 2

    tell(kind, story, api.url, TOKEN, connections=2)


def test_one_connection_does_for_requests_one_after_the_other(api: Api) -> None:
    with Client(api.url, TOKEN) as client:
        ids = [client.submit(Submission(script="true\n")).job_id for _ in range(5)]
        assert [client.job(job_id).id for job_id in ids] == ids
        assert len(open_connections(client)) == 1


def test_threads_share_a_client(api: Api) -> None:
    with Client(api.url, TOKEN, at_least=0) as client, ThreadPoolExecutor(8) as threads:

        def work(number: int) -> int:
            job = client.submit(Submission(script="true\n", name=str(number)))
            assert client.job(job.job_id).name == str(number)
            assert client.position >= (job.position or 0) > 0
            return job.job_id

        assert sorted(threads.map(work, range(80))) == list(range(1, 81))
        assert client.position == 80


LEAVING = """
import asyncio, gc, sys
from conductor.client import AsyncClient, Client

url, token = sys.argv[1:]
with Client(url, token) as client:
    for job in client.iterate_jobs():
        break
    for event in client.follow_events(after=0):
        break
    for piece in client.stream_output(1):
        break

async def main():
    async with AsyncClient(url, token) as client:
        async for event in client.follow_events(after=0):
            break
        waiting = asyncio.create_task(client.wait(1))
        await client.job(1)
        waiting.cancel()

asyncio.run(main())
gc.collect()
print("left")
"""


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)


def test_who_leaves_early_leaves_nothing_open(api: Api) -> None:
    api.submit()
    api.command("Cancel", job_id=1)
    done = python(LEAVING, api.url, TOKEN)
    assert (done.stdout, done.stderr) == ("left\n", "")


ALONE = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[3].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from conductor.client import Client, Submission, connect
with Client(*sys.argv[1:3]) as client:
    print(client.submit(Submission(script="true")).job_id, connect().url)
ours = {name for name in sys.modules if name.split(".")[0] in ("conductor", "api", "projections", "migrations")}
print(*sorted({".".join(name.split(".")[:2]) for name in ours}))
"""
SERVERS = "psycopg,psycopg_pool,starlette,uvicorn,orjson,msgspec,typer,structlog,psutil,cryptography,api,projections"


def test_a_machine_without_a_server_needs_httpx_and_pydantic_alone(api: Api) -> None:
    done = python(ALONE, api.url, TOKEN, SERVERS)
    assert done.stderr == ""
    first, modules = done.stdout.splitlines()
    assert first == "1 http://127.0.0.1:8000"
    rooms = {"client", "core", "crash_points", "home", "setting_names", "setting_values", "settings", "wire"}
    assert {name.partition(".")[2] for name in modules.split()} - {""} <= rooms


@pytest.mark.parametrize("module", ["conductor.settings", "conductor.core.commands", "asyncio"])
def test_what_a_client_may_never_need_is_not_imported_with_it(module: str) -> None:
    """A command of the command line is not slower to start for it."""
    done = python(f"import sys, conductor.client; print({module!r} in sys.modules)")
    assert (done.stdout, done.stderr) == ("False\n", "")
