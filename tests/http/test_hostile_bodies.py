"""Hostile bodies: too large, too many, too slow, too deep, or not what they seem: refused, and nothing is held."""

import contextlib
import json
import resource
import socket

import httpx
import pytest

from api.guard import connections
from api.requests import bodies
from tests.fix_api import Api
from tests.raw_http import BEARER, SQL, nothing_appended, port_of, request_of, send_raw, status_of

__all__ = ["nothing_appended"]  # a fixture

GIB = 2**30
JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}
SCRIPT = b'"script": "true\\n"'
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "half": b'{"script": "tr',
    "two values": b"{} {}",
    "a list a hundred thousand deep": b"[" * 100_000,
    "a closed list a hundred thousand deep": b"[" * 100_000 + b"]" * 100_000,
    "an object a hundred thousand deep": b'{"script":' * 100_000 + b"1" + b"}" * 100_000,
    "a deep field": b'{"script": "true\\n", "environment": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    "a million empty lists": b"[" + b"[]," * 1_000_000 + b"[]]",
    "a million fields": b"{" + b",".join(b'"f%d":1' % n for n in range(300_000)) + b"}",
    "a field whose name is a megabyte": b"{" + SCRIPT + b', "' + b"a" * 2**20 + b'": 1}',
    "ten thousand jobs with wrong fields": b'{"jobs": [' + b",".join([b'{"a": 1, "b": 2}'] * 10_000) + b"]}",
    "a megabyte of wrong directives": b'{"script": "' + rb"#!/bin/sh\n" + rb"#SBATCH --tome=1\n" * 58_000 + b'true"}',
    "a field given twice, wrong last": b'{"script": "true\\n", "script": 5}',
    "NaN": b"{" + SCRIPT + b', "priority": NaN}',
    "Infinity": b"{" + SCRIPT + b', "priority": Infinity}',
    "1e999": b"{" + SCRIPT + b', "priority": 1e999}',
    "2**63": b"{" + SCRIPT + b', "priority": 9223372036854775808}',
    "2**64": b"{" + SCRIPT + b', "cpus": 18446744073709551616}',
    "a number of a million digits": b"{" + SCRIPT + b', "cpus": ' + b"9" * 1_000_000 + b"}",
    "-0": b"{" + SCRIPT + b', "cpus": -0}',
    "-0.0": b"{" + SCRIPT + b', "cpus": -0.0}',
    "1.0 for 1": b"{" + SCRIPT + b', "cpus": 1.0}',
    "true for 1": b"{" + SCRIPT + b', "cpus": true}',
    "a text for a number": b"{" + SCRIPT + b', "cpus": "1"}',
    "a byte that is no UTF-8": b'{"script": "\xff"}',
    "an overlong slash": b'{"script": "true\\n", "name": "\xc0\xaf"}',
    "an overlong NUL": b'{"script": "true\\n", "name": "\xc0\x80"}',
    "a surrogate as UTF-8": b'{"script": "true\\n", "name": "\xed\xa0\x80"}',
    "a lone surrogate": b'{"script": "true\\n", "name": "\\ud800"}',
    "UTF-16": '{"script": "true\\n"}'.encode("utf-16"),
    "a mark of byte order": b"\xef\xbb\xbf{" + SCRIPT + b"}",
    "NUL in a name": b"{" + SCRIPT + b', "name": "a\\u0000b"}',
    "NUL in a script": b'{"script": "true\\u0000\\n"}',
    "a line feed in a name": b"{" + SCRIPT + b', "name": "a\\nb"}',
    "a name written backwards": b"{" + SCRIPT + b', "name": "a\\u202eb"}',
    "an escape sequence in a name": b"{" + SCRIPT + b', "name": "\\u001b[2J"}',
    "a prototype": b"{" + SCRIPT + b', "__proto__": {"role": "admin"}}',
    "who submitted": b"{" + SCRIPT + b', "submitted_by": "root"}',
    "a number of a job": b"{" + SCRIPT + b', "job_id": 1}',
    "a user of a path": b"{" + SCRIPT + b', "user_name": "../root"}',
    "SQL for a user": b"{" + SCRIPT + b', "user_name": "' + SQL.encode() + b'"}',
    "SQL for a time": b"{" + SCRIPT + b', "time_limit": "' + SQL.encode() + b'"}',
    "SQL for a dependency": b"{" + SCRIPT + b', "dependency": "' + SQL.encode() + b'"}',
    "SQL for a node": b"{" + SCRIPT + b', "nodelist": "' + SQL.encode() + b'"}',
    "SQL for a label": b"{" + SCRIPT + b', "labels": "' + SQL.encode() + b'"}',
    "SQL for an array": b"{" + SCRIPT + b', "array": "' + SQL.encode() + b'"}',
    "a folder that is not absolute": b"{" + SCRIPT + b', "work_dir": "../../etc"}',
    "a variable's name with an end": b"{" + SCRIPT + b', "environment": {"A=B": "1"}}',
    "a variable's name of a shell": b"{" + SCRIPT + b', "environment": {"BASH_FUNC_x%%": "() { id; }"}}',
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_a_body_with_a_trick_in_it_is_refused(shared_api: Api, name: str) -> None:
    before = peak_memory_mb()
    for path in ("/api/v1/jobs/submit", "/api/v1/commands", "/api/v1/jobs/submit/batch", "/jobs/submit"):
        answer = shared_api.client.post(path, content=BODIES[name], headers=JSON)
        assert 400 <= answer.status_code < 500, (path, answer.text[:300])
        assert len(answer.content) < 64 * 1024, "a refusal is short, whatever it refuses"
    answer = shared_api.client.post(
        "/api/v1/jobs/submit/batch", content=BODIES[name], headers={"Content-Type": "application/x-ndjson"}
    )
    assert 400 <= answer.status_code < 500, answer.text[:300]
    assert peak_memory_mb() - before < 256


