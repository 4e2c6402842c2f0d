"""No spelling of a path comes past the token, and what the newer paths take is no more than it seems."""

import pytest

from api.routes import TOP, VERSION_1
from tests.fix_api import Api
from tests.given_tokens import of_role
from tests.raw_http import BEARER, JSON_LINE, SQL, nothing_appended, request_of, send_raw, status_of

__all__ = ["nothing_appended"]  # a fixture
STREAM, CANCEL = "GET /api/v1/events/stream HTTP/1.1", "POST /api/v1/jobs/1/cancel HTTP/1.1"
LISTS = ("/queue?limit", "/events/stream?after", "/events/stream?type", "/queue?at_least", "/tokens?at_least")
NO_VERSIONS = (
    *("1", '"0"', '"1e9"', '"-1"', 'W/"1"', '"' + "9" * 400 + '"', '"1" OR 1=1', '"9999999999"', '"²"', '""'),
    '"1",' * 1000 + '"1"',
)

BEFORE = (
    *(
        "",
        "/docs/..",
        "/docs/%2e%2e",
        "/docs/.%2e",
        "/docs%2f..",
        "/docs/start.js/../..",
        "/docs/page.css%00",
    ),
    *(
        "/docs;",
        "/docs/;/..",
        "/docs/..;",
        "/health/..",
        "/health%2f..",
        "/ready/../",
        "/openapi.json/..",
        "/docs?/..",
    ),
    *("/docs//", "/docs\\..", "/docs/..%5c", "/docs%23", "/docs/#", "/Docs/..", "/%64ocs/..", "/./docs/.."),
)
BEHIND = (
    "",
    "/",
    "//",
    "/.",
    ".",
    ";",
    ";x=/docs/",
    "%20",
    "%00",
    "%2f",
    "?x=/docs/",
    "#/docs/",
    "/docs/",
    "/../../../docs/",
)
WITHOUT_A_TOKEN = (
    *(f"{before}/api/v1/jobs" for before in BEFORE),
    *(f"/api/v1/jobs{behind}" for behind in BEHIND),
    *("//api/v1/jobs", "/api//v1/jobs", "/api/v1//jobs", "/api/v1/./jobs", "/%61pi/v1/jobs", "/api/v1/jobs/../jobs"),
    *("http://localhost/api/v1/jobs", "http://localhost/docs/../api/v1/jobs", "http://localhost//api/v1/jobs"),
    *("/metrics", "/metrics/", "/metrics?x=/docs/", "//metrics", "/docs/../metrics", "/docs/%2e%2e/metrics", "*"),
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE", "DELETE")


@pytest.mark.parametrize("path", WITHOUT_A_TOKEN)
def test_no_spelling_of_a_path_comes_past_the_token(shared_api: Api, path: str) -> None:
    for method in METHODS:
        answer = send_raw(shared_api, request_of(f"{method} {path} HTTP/1.1"))
        is_docs = path.startswith("/docs?") and method in (
            "GET",
            "HEAD",
        )  # the page with a parameter that it has not
        assert 400 <= status_of(answer) < 500, (method, answer[:200])
        assert b"conductor_" not in answer
        assert b'"jobs"' not in answer
        assert is_docs or b"swagger" not in answer


@pytest.mark.parametrize("method", METHODS)
def test_every_path_of_the_table_wants_a_token_by_every_method(shared_api: Api, method: str) -> None:
    for prefix, operations in (("/api/v1", VERSION_1), ("", TOP)):
        for one in operations:
            path = prefix + one.path.replace("{job_id}", "1").replace("{name}", "node-1")
            answer = send_raw(shared_api, request_of(f"{method} {path} HTTP/1.1"))
            expected = {401} if one.roles is not None else {200, 404, 405, 503}
            assert status_of(answer) in expected, (method, path, answer[:200])


FILES = (
    *(
        "..",
        ".",
        "%2e%2e",
        "..%2fapp.py",
        "%2e%2e%2f%2e%2e%2fpyproject.toml",
        "..%5capp.py",
        "page.html",
        "LICENSE",
    ),
    *(
        "start.js%00",
        "start.js%20",
        "start.js;",
        "START.JS",
        "start.js.",
        "%2fetc%2fpasswd",
        "/etc/passwd",
        "~",
    ),
    *("page.css/", "page.css/x", "__init__.py", "C:%5cboot.ini", "page.html%23", "\udcff", "a" * 5000),
)


@pytest.mark.parametrize("file", FILES)
def test_the_page_of_the_documents_is_made_of_its_own_files_alone(shared_api: Api, file: str) -> None:
    answer = send_raw(shared_api, request_of(f"GET /docs/{file} HTTP/1.1"))
    assert 400 <= status_of(answer) < 500, answer[:200]
    for secret in (b"root:", b"import ", b"LANGUAGE", b"[project]", b"Apache"):
        assert secret not in answer


TRICKS: dict[str, bytes] = {
    **{
        f"{path} {value}": request_of(f"GET /api/v1{path}={value} HTTP/1.1", BEARER)
        for path in LISTS
        for value in ("%27--", "1e9", "-1", "9" * 400, str(2**63), "NaN", "%00", "%ef%bc%91")
    },
    **{
        f"the last event {value[:20]}": request_of(STREAM, BEARER, f"Last-Event-ID: {value}")
        for value in ("1;DROP", str(2**63), "9" * 5000, "²", "-1", "1, 2", "999")
    },
    "two last events": request_of(STREAM, BEARER, "Last-Event-ID: 1", "Last-Event-ID: 2"),
    "two keys": request_of(
        *("POST /api/v1/jobs/submit HTTP/1.1", BEARER, JSON_LINE, "Content-Length: 19"),
        *("Idempotency-Key: a", "Idempotency-Key: b"),
        body=b'{"script":"true\\n"}',
    ),
    "two versions, the second none": request_of(CANCEL, BEARER, 'If-Match: "2"', "If-Match: x"),
    "an empty version": request_of(CANCEL, BEARER, "If-Match: "),
    "a hash that is none": request_of("GET /api/v1/events/stream?after=1&hash=%27 HTTP/1.1", BEARER),
    **{f"the version {tag[:20]}": request_of(CANCEL, BEARER, f"If-Match: {tag}") for tag in NO_VERSIONS},
    "another method": request_of("QUERY /api/v1/jobs HTTP/1.1", BEARER),
    "a folder for a language": request_of("GET /docs?lang=../../etc HTTP/1.1"),
    "SQL for a language": request_of(f"GET /openapi.json?lang={SQL.replace(' ', '%20')} HTTP/1.1"),
    "an upgrade": request_of("GET /api/v1/events/stream?after=-1 HTTP/1.1", BEARER, "Upgrade: websocket"),
}


@pytest.mark.parametrize("name", TRICKS)
def test_a_trick_in_what_the_newer_paths_take_is_refused(shared_api: Api, name: str) -> None:
    answer = send_raw(shared_api, TRICKS[name])
    assert 400 <= status_of(answer) < 500, answer[:300]
    assert b"psycopg" not in answer


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Admin",
            "ADMIN",
            "аdmin",
            "admin\u200b",
            " admin",
            "admin ",
            "admin\n",
            "anonymous",
            "SCNS-Conductor",
        ),
        *(
            "../x",
            "a/b",
            "a:b",
            "a;b",
            "a,b",
            "a@b",
            "*",
            "",
            "a" * 64,
            "-a",
            ".a",
            "ａlice",
            "al\u0131ce",
            "a\0b",
            SQL,
        ),
    ],
)
def test_no_token_is_given_a_name_that_looks_like_another(shared_api: Api, name: str) -> None:
    for body in (
        {"name": name, "role": "viewer"},
        {"name": "x", "role": "submitter", "user_name": name + "/"},
    ):
        answer = shared_api.post("/tokens", body)
        assert 400 <= answer.status_code < 500, answer.text
        assert "cdr_" not in answer.text


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "root"}, {"role": "ADMIN"}, {"role": ["admin"]}, {"role": "executor"}, {"node_name": "node-1"},
        {"role": "executor", "node_name": "*"}, {"role": "executor", "node_name": "node-1,node-2"},
        {"expires_at": "2000-01-01T00:00:00Z"}, {"expires_at": 10**400}, {"sha256": "0" * 64}, {"token": "cdr_mine"},
    ],
)  # fmt: skip
def test_no_token_is_made_of_what_is_no_wish_for_one(shared_api: Api, fields: dict[str, object]) -> None:
    answer = shared_api.client.post("/api/v1/tokens", json={"name": "fine", "role": "viewer", **fields})
    assert 400 <= answer.status_code < 500, answer.text


def test_names_in_headers_do_not_become_labels_or_lines(api: Api, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever is asked for, the numbers that are kept of it stay as few."""
    with of_role(api, "viewer", "someone") as viewer:
        for number in range(50):
            headers = {
                "X-Request-Id": f"evil-{number}",
                "Conductor-Channel": f"evil-{number}",
                "traceparent": f"evil-{number}",
            }
            viewer.request(f"EVIL{number}", f"/evil-{number}", headers=headers)
        assert "evil" not in viewer.get(f"{api.url}/metrics").text.lower()
        assert "someone" not in viewer.get(f"{api.url}/metrics").text
    assert "cdr_" not in "".join(capfd.readouterr())
