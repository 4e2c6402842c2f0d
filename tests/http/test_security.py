"""Nobody gets in without the token, by a foreign host name, or from another site's page."""

import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import ValidationError

from api.guard.security import allowed_hosts
from api.routes import TOP, VERSION_1
from api.server import refuse_exposure
from conductor.settings import Settings, SettingsError
from tests.fix_api import TOKEN, Api, api_settings, running_api

EVERYWHERE = "0.0.0.0"  # noqa: S104 - never bound
JOB = {"script": "true\n"}


def every_path() -> list[tuple[str, str]]:
    prefixed = [(one.method, f"/api/v1{one.path}") for one in VERSION_1]
    bare = [(one.method, one.path) for one in TOP]
    return [
        (method, path.replace("{job_id}", "1").replace("{name}", "node-1").replace("{file}", "page.css"))
        for method, path in prefixed + bare
    ]


def peak_memory_mb() -> int:
    """Of this process, the server's too."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


OPEN = {"/health", "/ready", "/openapi.json", "/docs", "/docs/page.css"}


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"]
)
def test_every_path_but_health_and_ready_wants_the_token(shared_api: Api, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    with httpx.Client(base_url=shared_api.url, headers=headers, trust_env=False) as stranger:
        for method, path in [*every_path(), ("GET", "/nowhere"), ("GET", "/api/v1/jobs/../../health")]:
            answer = stranger.request(method, path)
            if path in OPEN:
                assert answer.status_code == 200, path
            elif not path.endswith("health"):
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"] == "Bearer"
    assert shared_api.count_events() == 2


def test_the_scheme_of_the_token_may_be_written_in_any_case(shared_api: Api) -> None:
    answer = shared_api.client.get("/api/v1/jobs", headers={"Authorization": f"bearer {TOKEN}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.",
        "[::2]:80",
        "127.0.0.1@evil",
        "",
    ],
)
def test_a_foreign_host_name_is_refused(shared_api: Api, host: str) -> None:
    answer = shared_api.post("/jobs/submit", JOB, headers={"Host": host})
    assert answer.status_code in (400, 403), answer.text  # h11 itself refuses what is no host at all
    assert shared_api.count_events() == 2


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1234", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:8000"]
)
def test_the_names_of_loopback_are_known(shared_api: Api, host: str) -> None:
    assert shared_api.client.get("/api/v1/jobs", headers={"Host": host}).status_code == 200


def test_two_hosts_in_one_request_are_refused(shared_api: Api) -> None:
    port = urlsplit(shared_api.url).port
    lines = [
        "GET /api/v1/jobs HTTP/1.1",
        "Host: localhost",
        "Host: evil.example",
        f"Authorization: Bearer {TOKEN}",
    ]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        status = connection.recv(65_536).split(b" ")[1]
    assert status in (b"400", b"403")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_a_page_of_another_site_is_refused(shared_api: Api, headers: dict[str, str]) -> None:
    answer = shared_api.post("/jobs/1/cancel", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "cross_site"
    assert shared_api.count_events() == 2


def test_the_own_page_is_let_in(shared_api: Api) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": shared_api.url}
    assert shared_api.client.get("/api/v1/jobs", headers=headers).status_code == 200


def test_no_answer_may_be_read_by_other_sites_or_kept(shared_api: Api) -> None:
    answer = shared_api.client.get("/api/v1/jobs")
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_without_authentication_everything_else_is_still_checked(home: Path, database_url: str) -> None:
    with running_api(api_settings(home, api_auth="off"), database_url) as api:
        del api.client.headers["Authorization"]
        assert api.post("/jobs/submit", JOB).status_code == 201
        assert api.post("/jobs/submit", JOB, headers={"Host": "evil.example"}).status_code == 403
        assert api.post("/jobs/submit", JOB, headers={"Origin": "https://evil.example"}).status_code == 403
        form = {"Content-Type": "text/plain"}
        assert api.client.post("/jobs/submit", content='{"script":"x"}', headers=form).status_code == 415
        assert api.get("/jobs/1")["submitted_by"] == "anonymous"
        assert api.count_events() == 1


@pytest.mark.parametrize("length", [{"Content-Length": str(2**28)}, {"Transfer-Encoding": "chunked"}])
def test_a_huge_body_is_refused_without_being_held(shared_api: Api, length: dict[str, str]) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(2**12):
            yield b"x" * 2**16

    before = peak_memory_mb()
    answer = shared_api.client.post(
        "/api/v1/jobs/submit", content=body(), headers={"Content-Type": "application/json", **length}
    )
    assert answer.status_code == 413
    assert peak_memory_mb() - before < 64
    assert shared_api.count_events() == 2


def test_the_request_id_is_echoed_and_kept_with_the_event(api: Api) -> None:
    request_id = "0b0e7c1e-9d55-4a6e-8a0d-3b8f2a7f6f01"
    answer = api.post("/jobs/submit", JOB, headers={"X-Request-Id": request_id, "Conductor-Channel": "cli"})
    assert answer.headers["x-request-id"] == request_id
    [event] = api.get("/events")["events"]
    assert event["metadata"] == {"actor": "admin", "channel": "cli", "correlation": request_id}


def test_a_made_up_request_id_or_channel_does_not_reach_the_log(api: Api) -> None:
    answer = api.post(
        "/jobs/submit", JOB, headers={"X-Request-Id": "x" * 500, "Conductor-Channel": "scheduler"}
    )
    assert len(answer.headers["x-request-id"]) == 36
    [event] = api.get("/events")["events"]
    assert event["metadata"]["channel"] == "api"
    assert event["metadata"]["correlation"] == answer.headers["x-request-id"]


def test_a_configured_address_is_a_known_host(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, api_host=EVERYWHERE, url="https://Conductor.example.org:8443")
    assert "conductor.example.org" in allowed_hosts(settings)
    assert EVERYWHERE not in allowed_hosts(settings)


def test_an_address_that_others_can_reach_is_refused_unless_the_way_is_protected(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="TLS proxy"):
        refuse_exposure(Settings(home=tmp_path, api_host=EVERYWHERE))
    refuse_exposure(Settings(home=tmp_path, api_host=EVERYWHERE, url="https://conductor.example.org"))
    refuse_exposure(Settings(home=tmp_path, api_host=EVERYWHERE, api_trusted_proxy=True))
    for loopback in ("127.0.0.1", "::1", "localhost"):
        refuse_exposure(Settings(home=tmp_path, api_host=loopback))


def test_no_authentication_beyond_loopback_is_no_setting(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="loopback only"):
        Settings(home=tmp_path, api_host=EVERYWHERE, api_auth="off")
