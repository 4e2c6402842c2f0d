"""`GET /queue`: the scheduler's own order, with what makes it."""

import pytest

from tests.fix_api import Api
from tests.http.test_why import heard


def test_higher_priorities_come_first_then_who_came_first(api: Api) -> None:
    heard(api)
    first, second, third = api.submit(), api.submit(priority=5), api.submit()
    held, later = api.submit(hold=True), api.submit(begin_time="2999-01-01T00:00:00Z")
    told = api.get("/queue")
    assert [(one["place"], one["job_id"]) for one in told["jobs"]] == [(1, second), (2, first), (3, third)]
    assert {held, later}.isdisjoint(one["job_id"] for one in told["jobs"])
    assert (told["waiting"], told["licences"], told["position"]) == (3, {}, api.count_events())
    assert told["jobs"][0]["effective_priority"] == 5.0
    some = api.get("/queue", limit=1)
    assert ([one["job_id"] for one in some["jobs"]], some["waiting"]) == ([second], 3)


def test_age_and_fair_share_show_in_the_effective_priority_and_licences_in_use_are_counted(api: Api) -> None:
    heard(api, cpus=8)
    api.post("/policy", {"changes": {"fair_share_weight": 1000, "licences": {"matlab": 3}}})
    holder = api.submit(account="busy", gres={"matlab": 2})
    api.start(holder)
    waits = api.submit(account="idle", gres={"matlab": 2})
    told = api.get("/queue")
    [one] = told["jobs"]
    assert (one["job_id"], one["account"], one["reason"]) == (waits, "idle", "Licenses")
    assert 0 < one["effective_priority"] <= 1000
    assert told["licences"] == {"matlab": {"total": 3, "used": 2}}


@pytest.mark.parametrize("limit", [0, 1001, "x"])
def test_a_wrong_limit_is_refused(shared_api: Api, limit: object) -> None:
    answer = shared_api.client.get(f"/api/v1/queue?limit={limit}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "limit"
