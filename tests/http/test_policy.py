"""The policy over HTTP: shown as it is and as it was, changed by name, refused by name; and fair share from the log."""

from typing import Any

import pytest

from tests.fix_api import Api

NONSENSE: list[tuple[dict[str, Any], str, str]] = [
    ({"order": "lifo"}, "changes.order", "first_fit"),
    ({"order": None}, "changes.order", "backfill"),
    ({"node_choice": 3}, "changes.node_choice", "least_loaded"),
    ({"colour": "red"}, "changes.colour", "guard_seconds"),
    ({"guard_seconds": -1}, "changes.guard_seconds", "at least"),
    ({"guard_seconds": "soon"}, "changes.guard_seconds", "must be a number"),
    ({"user_max_cpus": 0}, "changes.user_max_cpus", "at least 1"),
    ({"user_max_jobs": 1.5}, "changes.user_max_jobs", "whole number"),
    ({"half_life_hours": 0}, "changes.half_life_hours", "at least"),
    ({"licences": {"matlab": -1}}, "changes.licences.matlab", "at least"),
    ({"licences": {"x;touch /tmp/y #": 2}}, "changes.licences", "no name of a licence"),
    ({"licences": 5}, "changes.licences", "object"),
]


def test_a_policy_that_nobody_changed_has_the_defaults(api: Api) -> None:
    found = api.get("/policy")
    assert found["policy"] == {
        "order": "first_fit",
        "node_choice": "least_loaded",
        "guard_seconds": 3600.0,
        "aging_per_hour": 0.0,
        "fair_share_weight": 0.0,
        "half_life_hours": 168.0,
        "user_max_cpus": None,
        "user_max_jobs": None,
        "licences": {},
    }
    assert (found["version"], found["position"], found["changed_by"]) == (0, None, None)
    assert api.post("/policy", {"changes": {}}).json()["version"] == 0
    assert api.count_events() == 0


def test_a_change_is_an_event_and_the_past_keeps_its_own(api: Api) -> None:
    changes = {"order": "backfill", "guard_seconds": 600, "licences": {"matlab": 5}}
    answer = api.post("/policy", {"changes": changes, "reason": "the night"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["position"], found["version"], found["reason"]) == (1, 1, "the night")
    assert (found["changed_by"], found["channel"]) == ("admin", "api")
    assert {name: found["policy"][name] for name in changes} == changes
    assert found["policy"]["node_choice"] == "least_loaded"
    again = api.post("/policy", {"changes": {"order": "backfill"}}).json()
    assert (again["position"], again["version"]) == (1, 1)
    api.post("/policy", {"changes": {"guard_seconds": None, "order": "strict_fifo"}})
    assert api.get("/policy", at_least=2)["policy"]["guard_seconds"] is None
    then = api.get("/policy", as_of=1)
    assert (then["policy"], then["reason"], then["as_of"]["position"]) == (found["policy"], "the night", 1)
    assert api.get("/policy", as_of=0)["version"] == 0


@pytest.mark.parametrize(("changes", "field", "said"), NONSENSE, ids=str)
def test_a_value_that_cannot_be_is_refused_by_name_and_nothing_changes(
    shared_api: Api, changes: dict[str, Any], field: str, said: str
) -> None:
    before = shared_api.count_events()
    answer = shared_api.post("/policy", {"changes": {"aging_per_hour": 7, **changes}})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["field"], said in error["message"]) == (field, True), error
    same = shared_api.post("/commands", {"type": "ChangePolicy", "changes": changes}).json()["errors"]
    assert [one["field"] for one in same] == [field]
    chinese = shared_api.post("/policy", {"changes": changes}, headers={"Accept-Language": "zh"})
    assert any("\u4e00" <= character <= "\u9fff" for character in chinese.json()["errors"][0]["message"])
    assert shared_api.count_events() == before


def test_as_a_command_it_may_hold_back_when_somebody_was_there_before(api: Api) -> None:
    made = api.command("ChangePolicy", changes={"order": "backfill"}, unless_set=True, reason="a script")
    assert [event["type"] for event in made["events"]] == ["PolicyChanged"]
    late = api.command("ChangePolicy", changes={"order": "strict_fifo"}, unless_set=True)
    assert late["events"] == []
    stale = {"type": "ChangePolicy", "changes": {"order": "strict_fifo"}, "expected_version": 0}
    assert api.post("/commands", stale).json()["rejection"]["code"] == "version_conflict"
    assert api.get("/policy")["policy"]["order"] == "backfill"


def test_fair_share_shows_what_accounts_used_now_and_at_any_time(api: Api) -> None:
    api.register(cpus=8)
    assert api.get("/policy/fair-share")["accounts"] == []
    api.post("/policy", {"changes": {"fair_share_weight": 1000, "half_life_hours": 0.001}})
    one = api.start(api.submit(cpus=2, account="physics"))
    api.start(api.submit(cpus=1, user_name="bob"))
    api.end(one)
    shown = api.get("/policy/fair-share")
    assert (shown["fair_share_weight"], shown["half_life_hours"]) == (1000, 0.001)
    assert shown["accounts"] == []  # what has only begun counts from the next step on
    first, last = api.sql("SELECT min(at), max(recorded_at) FROM events")[0]
    assert api.get("/policy/fair-share", as_of=api.count_events())["accounts"] == []
    assert shown["counted_until"] < last.isoformat()
    assert first
    for as_of in (0, 1, api.count_events()):
        told = api.get("/policy/fair-share", as_of=as_of)["as_of"]
        assert told["position"] == as_of
    assert api.client.get("/api/v1/policy/fair-share?as_of=9999").status_code == 422
