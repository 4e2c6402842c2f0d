"""The blocking and the awaiting client are one: same methods, same requests, same patience, same errors."""

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from conductor.client import AsyncClient, Client, Refused, Submission, UnexpectedAnswer, Unreachable, calls
from tests.both_clients import KINDS, in_turn, tell, tell_offline
from tests.fix_api import TOKEN, Api
from tests.source import ROOT

both = pytest.mark.parametrize("kind", KINDS)
JOB = {"id": 1, "state": "COMPLETED"}


def test_the_blocking_client_is_what_the_awaiting_one_makes() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "write_sync_client.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_both_have_the_same_methods_with_the_same_parameters() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        found = inspect.getmembers(kind, inspect.isfunction)
        return {
            name.replace("aclose", "close").replace("__a", "__"): list(inspect.signature(one).parameters)
            for name, one in found
        }

    assert methods(Client) == methods(AsyncClient)
    assert len(methods(Client)) > 45


@both
@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda c: c.cancel("4_[1-2%5]", reason="why"), "POST /api/v1/jobs/4_[1-2%5]/cancel"),
        (lambda c: c.allocations(statuses=["reserved"], wait_seconds=1.5), "status=reserved&wait=1.5"),
        (lambda c: c.events(event_type=["JobHeld", "JobUnheld"], node_name="n1"), "type=JobHeld%2CJobUnheld"),
        (lambda c: c.events(after=7, stream="job-1"), "GET /api/v1/events?after=7&stream=job-1"),
        (lambda c: c.stats(as_of=12), "GET /api/v1/jobs/stats?as_of=12"),
        (lambda c: c.lost("n/1"), "POST /api/v1/nodes/n/1/lost"),
        (lambda c: c.renew_lease("n1", 1, [4]), 'PUT /api/v1/nodes/n1/lease {"incarnation":1'),
        (
            lambda c: c.send_output(3, b"abc", offset=2),
            "PUT /api/v1/jobs/3/output?stream=stdout&offset=2 abc",
        ),
        (lambda c: c.tokens.revoke("ci", reason="lost"), 'POST /api/v1/tokens/ci/revoke {"reason":"lost"}'),
        (lambda c: c.tokens.create("ci", "viewer"), 'POST /api/v1/tokens {"name":"ci","role":"viewer"}'),
        (lambda c: c.hold(1, expected_version=7), 'If-Match: "7"'),
        (lambda c: c.audit(replay=False), "GET /api/v1/audit?replay=false"),
    ],
)
def test_a_method_asks_for_what_it_says(kind: str, ask: Callable[[Any], Any], expected: str) -> None:
    everything = {
        **JOB, "job_id": 1, "events": [], "allocations": [], "offset": 5, "expires_at": "2026-01-01T00:00:00Z",
        "name": "ci", "role": "viewer", "user_name": "ci", "created_at": "2026-01-01T00:00:00Z", "position": 1,
        "node_name": "n1", "incarnation": 1, "version": 1, "cancel": [], "findings": [], "seconds": 0.1,
        "checked": {"live_allocations": 0, "nodes": 0, "replay": False},
        **dict.fromkeys(("reason", "created_by", "revoked_at", "revoked_by")),
    }  # fmt: skip
    answer, seen = in_turn(httpx.Response(200, json=everything))

    async def story(client: Any) -> None:
        await ask(client)

    tell_offline(kind, story, answer)
    [request] = seen
    match = f"If-Match: {request.headers.get('If-Match')}"
    query = f"?{request.url.query.decode()}" if request.url.query else ""
    told = f"{request.method} {request.url.path}{query} {request.read().decode()} {match}"
    assert expected in told


@both
def test_a_name_of_dots_is_no_way_up(kind: str) -> None:
    answer, seen = in_turn(httpx.Response(404, json={"detail": "no such node"}))

    async def story(client: Any) -> None:
        with pytest.raises(Refused, match="no such node"):
            await client.node("..")

    tell_offline(kind, story, answer)
    assert seen[0].url.raw_path == b"/api/v1/nodes/%2E%2E"


@both
def test_a_write_whose_answer_was_lost_is_repeated_under_the_same_key(kind: str) -> None:
    made = httpx.Response(201, json={"job_id": 7, "state": "PENDING", "position": 9})
    answer, seen = in_turn(
        httpx.ReadError("reset"), httpx.Response(429, headers={"Retry-After": "0.01"}), made
    )

    async def story(client: Any) -> None:
        assert (await client.submit(Submission(script="true\n"))).job_id == 7
        assert client.position == 9

    tell_offline(kind, story, answer)
    assert len({request.headers["Idempotency-Key"] for request in seen}) == 1
    assert len(seen) == 3


@both
def test_what_is_read_is_no_older_than_what_was_written_when_that_was_asked_for(kind: str) -> None:
    made = httpx.Response(201, json={"job_id": 1, "position": 41, **JOB})

    async def story(client: Any) -> None:
        await client.stats()
        await client.submit(Submission(script="true\n"))
        await client.job(1)
        await client.stats(as_of=3)

    answer, seen = in_turn(made)
    tell_offline(kind, story, answer, at_least=0)
    assert [request.url.params.get("at_least") for request in seen] == [None, None, "41", None]
    answer, seen = in_turn(made)
    tell_offline(kind, story, answer)
    assert [request.url.params.get("at_least") for request in seen] == [None] * 4


