"""A job's output is copied whole and once, whatever happens to the connection."""

import io
import re
import threading
from collections.abc import Iterator

import httpx
import pytest

from conductor.cli import following
from conductor.cli.following import Follower, Sheet
from conductor.client import Client
from conductor.client.client import Stream

STREAMS: tuple[Stream, ...] = ("stdout", "stderr")
OUTPUT = bytes(range(256)) * 8


class Server:
    """Serves OUTPUT, breaking every connection after a few pieces; sometimes the job is over."""

    def __init__(self, *, breaks_after: int, clean: bool) -> None:
        self.breaks_after, self.clean = breaks_after, clean
        self.connections = 0
        self.sent_all = threading.Event()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/output"):
            state = "COMPLETED" if self.sent_all.is_set() else "RUNNING"
            return httpx.Response(200, json={"id": 1, "state": state})
        self.connections += 1
        offset = int(request.url.params["offset"])
        if "follow" not in request.url.params:
            return httpx.Response(200, content=OUTPUT[offset:])
        return httpx.Response(200, content=self.pieces(offset))

    def pieces(self, offset: int) -> Iterator[bytes]:
        for number in range(self.breaks_after):
            begin = offset + number * 300
            if begin >= len(OUTPUT):
                break
            yield OUTPUT[begin : begin + 300]
        if begin + 300 >= len(OUTPUT):
            self.sent_all.set()
        elif not self.clean:
            raise httpx.ReadError("connection reset")


@pytest.mark.parametrize("clean", [False, True])
def test_every_byte_comes_once_and_in_order_over_connections_that_break(
    clean: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PAUSE_SECONDS", 0.001)
    server = Server(breaks_after=2, clean=clean)
    copied: list[bytes] = []
    client = Client("http://127.0.0.1:9", transport=httpx.MockTransport(server))
    follower = Follower(client, 1, "stdout", copied.append)
    follower.start()
    assert server.sent_all.wait(10)
    follower.finish(10)
    assert b"".join(copied) == OUTPUT
    assert server.connections > 2


def test_what_a_stream_owes_when_the_job_has_ended_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAUSE_SECONDS", 60.0)
    server = Server(breaks_after=1, clean=False)
    copied: list[bytes] = []
    first = threading.Event()

    def write(data: bytes) -> None:
        copied.append(data)
        first.set()

    follower = Follower(
        Client("http://127.0.0.1:9", transport=httpx.MockTransport(server)), 1, "stdout", write
    )
    follower.start()
    assert first.wait(10)
    follower.finish(0.2)
    assert b"".join(copied) == OUTPUT


class Terminal(io.TextIOWrapper):
    def __init__(self, paper: io.BytesIO) -> None:
        super().__init__(paper, encoding="utf-8", write_through=True)

    def isatty(self) -> bool:
        return True


def test_the_status_line_is_taken_off_before_a_byte_is_written() -> None:
    paper = io.BytesIO()
    sheet = Sheet(out=Terminal(paper), err=Terminal(paper))
    sheet.status("waiting")
    sheet.write("stdout", b"one\n")
    sheet.write("stdout", b"half")
    sheet.status("running")
    sheet.write("stdout", b" line\n")
    sheet.finish()
    shown = ""
    for part in re.split(r"(\r\x1b\[K)", paper.getvalue().decode()):
        # As a terminal shows it: the sequence clears the line that the cursor is on.
        shown = shown[: shown.rfind("\n") + 1] if part == "\r\x1b[K" else shown + part
    assert re.sub(r"\x1b\[\dm", "", shown) == "one\nhalf line\n"
    assert b"waiting" in paper.getvalue()


def test_bytes_reach_a_file_as_they_are_and_a_terminal_made_visible() -> None:
    file, paper = io.BytesIO(), io.BytesIO()
    sheet = Sheet(out=io.TextIOWrapper(file), err=Terminal(paper))
    for name in STREAMS:
        sheet.write(name, b"\x1b[31m\xff\r\n")
    sheet.finish()
    assert file.getvalue() == b"\x1b[31m\xff\r\n"
    assert paper.getvalue().decode() == "^[[31m\ufffd\n"


def test_raw_sends_a_terminal_the_bytes_as_they_are() -> None:
    paper = io.BytesIO()
    sheet = Sheet(raw=True, out=Terminal(paper), err=io.TextIOWrapper(io.BytesIO()))
    sheet.write("stdout", b"\x1b[31m\xff")
    sheet.finish()
    assert paper.getvalue() == b"\x1b[31m\xff"
