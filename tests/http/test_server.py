"""The API as a process: it ends in order, and says plainly why it does not begin."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from api.server import listening_socket
from conductor.settings import SettingsError, child_environment
from tests.fix_api import TOKEN, api_settings

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def served(home: Path, database_url: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`conductor api` in a process of its own, ready, and its URL."""
    with listening_socket("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    settings = api_settings(home, api_port=port, database_url=database_url)
    command = [sys.executable, "-P", "-m", "conductor", "api"]
    environment = {**child_environment(settings), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, cwd="/") as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(process, url)
            yield process, url
        finally:
            process.kill()


def wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/ready", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise AssertionError("the API did not become ready")


def test_sigterm_ends_it_in_order_although_somebody_follows(home: Path, database_url: str) -> None:
    with served(home, database_url) as (process, url):
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
            job_id = client.post("/jobs/submit", json={"script": "true\n"}).json()["job_id"]
            with client.stream("GET", f"/api/v1/jobs/{job_id}/output?follow=1") as answer:
                assert answer.status_code == 200
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=15) == 0


def test_sigint_ends_it_in_order(home: Path, database_url: str) -> None:
    with served(home, database_url) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=15) == 0


def test_a_port_that_is_taken_is_told_with_the_setting_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port}.*CONDUCTOR_API_PORT"):
            listening_socket("127.0.0.1", port)


def test_a_host_that_is_not_here_is_told() -> None:
    with pytest.raises(SettingsError, match="CONDUCTOR_API_HOST"):
        listening_socket("192.0.2.1", 0)
