"""Requests as they are sent, with nothing mended, and whatever comes back."""

import contextlib
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.fix_api import TOKEN, Api

BEARER = f"Authorization: Bearer {TOKEN}"
SQL = "'; DROP TABLE jobs; --"
JSON_LINE = "Content-Type: application/json"


@pytest.fixture(autouse=True)
def nothing_appended(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test of the shared API sends, the log is as long afterwards as before."""
    if "shared_api" not in request.fixturenames:
        yield
        return
    server: Api = request.getfixturevalue("shared_api")
    before = server.count_events()
    yield
    assert server.count_events() == before


def port_of(server: Api) -> int:
    return urlsplit(server.url).port or 0


def send_raw(server: Api, request: bytes) -> bytes:
    """Everything that comes back; empty when the connection is just closed."""
    answer = b""
    address = ("127.0.0.1", port_of(server))
    with socket.create_connection(address, timeout=20) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(request)
        while piece := connection.recv(65_536):
            answer += piece
    return answer


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 400


def request_of(line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request as it is sent, with nothing mended."""
    given = ["Host: localhost", "Connection: close", *headers]
    return "\r\n".join([line, *given, "", ""]).encode("utf-8", "surrogateescape") + body
