"""`conductor policy`, typed against a real server."""

import json

import pytest

from conductor.cli.exits import WrongUsage
from conductor.cli.policy import parsed_changes
from conductor.cli.screen import Screen
from tests.cli.test_commands import Type, typed_at
from tests.fix_api import Api


@pytest.fixture
def conduct(api: Api) -> Type:
    return typed_at(api.url, api.settings.home)


def test_the_policy_is_shown_changed_and_looked_back_on(api: Api, conduct: Type) -> None:
    said = conduct("policy")
    assert said.exit_code == 0
    assert "defaults" in said.stdout
    assert ["order", "first_fit"] in [line.split()[:2] for line in said.stdout.splitlines()]
    changes = ("order=backfill", "guard_seconds=600", "user_max_cpus=none", "licences=matlab:5,abaqus:2")
    said = conduct("policy", *changes, "--reason", "nights")
    assert said.stdout == (
        "Changed at position 1: order=backfill guard_seconds=600\nlicences=abaqus:2,matlab:5\n"
    )
    assert "nothing was changed" in conduct("policy", "order=backfill").stdout
    conduct("policy", "guard_seconds=none", "licences=none")
    told = json.loads(conduct("policy", "--json").stdout)
    assert (told["policy"]["guard_seconds"], told["policy"]["licences"], told["position"]) == (None, {}, 2)
    then = conduct("policy", "--as-of", 1).stdout
    assert "nights" in then
    assert "abaqus:2" in then
    assert "CONDUCTOR_POLICY is read once" in then
    history = conduct("policy", "--history").stdout
    assert "nights" in history
    assert "guard_seconds=none" in history
    listed = json.loads(conduct("policy", "--history", "--json").stdout)["changes"]
    assert [one["changes"].get("guard_seconds", 0) for one in listed] == [600, None]
    events = conduct("events", "--stream", "policy").stdout
    assert "order=backfill guard_seconds=6" in events
    assert api.get("/policy")["channel"] == "cli"


def test_both_languages_tell_it(conduct: Type) -> None:
    conduct("policy", "order=backfill", "--reason", "夜间")
    said = conduct("policy", CONDUCTOR_LANG="zh").stdout
    assert "由 admin 更改：夜间" in said
    assert "backfill" in said
    assert "admin：夜间" in conduct("policy", "--history", CONDUCTOR_LANG="zh").stdout
    assert "半衰期" in conduct("policy", "--fair-share", CONDUCTOR_LANG="zh").stdout


@pytest.mark.parametrize(
    "words",
    [
        ("order",),
        ("=x",),
        ("licences=matlab",),
        ("licences=matlab:5,matlab:6",),
        ("order=backfill", "--as-of", "1"),
        ("order=backfill", "--history"),
        ("--history", "--fair-share"),
        ("--reason", "none"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_before_anything_is_sent(api: Api, conduct: Type, words: tuple[str, ...]) -> None:
    said = conduct("policy", *words)
    assert (said.exit_code, said.stdout, len(said.stderr.splitlines())) == (2, "", 1)
    assert api.count_events() == 0


def test_a_value_that_cannot_be_is_refused_by_name_and_nothing_changes(api: Api, conduct: Type) -> None:
    said = conduct("policy", "node_choice=pack", "order=lifo")
    assert (said.exit_code, said.stdout) == (1, "")
    assert "conductor: order must be one of first_fit, strict_fifo, backfill" in said.stderr
    misspelt = conduct("policy", "odrer=backfill").stderr
    assert "did you mean `order`?; there are order, node_choice" in misspelt
    assert "quotes" not in conduct("policy", "user_max_jobs=many").stderr
    assert api.count_events() == 0


def test_values_are_read_as_they_are_typed() -> None:
    screen = Screen(language="en", out_is_terminal=False, err_is_terminal=False)
    given = ("a=1", "b=-1.5", "c=none", "d=x=y", "licences=a:b:2")
    assert parsed_changes(given, screen) == {"a": 1, "b": -1.5, "c": None, "d": "x=y", "licences": {"a:b": 2}}
    with pytest.raises(WrongUsage):
        parsed_changes(("licences=a:-1",), screen)


def test_fair_share_is_listed(api: Api, conduct: Type) -> None:
    api.register()
    assert "no weight" in conduct("policy", "--fair-share").stdout
    conduct("policy", "fair_share_weight=1000")
    assert "1000 points" in conduct("policy", "--fair-share").stdout
    told = json.loads(conduct("policy", "--fair-share", "--json").stdout)
    assert (told["accounts"], told["fair_share_weight"]) == ([], 1000)


def test_changes_may_have_commas_between_as_in_whatif() -> None:
    given = ["order=backfill,guard_seconds=5,licences=matlab:5,abaqus:2", "user_max_cpus=none"]
    assert parsed_changes(given, Screen.open()) == {
        "order": "backfill",
        "guard_seconds": 5,
        "licences": {"matlab": 5, "abaqus": 2},
        "user_max_cpus": None,
    }
