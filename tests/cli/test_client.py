"""The Python client: what it sends, how it reads answers, and what it does when they do not come."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from conductor.client import Client, Job, Refused, Submission, UnexpectedAnswer, Unreachable, cluster_calls
from conductor.client.connection import Connection
from tests.fix_api import TOKEN, Api

Answer = Callable[[httpx.Request], httpx.Response]
PROBLEM = "application/problem+json"


def client_of(answer: Answer, *, lang: str = "en", channel: str = "api") -> Client:
    transport = httpx.MockTransport(answer)
    return Client("http://127.0.0.1:9", "a-token", lang=lang, channel=channel, transport=transport)


def in_turn(*answers: httpx.Response | httpx.TransportError) -> tuple[Answer, list[httpx.Request]]:
    """Gives the answers one after the other, and the requests that were made."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        now = answers[len(seen) - 1]
        if isinstance(now, httpx.TransportError):
            raise now
        return now

    return answer, seen


def test_every_request_carries_the_token_the_language_and_the_channel() -> None:
    answer, seen = in_turn(httpx.Response(200, json={"id": 1, "state": "PENDING"}))
    client_of(answer, lang="zh", channel="cli").job(1)
    headers = seen[0].headers
    assert headers["Authorization"] == "Bearer a-token"
    assert (headers["Accept-Language"], headers["Conductor-Channel"]) == ("zh", "cli")


def test_a_submission_whose_answer_was_lost_is_repeated_under_the_same_key() -> None:
    answer, seen = in_turn(
        httpx.ReadError("connection reset"), httpx.Response(201, json={"job_id": 7, "state": "PENDING"})
    )
    assert client_of(answer).submit(Submission(script="true\n")).job_id == 7
    keys = [request.headers["Idempotency-Key"] for request in seen]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_two_submissions_have_two_keys() -> None:
    made = httpx.Response(201, json={"job_id": 7, "state": "PENDING"})
    answer, seen = in_turn(made, made)
    client = client_of(answer)
    for _ in range(2):
        client.submit(Submission(script="true\n"))
    assert len({request.headers["Idempotency-Key"] for request in seen}) == 2


def test_a_busy_server_is_asked_again_after_the_time_it_names() -> None:
    paused: list[float] = []
    answer, seen = in_turn(
        httpx.Response(503, headers={"Retry-After": "2", "Content-Type": PROBLEM}, json={"title": "away"}),
        httpx.Response(200, json={}),
    )
    transport = httpx.MockTransport(answer)
    connection = Connection("http://127.0.0.1:9", None, transport=transport, sleep=paused.append)
    assert connection.ask(cluster_calls.stats(None)).total_jobs == 0
    assert (paused, len(seen)) == ([2.0], 2)


def test_a_server_that_stays_away_becomes_an_error_after_a_few_tries() -> None:
    answer, seen = in_turn(*[httpx.Response(503, json={"detail": "the database is away"})] * 9)
    connection = Connection(
        "http://127.0.0.1:9", None, transport=httpx.MockTransport(answer), sleep=lambda _: None
    )
    with pytest.raises(Refused, match="the database is away"):
        connection.ask(cluster_calls.nodes(None))
    assert 2 <= len(seen) <= 5


def test_where_nothing_listens_is_told_at_once() -> None:
    answer, seen = in_turn(httpx.ConnectError("[Errno 111] Connection refused"))
    with pytest.raises(Unreachable) as caught:
        client_of(answer).stats()
    assert (caught.value.url, caught.value.cause) == ("http://127.0.0.1:9", "nothing listens there")
    assert len(seen) == 1


def test_an_array_is_waited_for_by_its_last_task_and_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conductor.client.waiting.PACE_SECONDS", 0)
    monkeypatch.setattr("conductor.client.waiting.AWAY_PAUSE_SECONDS", 0)
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        path, query = request.url.path.removeprefix("/api/v1/jobs"), request.url.params
        asked.append(path + ("?final" if "wait" in query else "?some" if "state" in query else ""))
        if len(asked) == 1:
            raise httpx.ConnectError("refused", request=request)
        ended = "/3000?final" in asked
        if path == "/1":
            by_state = {"FAILED": 1, "COMPLETED": 2999} if ended else {"PENDING": 1, "COMPLETED": 2999}
            return httpx.Response(
                200, json={"id": 1, "state": "COMPLETED", "array": {"jobs_by_state": by_state}}
            )
        if path == "/3000":
            return httpx.Response(200, json={"id": 3000, "state": "FAILED"})
        state = "FAILED" if ended else "PENDING"
        return httpx.Response(200, json={"jobs": [{"id": 3000, "state": state}], "next": None})

    [task] = client_of(answer).wait_array(1, patience_seconds=60)
    assert task.state == "FAILED"
    assert asked == ["/1", "/1", "?some", "/3000?final", "/1", ""]


def test_a_wait_outlives_a_server_that_is_away_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conductor.client.waiting.AWAY_PAUSE_SECONDS", 0.0)
    gone = httpx.ConnectError("refused")
    answer, seen = in_turn(gone, gone, httpx.Response(200, json={"id": 1, "state": "COMPLETED"}))
    assert client_of(answer).wait(1, patience_seconds=60).state == "COMPLETED"
    assert len(seen) == 3
    answer, _ = in_turn(gone)
    with pytest.raises(Unreachable):
        client_of(answer).wait(1, patience_seconds=0)