def test_lists_that_are_too_long_are_refused(shared_api: Api) -> None:
    wishes: list[tuple[str, str, object]] = [
        ("POST", "/commands", {"commands": [{"type": "Cancel", "job_id": 1}] * 1001}),
        ("POST", "/jobs/submit/batch", {"jobs": [{"script": "true\n"}] * 10_001}),
        ("POST", "/jobs/submit/batch", {"jobs": [{"script": "true\n", "array": "0-9999"}] * 2}),
        ("PUT", "/nodes/node-1/lease", {"incarnation": 1, "allocations": list(range(1, 65_538))}),
    ]
    for method, path, body in wishes:
        answer = shared_api.client.request(method, f"/api/v1{path}", json=body)
        assert 400 <= answer.status_code < 500, (path, answer.text[:300])


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(
    "path", ["/api/v1/jobs/submit", "/api/v1/jobs/submit/batch", "/api/v1/nowhere", "/health"]
)
def test_a_gigabyte_is_never_held(shared_api: Api, path: str, *, announced: bool) -> None:
    before, sent = peak_memory_mb(), 0
    length = f"Content-Length: {GIB}" if announced else "Transfer-Encoding: chunked"
    head = request_of(f"POST {path} HTTP/1.1", BEARER, "Content-Type: application/json", length)
    piece = b" " * 2**20 if announced else b"100000\r\n" + b" " * 2**20 + b"\r\n"
    answer = b""
    address = ("127.0.0.1", port_of(shared_api))
    with socket.create_connection(address, timeout=30) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(head)
        while sent < GIB and not answer:
            connection.sendall(piece)
            sent += 2**20
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                answer = connection.recv(4096)
            connection.settimeout(30)
        answer = answer or connection.recv(4096)
    assert 400 <= status_of(answer) < 500, answer[:200]
    assert peak_memory_mb() - before < 160


CROWDED: dict[str, tuple[bytes, dict[str, str]]] = {
    "lists": (b'{"jobs": [' + b"[]," * 20_000_000 + b"[]]}", JSON),
    "objects": (b'{"jobs": [' + b"{}," * 20_000_000 + b"{}]}", JSON),
    "objects, a line each": (b"{}\n" * 20_000_000, LINES),
    "lists in one line": (b"[" + b"[]," * 20_000_000 + b"[]]\n", LINES),
    "lines": (b"12\n" * 20_000_000, LINES),
    "empty lines": (b"\n" * 60_000_000, LINES),
}


@pytest.mark.parametrize("name", CROWDED)
def test_a_batch_of_nothing_but_brackets_or_lines_is_refused_before_it_is_read(
    shared_api: Api, name: str
) -> None:
    """Each costs a hundred bytes; in the time that it would take nobody else would be answered."""
    body, headers = CROWDED[name]
    before = peak_memory_mb()
    answer = shared_api.client.post("/api/v1/jobs/submit/batch", content=body, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "too_many")
    assert peak_memory_mb() - before < 400


def test_brackets_in_scripts_are_no_lists(shared_api: Api) -> None:
    many = "[{" * 400_000 + '\\"'
    assert bodies.parse(json.dumps({"jobs": [{"script": many}, {"script": many}]}).encode())


def peak_memory_mb() -> int:
    """Of this process, the server's too."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def test_many_large_bodies_at_once_are_not_all_held(shared_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    head = request_of(
        "POST /api/v1/jobs/submit/batch HTTP/1.1", BEARER, "Content-Type: application/json",
        f"Content-Length: {40 * 2**20}",
    )  # fmt: skip
    connections = [socket.create_connection(("127.0.0.1", port_of(shared_api)), timeout=30) for _ in range(8)]
    statuses = []
    try:
        for connection in connections:
            with contextlib.suppress(ConnectionError):
                connection.sendall(head + b" " * (39 * 2**20))  # and never the end
        for connection in connections:
            connection.settimeout(0.5)
            with contextlib.suppress(TimeoutError, ConnectionError):
                statuses.append(status_of(connection.recv(4096)))
    finally:
        for connection in connections:
            connection.close()
    assert 503 in statuses
    assert shared_api.client.get("/api/v1/jobs").status_code == 200


def test_a_body_that_does_not_come_is_not_waited_for(
    shared_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 0.2)
    head = request_of(
        "POST /api/v1/jobs/submit HTTP/1.1", BEARER, "Content-Type: application/json", "Content-Length: 100"
    )
    answer = send_raw(shared_api, head + b'{"script"')
    assert status_of(answer) == 408
    assert b"too_slow" in answer


@pytest.mark.parametrize("begun", [b"", b"G", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_a_head_that_does_not_come_is_not_waited_for(
    shared_api: Api, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    assert send_raw(shared_api, begun) == b""
    assert shared_api.client.get("/health").status_code == 200


def test_a_connection_too_many_is_closed_at_once(shared_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections.BoundedProtocol, "most", 20)
    idle = [socket.create_connection(("127.0.0.1", port_of(shared_api))) for _ in range(40)]
    try:
        for connection in idle:
            connection.settimeout(2.0)
        closed = 0
        for connection in idle:
            with contextlib.suppress(TimeoutError):
                connection.settimeout(0.05)
                closed += connection.recv(1) == b""
        assert closed >= 20
    finally:
        for connection in idle:
            connection.close()
    with httpx.Client(base_url=shared_api.url, trust_env=False) as late:
        assert late.get("/health").status_code == 200
