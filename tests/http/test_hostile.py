"""Hostile requests: each is answered with 4xx, nothing is appended, and memory stays bounded.

What the HTTP library itself refuses (a broken head) is 400 and the end of the connection.
"""

from collections.abc import Iterator

import pytest

from tests.fix_api import TOKEN, Api
from tests.given_tokens import of_role
from tests.raw_http import BEARER, JSON_LINE, SQL, nothing_appended, request_of, send_raw, status_of

__all__ = ["nothing_appended"]  # a fixture

CANCEL = "POST /api/v1/jobs/1/cancel HTTP/1.1"
LIST = "GET /api/v1/jobs HTTP/1.1"
RAW: dict[str, bytes] = {
    "no token": request_of(CANCEL),
    "an empty token": request_of(CANCEL, "Authorization: Bearer "),
    "a wrong token": request_of(CANCEL, "Authorization: Bearer cdr_wrong"),
    "a token that is no ASCII": request_of(CANCEL, "Authorization: Bearer \udcff\udcfe"),
    "a token in a cookie": request_of(CANCEL, f"Cookie: token={TOKEN}"),
    "a token in the query": request_of(f"POST /api/v1/jobs/1/cancel?access_token={TOKEN} HTTP/1.1"),
    "a token in another header": request_of(CANCEL, f"X-Api-Key: {TOKEN}"),
    "a proxy's word for a user": request_of(CANCEL, "X-Forwarded-User: admin", "X-Remote-User: admin"),
    "a proxy's word for an address": request_of(CANCEL, "X-Forwarded-For: 127.0.0.1", "Forwarded: for=::1"),
    "two tokens, the right one first": request_of(CANCEL, BEARER, "Authorization: Bearer cdr_wrong"),
    "two tokens, the right one last": request_of(CANCEL, "Authorization: Bearer cdr_wrong", BEARER),
    "a space before the colon": request_of(CANCEL, f"Authorization : Bearer {TOKEN}"),
    "an underscore for a hyphen": request_of(
        CANCEL, BEARER, "Content_Type: application/json", "Content-Length: 2", body=b"{}"
    ),
    "a foreign host": request_of(LIST, BEARER).replace(b"Host: localhost", b"Host: evil.example"),
    "a foreign host, forwarded": request_of(LIST, BEARER, "X-Forwarded-Host: localhost").replace(
        b"Host: localhost", b"Host: evil.example", 1
    ),
    "no host": request_of(LIST, BEARER).replace(b"Host: localhost\r\n", b""),
    "two hosts": request_of(LIST, BEARER, "Host: evil.example"),
    "an address as a host of another form": request_of(LIST, BEARER).replace(b"Host: localhost", b"Host: 2130706433"),
    "a foreign target": request_of("GET http://evil.example/api/v1/jobs HTTP/1.1", BEARER),
    "another site's page": request_of(CANCEL, BEARER, "Origin: https://evil.example"),
    "another site's page without an origin": request_of(CANCEL, BEARER, "Sec-Fetch-Site: cross-site"),
    "an origin that is none": request_of(CANCEL, BEARER, "Origin: http://[::1"),
    "a preflight": request_of(
        "OPTIONS /api/v1/jobs/1/cancel HTTP/1.1",
        "Origin: https://evil.example",
        "Access-Control-Request-Method: POST",
    ),
    "a method in a header": request_of("GET /api/v1/jobs/1/cancel HTTP/1.1", BEARER, "X-HTTP-Method-Override: POST"),
    "a method nobody knows": request_of("BREW /api/v1/jobs HTTP/1.1", BEARER),
    "a method in lower case": request_of("post /api/v1/jobs/1/cancel HTTP/1.1", BEARER),
    "TRACE": request_of("TRACE /api/v1/jobs HTTP/1.1", BEARER),
    "CONNECT": request_of("CONNECT evil.example:443 HTTP/1.1", BEARER),
    "no version": b"GET /api/v1/jobs\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
    "two lengths": request_of(CANCEL, BEARER, "Content-Length: 2", "Content-Length: 3", body=b"{}}"),
    "a length with a sign": request_of(CANCEL, BEARER, "Content-Length: +2", body=b"{}"),
    "an unknown coding of the body": request_of(CANCEL, BEARER, "Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "a broken chunk": request_of(CANCEL, BEARER, JSON_LINE, "Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n"),
    "a packed body": request_of(
        CANCEL, BEARER, JSON_LINE, "Content-Encoding: gzip", "Content-Length: 2", body=b"\x1f\x8b"
    ),
    "a form": request_of(
        CANCEL, BEARER, "Content-Type: application/x-www-form-urlencoded", "Content-Length: 3", body=b"a=b"
    ),
    "a plain text": request_of(CANCEL, BEARER, "Content-Type: text/plain", "Content-Length: 2", body=b"{}"),
    "NUL in the path": request_of("GET /api/v1/jobs/1\0 HTTP/1.1", BEARER),
    "NUL in a header": request_of(LIST, BEARER, "X: a\0b"),
    "a bare line feed in a header": request_of(LIST, BEARER, "X: a\rAuthorization: b"),
    "a header of a megabyte": request_of(LIST, BEARER, "X: " + "a" * 2**20),
    "ten thousand headers": request_of(LIST, BEARER, *[f"X-{n}: {n}" for n in range(10_000)]),
    "a query of a megabyte": request_of(f"GET /api/v1/jobs?name={'a' * 2**20} HTTP/1.1", BEARER),
    "six thousand parameters": request_of(
        f"GET /api/v1/jobs?{'&'.join(f'p{n}=1' for n in range(6000))} HTTP/1.1", BEARER
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RAW)
def test_a_request_with_a_trick_in_its_head_is_refused(shared_api: Api, name: str) -> None:
    answer = send_raw(shared_api, RAW[name])
    assert 400 <= status_of(answer) < 500, answer[:300]
    assert TOKEN.encode() not in answer


def test_a_second_request_behind_the_first_needs_a_token_of_its_own(shared_api: Api) -> None:
    """Smuggled as the body of one whose length is told twice, or simply sent behind it."""
    inner = b"POST /api/v1/jobs/1/cancel HTTP/1.1\r\nHost: localhost\r\n\r\n"
    chunked = request_of(
        LIST.replace("GET", "POST").replace("jobs ", "commands "), BEARER, "Content-Type: application/json",
        f"Content-Length: {len(inner) + 5}", "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + inner,
    ).replace(b"Connection: close\r\n", b"")  # fmt: skip
    plain = request_of(LIST, BEARER).replace(b"Connection: close\r\n", b"") + inner
    for request in (chunked, plain):
        answer = send_raw(
            shared_api, request.replace(inner, inner.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        )
        assert b" 200 OK" not in answer.partition(b"\r\n\r\n")[2]


PARTS = [
    "..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "..%5c..%5cetc", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "....//etc/passwd",
    "%c0%ae%c0%ae", "%252e%252e%252f", "%00", "1%00.sh", "1;id", "$(id)", "`id`", "|id", "%0d%0aX-Evil:%201", "-1", "0",
    "1.0", "1e3", "0x1", "9" * 400, str(2**63), str(2**53), "%ef%bc%91", "%d9%a1", "1%20", "%201", "null", "1,2", "*",
    "%27%20OR%201=1--", "1_%5b1-999999999999%5d", "1_[1-2]" * 50, "%f0%9f%92%a3" * 50, "%ff",
]  # fmt: skip
PATHS = (
    *(
        "/jobs/{}",
        "/jobs/{}/script",
        "/jobs/{}/environment",
        "/jobs/{}/events",
        "/jobs/{}/why",
        "/jobs/{}/output",
    ),
    *("/jobs/query/{}", "/nodes/{}"),
)
POSTS = (
    *(
        "/jobs/{}/cancel",
        "/jobs/{}/hold",
        "/jobs/{}/requeue",
        "/jobs/cancel/{}",
        "/nodes/{}/drain",
        "/nodes/{}/remove",
    ),
    "/tokens/{}/revoke",
)


@pytest.mark.parametrize("part", PARTS)
def test_no_part_of_a_path_leads_elsewhere(shared_api: Api, part: str) -> None:
    for method, paths in (("GET", PATHS), ("POST", POSTS)):
        for path in paths:
            line = f"{method} /api/v1{path.format(part)} HTTP/1.1"
            answer = send_raw(shared_api, request_of(line, BEARER))
            # `..` may name another path of the API, which is then as open as it always is.
            assert 400 <= status_of(answer) < 500, (path, answer[:200])
            assert b"root:" not in answer
            assert b"\r\nx-evil" not in answer.lower()


def listings() -> Iterator[str]:
    """Every listing with a parameter."""
    yield from (f"/jobs?{name}" for name in ("state", "since", "until", "limit"))
    yield from (f"/jobs?{name}" for name in ("cursor", "array_job_id", "fold", "at_least", "as_of"))
    yield from (f"/allocations?{name}" for name in ("status", "wait", "limit", "cursor"))
    yield from (f"/events?{name}" for name in ("after", "type", "limit", "at_least"))
    yield from (f"/pids?{name}" for name in ("pid", "at", "limit", "cursor"))
    yield from (f"/jobs/1/output?{name}" for name in ("stream", "attempt", "offset", "limit", "follow"))
    yield from (f"/jobs/1?{name}" for name in ("wait", "timeout", "as_of"))


@pytest.mark.parametrize(
    "value",
    [
        *(SQL, "1 OR 1=1", "1;SELECT pg_sleep(9)", "%", "\0", "РENDING", "１", "NaN", "inf", "1e999"),
        *(str(2**63), "../../etc/passwd"),
    ],
)
def test_no_query_parameter_is_taken_for_more_than_a_value(shared_api: Api, value: str) -> None:
    for listing in listings():
        path, _, parameter = listing.partition("?")
        answer = shared_api.client.get(f"/api/v1{path}", params={parameter: value})
        assert 400 <= answer.status_code < 500, (path, parameter, answer.text)
        assert "psycopg" not in answer.text
        assert "syntax error" not in answer.text
    # Names that could be anybody's find nothing.
    for parameter in ("user_name", "node_name"):
        answer = shared_api.client.get("/api/v1/jobs", params={parameter: value})
        assert answer.status_code == 422 or answer.json()["jobs"] == []
    assert shared_api.client.get("/api/v1/events", params={"stream": SQL}).json()["events"] == []
    assert shared_api.client.get("/api/v1/jobs", params={"name": SQL}).json()["jobs"] == []


def test_text_that_looks_like_sql_is_kept_as_text(api: Api) -> None:
    job_id = api.submit(
        SQL + "\n", name=SQL, account=SQL, comment=SQL, environment={"A": SQL}, work_dir="/" + SQL
    )
    job = api.get(f"/jobs/{job_id}")
    assert [job[field] for field in ("name", "account", "comment")] == [SQL] * 3
    assert api.client.get(f"/api/v1/jobs/{job_id}/script").text == SQL + "\n"
    assert api.get(f"/jobs/{job_id}/environment")["environment"] == {"A": SQL}
    assert api.post(f"/jobs/{job_id}/cancel", {"reason": SQL}).status_code == 200
    assert api.get(f"/jobs/{job_id}/events")["events"][-1]["data"]["reason"] == SQL


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../../../../etc/passwd", "%x/../../etc/passwd"])
def test_no_output_path_makes_the_api_read_a_file(api: Api, path: str) -> None:
    """A job may write where its account may; what the API itself reads lies in the spool."""
    api.register()
    with of_role(api, "submitter", "alice") as alice:
        answer = alice.post(
            "/jobs/submit", json={"script": "true\n", "stdout_path": path, "work_dir": "/var/tmp"}
        )
        job_id = answer.json()["job_id"]
        api.end(api.start(job_id))
        for told in (alice.get(f"/jobs/{job_id}"), alice.get(f"/jobs/{job_id}/output")):
            assert "root:" not in told.text
