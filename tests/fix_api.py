"""The API on a real socket and a database of its own, and a client that carries the token."""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString, cast

import httpx
import psycopg
import pytest
import uvicorn

from api.server import make_server
from conductor.settings import Settings
from projections.replay import verify
from tests.answers import check
from tests.fix_postgres import _database, temporary_home

TOKEN = "a-token-of-the-tests-own"
START_SECONDS = 20.0


class Api:
    """A running API, and short words for common wishes; a foreign executor's among them."""

    def __init__(self, url: str, settings: Settings, database_url: str) -> None:
        self.url = url
        self.settings = settings
        self.database_url = database_url
        self.client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=30,
            trust_env=False,
            verify=False,  # noqa: S501 - plain HTTP to this machine; reading the authorities takes 20 ms
            event_hooks={"response": [check]},
        )

    def get(self, path: str, **parameters: Any) -> Any:
        """The answer's JSON; a failure fails the test."""
        answer = self.client.get(f"/api/v1{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, json: Any = None, **more: Any) -> httpx.Response:
        return self.client.post(f"/api/v1{path}", json=json, **more)

    def submit(self, script: str = "true\n", **fields: Any) -> int:
        answer = self.post("/jobs/submit", {"script": script, **fields})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["job_id"])

    def command(self, kind: str, **fields: Any) -> Any:
        """The answer to one command that must be accepted."""
        answer = self.post("/commands", {"type": kind, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def register(self, name: str = "node-1", cpus: int = 4, spool_id: str | None = None, **more: Any) -> int:
        """A node on the API's own spool, unless another one's name is given."""
        told = self.command(
            "RegisterNode",
            node_name=name,
            spool_id=spool_id or self.own_spool_id(),
            boot_id="boot",
            total_cpus=cpus,
            **{"memory_mb": 1000, **more},
        )
        return int(told["incarnation"])

    def own_spool_id(self) -> str:
        """As an executor names a spool when it first comes there."""
        self.settings.spool.mkdir(parents=True, exist_ok=True)
        (self.settings.spool / "spool_id").write_text("spool")
        return "spool"

    def start(self, job_id: int, node: str = "node-1", incarnation: int = 1, pid: int = 4711) -> int:
        """Reserve and allocate as a scheduler and an executor would; the allocation's number."""
        allocation_id = int(self.command("Reserve", job_id=job_id, node_name=node)["allocation_id"])
        process = {"pid": pid, "boot_id": "boot", "start_ticks": 99}
        self.command("Allocate", allocation_id=allocation_id, incarnation=incarnation, process=process)
        return allocation_id

    def end(self, allocation_id: int, exit_code: int = 0, incarnation: int = 1) -> None:
        self.command(
            "Release",
            allocation_id=allocation_id,
            incarnation=incarnation,
            reason="finished",
            exit_code=exit_code,
            exit_signal=None,
        )

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """As the database's administrator."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(cast(LiteralString, statement), parameters)  # a test's own text
            return cursor.fetchall() if cursor.description else []

    def count_events(self) -> int:
        return int(self.sql("SELECT count(*) FROM events")[0][0])

    def differences(self) -> list[str]:
        return [difference.sentence() for difference in verify(self.database_url).differences]


def api_settings(home: Path, **values: Any) -> Settings:
    chosen = {
        "api_port": 0,
        "api_token": TOKEN,
        "poll_seconds": 0.2,
        "lang": "en",
        "api_failure_limit": 0,
        **values,
    }
    return Settings(home=home, **chosen)


@contextmanager
def running_api(settings: Settings, database_url: str) -> Iterator[Api]:
    """The server in a thread of this process, on a free port."""
    server = make_server(settings, database_url)
    thread = threading.Thread(target=server.run, name="api")
    thread.start()
    try:
        api = Api(f"http://127.0.0.1:{_port(server)}", settings, database_url)
        with api.client:
            yield api
    finally:
        server.should_exit = True
        thread.join()


def _port(server: uvicorn.Server) -> int:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        assert time.monotonic() < deadline, "the API did not start"
        time.sleep(0.005)  # uvicorn tells its start by nothing but this flag
    return int(server.servers[0].sockets[0].getsockname()[1])


@pytest.fixture
def api(home: Path, database_url: str) -> Iterator[Api]:
    """Ends with the proof: whatever the test did, every table equals the log."""
    with running_api(api_settings(home), database_url) as api:
        yield api
    assert api.differences() == []


@pytest.fixture(scope="module")
def shared_api(postgres_url: str, template_database: str) -> Iterator[Api]:
    """One API for a whole file of tests that leave the log as it is, and with one node of 4 CPUs."""
    name = f"test_{secrets.token_hex(6)}"
    with temporary_home() as home, _database(postgres_url, name, template_database) as url:
        with running_api(api_settings(home), url) as api:
            api.register()
            api.submit("echo hello\n")
            yield api
        assert api.differences() == []