def test_a_refusal_keeps_the_servers_sentences() -> None:
    errors = [
        {"field": "cpus", "code": "too_small", "message": "cpus must be at least 1"},
        {"field": "body", "code": "odd", "message": "is odd"},
    ]
    document = {"type": "urn:x:invalid", "title": "Invalid", "detail": "Mend it.", "errors": errors}
    answer, _ = in_turn(httpx.Response(422, json=document))
    with pytest.raises(Refused) as caught:
        client_of(answer).submit(Submission(script="x", cpus=0))
    assert (caught.value.status, caught.value.problem.type) == (422, "urn:x:invalid")
    assert caught.value.problem.sentences() == ["cpus must be at least 1", "body: is odd"]


def test_a_rejected_command_is_a_refusal_with_its_code() -> None:
    rejection = {"code": "wrong_state", "message": "Job 1 has ended.", "state": "COMPLETED", "version": 4}
    answer, seen = in_turn(httpx.Response(409, json={"ok": False, "rejection": rejection}))
    with pytest.raises(Refused, match=r"^Job 1 has ended\.") as caught:
        client_of(answer).command({"type": "Reprioritize", "job_id": 1, "priority": 5})
    assert caught.value.problem.type == "wrong_state"
    assert json.loads(seen[0].content).keys() == {"command_id", "type", "job_id", "priority"}


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[1]", b'{"state": 5}'])
def test_another_kind_of_server_is_recognised(body: bytes) -> None:
    answer, _ = in_turn(httpx.Response(200, content=body))
    with pytest.raises(UnexpectedAnswer):
        client_of(answer).job(1)


def test_what_a_newer_server_adds_is_ignored_and_kept_in_raw() -> None:
    answered = {"id": 1, "state": "RUNNING", "submit_time": "2026-01-31T08:00:00Z", "colour": "green"}
    answer, _ = in_turn(httpx.Response(200, json=answered))
    job = client_of(answer).job(1)
    assert job == Job(id=1, state="RUNNING", submit_time=datetime(2026, 1, 31, 8, tzinfo=UTC))
    assert job.raw["colour"] == "green"


def test_a_name_cannot_lead_to_another_path() -> None:
    answer, seen = in_turn(httpx.Response(404, json={"detail": "no such node"}))
    with pytest.raises(Refused, match="no such node"):
        client_of(answer).node("../jobs?x=1")
    assert seen[0].url.raw_path == b"/api/v1/nodes/..%2Fjobs%3Fx%3D1"


def test_every_method_speaks_the_real_servers_language(api: Api) -> None:
    api.register("node-1", 4)
    with Client(api.url, TOKEN) as client:
        first = client.submit(
            Submission(script="true\n", name="one", cpus=2, hold=True, environment={"A": "1"})
        )
        batch = client.submit_batch([Submission(script="true\n", user_name="else") for _ in range(3)])
        assert len(batch.jobs) == 3
        assert client.unhold(first.job_id).state == "PENDING"
        assert client.hold(first.job_id, reason="later").raw["held"] is True
        assert client.unhold(first.job_id).raw["held"] is False
        client.reprioritize(first.job_id, 5)
        assert client.cancel(batch.jobs[0].job_id).state == "CANCELLED"
        assert client.requeue(batch.jobs[0].job_id).state == "PENDING"
        running = api.start(first.job_id)
        assert client.job(first.job_id).node == "node-1"
        assert client.cancel(first.job_id).cancel_requested_at is not None
        api.end(running, exit_code=3)
        ended = client.wait(first.job_id, timeout_seconds=10)
        assert (ended.state, ended.exit_code, ended.final, ended.priority) == ("FAILED", 3, True, 5)
        assert client.script(first.job_id) == "true\n"
        assert client.job_events(first.job_id).events[0].type == "JobSubmitted"
        assert {job.id for job in client.jobs(states=["PENDING"], user_name="else").jobs} == {
            job.job_id for job in batch.jobs
        }
        assert (client.stats().total_jobs, client.stats().total_cpus) == (4, 4)
        client.drain("node-1", reason="disk")
        assert (client.node("node-1").state, client.nodes().nodes[0].reason) == ("DRAINED", "disk")
        client.resume("node-1")
        head = client.events(limit=1).head
        assert head is not None
        assert client.events(after=head.position - 2).events[-1].type == "NodeResumed"
        assert client.health().database.ok


def test_all_jobs_are_read_over_as_many_pages_as_it_takes(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conductor.client.paging.PAGE", 3)
    with Client(api.url, TOKEN) as client:
        made = {job.job_id for job in client.submit_batch([Submission(script="true\n")] * 7).jobs}
        assert {job.id for job in client.all_jobs().jobs} == made
        assert [job.id for job in client.iterate_jobs(states=["PENDING"])] == sorted(made, reverse=True)
        assert len(client.all_jobs(5).jobs) == 5
        with pytest.raises(TypeError, match="stat is no filter"):
            client.all_jobs(stat="PENDING")  # type: ignore[call-arg]