@both
def test_a_refusal_tells_all_that_the_server_told(kind: str) -> None:
    document = {
        "type": "urn:conductor:problem:wrong_state", "code": "wrong_state", "title": "Wrong state", "detail": "Ended.",
        "state": "COMPLETED", "errors": [{"field": "cpus", "code": "too_big", "message": "cpus is too big"}],
    }  # fmt: skip
    answer, _ = in_turn(httpx.Response(409, json=document, headers={"Retry-After": "3"}))

    async def story(client: Any) -> None:
        with pytest.raises(Refused, match="cpus is too big") as caught:
            await client.hold(1)
        refused = caught.value
        assert (refused.status, refused.code, refused.retry_after_seconds) == (409, "wrong_state", 3.0)
        assert (refused.errors[0].field, refused.problem.raw["state"]) == ("cpus", "COMPLETED")

    tell_offline(kind, story, answer)


@both
def test_another_kind_of_server_is_recognised(kind: str) -> None:
    answer, _ = in_turn(
        httpx.Response(200, content=b"<html>"), httpx.Response(301, headers={"Location": "/x"})
    )

    async def story(client: Any) -> None:
        for _ in range(2):
            with pytest.raises(UnexpectedAnswer):
                await client.job(1)

    tell_offline(kind, story, answer)


@both
def test_where_nothing_listens_is_told_at_once(kind: str) -> None:
    async def story(client: Any) -> None:
        with pytest.raises(Unreachable, match="nothing listens there"):
            await client.stats()

    tell(kind, story, "http://localhost:9")


@both
def test_a_big_batch_goes_as_lines_and_any_number_as_batches(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conductor.client.job_calls.BATCH", 150)
    made = 0
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        body = request.read()
        lines = request.headers["Content-Type"] == "application/x-ndjson"
        jobs = [json.loads(line) for line in body.splitlines()] if lines else json.loads(body)["jobs"]
        assert lines == (len(jobs) > 100)
        sizes.append(len(jobs))
        told = [{"job_id": int(job["name"]), "state": "PENDING"} for job in jobs]
        return httpx.Response(201, json={"jobs": told})

    async def story(client: Any) -> None:
        def wanted() -> Any:
            nonlocal made
            for number in range(400):
                made += 1
                yield Submission(script="true\n", name=str(number))

        found = []
        async for job in client.submit_all(wanted(), idempotency_key="k"):
            assert made <= (job.job_id // 150 + 1) * 150, "the next batch was made before this one was taken"
            found.append(job.job_id)
        assert found == list(range(400))

    tell_offline(kind, story, answer)
    assert sizes == [150, 150, 100]


@both
def test_every_method_speaks_the_real_servers_language(kind: str, api: Api) -> None:
    api.register("node-1", 4)

    async def story(client: Any) -> None:
        batch = await client.submit_batch([Submission(script="true\n", hold=True)] * 101)
        array = await client.submit(Submission(script="true\n", array="0-2", environment={"A": "1"}))
        assert (len(batch.jobs), array.array_tasks) == (101, 3)
        assert dict(await client.environment(array.job_id)) == {"A": "1"}
        first = batch.jobs[0].job_id
        running = api.start(array.job_id)
        assert (await client.wait(array.job_id, "RUNNING")).state == "RUNNING"
        assert (await client.wait(first, timeout_seconds=0)).state == "PENDING"
        [allocation] = (await client.allocations()).allocations
        assert (allocation.job_id, allocation.id) == (array.job_id, running)
        held, unknown = await client.commands(
            [{"type": "Unhold", "job_id": first}, {"type": "Hold", "job_id": 9_999}]
        )
        assert (held.ok, held.events[0].type, unknown.rejection.code) == (True, "JobUnheld", "not_found")
        assert client.position >= held.position
        assert (await client.cancel(f"{array.job_id}_[1-2]")).changed == 2
        api.end(running)
        assert {job.state for job in await client.wait_array(array.job_id)} == {"CANCELLED", "COMPLETED"}
        each = [job.id async for job in client.wait_each([array.job_id, f"{array.job_id}_1"])]
        assert sorted(each) == [array.job_id, array.job_id + 1]
        assert [job.id async for job in client.wait_each([first], timeout_seconds=0)] == []
        assert (await client.policy()).version == 0
        assert (await client.fair_share()).fair_share_weight >= 0
        assert (await client.why(first)).told.sentence
        assert (await client.audit()).findings == ()
        assert [job.job_id for job in (await client.queue()).jobs] == [first]
        assert (await client.health()).database.ok
        assert (await client.processes(pid=4711)).processes[0].job_id == array.job_id
        async with client.follow_output(first, follow=False) as pieces:
            assert [piece async for piece in pieces] == []
        events = [event async for event in client.iterate_events(stream=f"job-{first}")]
        assert [event.type for event in events] == ["JobSubmitted", "JobUnheld"]
        assert (await client.remove("node-1")).state == "REMOVED"
        assert (await client.job(first, as_of=client.position)).state == "PENDING"

    tell(kind, story, api.url, TOKEN, at_least=0)


def test_a_version_is_named_as_a_tag() -> None:
    assert calls.if_version(7) == {"If-Match": '"7"'}
    assert calls.if_version(None) == {}
