"""Who asks for much and reads nothing: cut off after a while, and what is kept for it meanwhile is little."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from api.guard import connections
from tests.fix_api import Api
from tests.raw_http import BEARER, nothing_appended, port_of, request_of

__all__ = ["nothing_appended"]  # a fixture

BUNDLE = "GET /docs/swagger-ui-bundle.js HTTP/1.1"
Made = list[connections.BoundedProtocol]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Made:
    """The server's side of every connection made from now on."""
    made: Made = []
    begin = connections.BoundedProtocol.connection_made

    def noted(self: connections.BoundedProtocol, transport: asyncio.Transport) -> None:
        # Linux would take megabytes off our hands; a thousand such clients have filled what it has for all.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        begin(self, transport)
        made.append(self)

    monkeypatch.setattr(connections.BoundedProtocol, "connection_made", noted)
    return made


@contextlib.contextmanager
def asked(api: Api, request: bytes) -> Iterator[socket.socket]:
    """A client with a small window that has asked and reads nothing."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect(("127.0.0.1", port_of(api)))
        client.sendall(request)
        yield client


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def is_stuck(served: Made) -> bool:
    return bool(served) and served[0].flow.write_paused


@pytest.mark.parametrize("kept", [True, False])
def test_who_reads_nothing_is_cut_off(
    shared_api: Api, served: Made, monkeypatch: pytest.MonkeyPatch, *, kept: bool
) -> None:
    """Whether it wants to keep the connection or has it closed behind the answer, and without a token."""
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.3)
    request = request_of(BUNDLE)
    with asked(shared_api, request.replace(b"Connection: close\r\n", b"") if kept else request):
        assert until(lambda: is_stuck(served))
        assert until(lambda: not served[0].connections)


def test_the_end_of_an_answer_that_nobody_reads_is_not_kept(
    shared_api: Api, served: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is written whole, and a connection that is closed behind it but for what is left."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.3)
    line = "GET /metrics HTTP/1.1"
    with asked(shared_api, request_of(line, BEARER)) as client:
        assert until(lambda: bool(served) and served[0].transport.is_closing())
        assert served[0].transport.get_write_buffer_size() > 0
        assert until(lambda: not served[0].connections)
        assert b"200 OK" in client.recv(4096)


def test_an_answer_that_is_read_slowly_comes_whole(
    shared_api: Api, served: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a head may take: the client reads on, and nothing is asked of it meanwhile."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    with asked(shared_api, request_of(BUNDLE)) as client:
        assert until(lambda: is_stuck(served))
        time.sleep(0.5)  # longer than a head may take
        answer = b""
        with contextlib.suppress(ConnectionError):
            while piece := client.recv(65_536):
                answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(body) in head + b"\r\n"


@pytest.mark.parametrize("line", [BUNDLE, "GET /openapi.json HTTP/1.1"])
def test_what_needs_no_token_is_not_kept_whole_for_who_does_not_read(
    shared_api: Api, served: Made, line: str
) -> None:
    with asked(shared_api, request_of(line)):
        assert until(lambda: is_stuck(served))
        assert served[0].transport.get_write_buffer_size() < 128 * 1024
