"""Who waits for something when the server ends is answered, and told to come again."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.server import make_server
from tests.fix_api import Api, _port, api_settings

SECONDS = 20.0


@pytest.mark.parametrize(
    ("method", "path", "at_once"),
    [
        ("GET", "/jobs/1?wait=final&timeout=60", True),
        ("GET", "/allocations?status=released&wait=60", True),
        ("POST", "/jobs/1/cancel?wait=60", True),
        ("GET", "/jobs/1?at_least=999", False),
    ],
)
def test_a_wait_ends_with_the_server_and_says_when_to_come_again(
    method: str, path: str, at_once: bool, home: Path, database_url: str
) -> None:
    settings = api_settings(home)
    server = make_server(settings, database_url)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        api = Api(f"http://127.0.0.1:{_port(server)}", settings, database_url)
        with api.client, ThreadPoolExecutor() as pool:
            api.register()
            api.start(api.submit())
            waits = pool.submit(api.client.request, method, f"/api/v1{path}")
            deadline = time.monotonic() + SECONDS
            while not server.server_state.tasks:
                assert time.monotonic() < deadline
                time.sleep(0.005)  # nothing else tells that a request is under way
            began = time.monotonic()
            server.should_exit = True
            answer = waits.result(SECONDS)
        assert (answer.status_code, answer.headers.get("retry-after")) == (503, "2"), answer.text
        assert answer.json()["code"] == "server_ending"
        assert (time.monotonic() - began < 2.5) == at_once  # uvicorn's patience is 3 seconds
    finally:
        server.should_exit = True
        thread.join()
