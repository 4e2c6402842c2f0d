"""The bench's own client reads whole answers, however they come, and hides no refusal."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scripts.benchmarks.api_connection import ApiConnection
from scripts.benchmarks.figures import BenchError


@contextmanager
def _answering(*pieces: bytes) -> Iterator[str]:
    """A server that answers one request in these pieces, then closes; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                for piece in pieces:
                    connection.sendall(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            thread.join()


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 201 Created\r\ncontent-length: 5\r\n\r\nwhole",),
        (b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 5\r\n\r", b"\nwh", b"ole"),
    ],
)
def test_an_answer_is_read_whole(pieces: tuple[bytes, ...]) -> None:
    with _answering(*pieces) as url, ApiConnection(url, "token") as connection:
        assert connection.ask("GET", "/") == b"whole"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nwait", "429: wait"),
        (b"HTTP/1.1 200 OK\r\n\r\nno end", "without a Content-Length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "closed"),
    ],
)
def test_anything_else_ends_the_bench(answer: bytes, said: str) -> None:
    with (
        _answering(answer) as url,
        ApiConnection(url, "token") as connection,
        pytest.raises(BenchError, match=said),
    ):
        connection.ask("GET", "/")
