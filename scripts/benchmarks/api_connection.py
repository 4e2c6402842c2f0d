"""One kept-alive connection of a client that costs next to nothing, for it takes its time from the same CPUs.

Promises: a request is one write; an answer is read by its Content-Length, whatever else its head says. `http.client`
takes 90 microseconds a request, this one 20.
Refuses to know: redirects, chunks, cookies; the API sends none where it is measured.
"""

import socket
from typing import Self
from urllib.parse import urlsplit

from scripts.benchmarks.figures import BenchError

_PATIENCE_SECONDS = 60
_PIECE = 256 * 1024
_LEAST_REFUSAL = 400


class ApiConnection:
    """One at a time may ask."""

    def __init__(self, url: str, token: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port), _PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = (
            f"Host: {address.netloc}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
            "Accept-Encoding: identity\r\n"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The answer's body. Raises `BenchError` when it is a refusal."""
        length = f"Content-Length: {len(body)}\r\n" if body is not None else ""
        self._socket.sendall(f"{method} {path} HTTP/1.1\r\n{self._head}{length}\r\n".encode() + (body or b""))
        status, content = self._answer(f"{method} {path}")
        if status >= _LEAST_REFUSAL:
            raise BenchError(f"{method} {path} was answered with {status}: {content.decode()[:500]}")
        return content

    def _answer(self, asked: str) -> tuple[int, bytes]:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._piece(asked)
        head, content = received[:end].lower(), received[end + 4 :]
        _, found, rest = head.partition(b"\r\ncontent-length:")
        if not found:
            raise BenchError(f"{asked} was answered without a Content-Length")
        pieces, missing = [content], int(rest.partition(b"\r\n")[0]) - len(content)
        while missing > 0:
            pieces.append(self._piece(asked))
            missing -= len(pieces[-1])
        return int(head[9:12]), b"".join(pieces)

    def _piece(self, asked: str) -> bytes:
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise BenchError(f"{asked}: the API closed the connection")
        return piece
