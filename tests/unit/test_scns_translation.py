"""A row of the original system's tables becomes a command, or is refused by name; nothing is guessed."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from conductor.core.events import ImportOutcome
from conductor.scns.translation import Terms, Untranslatable, command_id_of, translate

TERMS = Terms(source="scns")
ALLOCATION = {"id": 31, "job_id": 7, "status": "released", "allocated_cpus": 2, "node_name": "old-1"}


def row(**changes: Any) -> dict[str, Any]:
    fields = {
        "id": 7, "account": "fluids", "name": "wing", "partition": "compute", "data_source": "API",
        "state": "COMPLETED", "exit_code": "0:0", "allocated_cpus": 2, "node_list": "old-1", "ntasks_per_node": 2,
        "cpus_per_task": 4, "memory_per_node": "8G", "time_limit": 90, "exclusive": True, "script": "true\r\n",
        "work_dir": "/data", "stdout_path": "o", "stderr_path": "e", "environment": {"A": "1", "B": 2},
        "submit_time": "2025-11-08T02:00:00.5", "start_time": None, "end_time": None,
    }  # fmt: skip
    return {**fields, **changes}


def test_what_was_submitted_is_kept_as_it_was() -> None:
    wish = translate(row(), [], TERMS).submission
    assert (wish.job_id, wish.name, wish.user_name, wish.account) == (7, "wing", "fluids", "fluids")
    assert (wish.script, wish.environment) == ("true\r\n", {"A": "1", "B": "2"})
    assert (wish.ntasks_per_node, wish.cpus_per_task, wish.time_limit_seconds) == (2, 4, 5400)
    assert (wish.submitted_by, wish.comment) == (
        "SCNS-Conductor API",
        "partition compute, memory 8G, exclusive",
    )
    assert wish.memory_mb is None  # it enforced none
    assert translate(row(), [], Terms(source="scns", user_name="bob")).submission.user_name == "bob"


def test_a_row_with_nothing_but_its_number_and_state_is_enough() -> None:
    command = translate({"id": 1, "state": "PENDING"}, [{"id": 2, "status": "reserved"}], TERMS)
    assert (command.submission.script, command.submission.user_name, command.imported.submitted_at) == (
        "",
        "unknown",
        None,
    )
    allocation = command.imported.allocation
    assert allocation is not None
    assert (allocation.node_name, allocation.cpus, allocation.given_back) == ("unknown", 1, False)


@pytest.mark.parametrize(
    ("given", "code", "signal"),
    [
        ("0:0", 0, None), ("3:0", 3, None), ("3", 3, None), ("-9:0", None, 9), ("-15:0", None, 15),
        ("-1:15", None, 15), ("0:9", None, 9), ("-1:0", None, None), ("-2:0", None, None), ("-3:0", None, None),
        ("256:0", None, None), (":", None, None), ("", None, None), (None, None, None), ("?", None, None),
    ],
)  # fmt: skip
def test_an_exit_is_read_and_never_guessed(given: str | None, code: int | None, signal: int | None) -> None:
    event = translate(row(state="FAILED", exit_code=given), [], TERMS).imported
    assert (event.exit_code, event.exit_signal, event.exit) == (code, signal, given or None)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"state": "PENDING"}, ImportOutcome.WAITING),
        ({"state": "JobState.PENDING"}, ImportOutcome.WAITING),
        ({"state": "running", "exit_code": None}, ImportOutcome.FAILED),
        ({"state": "RUNNING", "exit_code": "0:0"}, ImportOutcome.FAILED),
        (
            {"state": "RUNNING", "exit_code": "0:0", "end_time": "2025-11-08T03:00:00"},
            ImportOutcome.COMPLETED,
        ),
        ({"state": "RUNNING", "exit_code": "1:0", "end_time": "2025-11-08T03:00:00"}, ImportOutcome.FAILED),
        ({"state": "CANCELLED"}, ImportOutcome.CANCELLED),
    ],
)
def test_only_an_end_that_is_told_is_an_end(changes: dict[str, Any], outcome: ImportOutcome) -> None:
    assert translate(row(**changes), [], TERMS).imported.outcome is outcome


@pytest.mark.parametrize(
    ("told", "status", "given_back"),
    [
        ({"status": "released"}, "released", True),
        ({"status": "ResourceStatus.ALLOCATED"}, "allocated", False),
        ({"status": "reserved"}, "reserved", False),
        ({"status": None, "released": True}, "released", True),
        ({"status": None, "released": False}, "not released", False),
    ],
)
def test_both_schemas_say_whether_cpus_were_given_back(told: Any, status: str, given_back: bool) -> None:
    allocation = translate(row(), [{**ALLOCATION, **told}], TERMS).imported.allocation
    assert allocation is not None
    assert (allocation.status, allocation.given_back) == (status, given_back)


def test_times_without_a_zone_are_in_the_one_that_is_named() -> None:
    moment = datetime(2025, 11, 8, 2, 0, 0, 500000, tzinfo=UTC)
    shanghai = Terms(source="scns", zone=ZoneInfo("Asia/Shanghai"))
    assert translate(row(), [], TERMS).imported.submitted_at == moment
    assert translate(row(), [], shanghai).imported.submitted_at == moment.replace(day=7, hour=18)
    aware = row(submit_time="2025-11-08T02:00:00.5+00:00")
    assert translate(aware, [], shanghai).imported.submitted_at == moment


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "SUSPENDED"}, "state 'SUSPENDED'"),
        ({"state": None}, "state None"),
        ({"id": 0}, "number 0"),
        ({"id": 2**52 + 1}, "number 4503599627370497"),
        ({"id": "seven"}, "number 'seven'"),
        ({"submit_time": "infinity"}, "submit_time 'infinity'"),
        ({"end_time": "0044-03-15T12:00:00 BC"}, "end_time"),
        ({"submit_time": 17}, "submit_time 17"),
        ({"cpus_per_task": 2**31}, "cpus_per_task"),
        ({"cpus_per_task": 2**16, "ntasks_per_node": 2**16}, "65536 times 65536"),
        ({"ntasks_per_node": "two"}, "ntasks_per_node 'two'"),
        ({"name": "n" * 256}, "longer than 255"),
        ({"environment": ["A=1"]}, "environment"),
        ({"environment": {"A=B": "1"}}, "'A=B'"),
        ({"environment": {"": "1"}}, "environment names ''"),
        ({"account": "a\x1b[2J"}, r"account 'a\\x1b\[2J' has a line end"),
        ({"account": "u" * 255}, "no user here .*--user"),
        ({"account": "../x"}, "no user here"),
        ({"name": "x\ny"}, r"name 'x\\ny' has a line end"),
        ({"partition": "p\x07"}, "partition"),
        ({"data_source": "\x9b"}, "data_source"),
        ({"exit_code": "\x1b"}, "exit_code"),
        ({"work_dir": "rel/../x"}, "work_dir 'rel/../x' is not absolute"),
        ({"stdout_path": "a\nb"}, "stdout_path"),
        ({"time_limit": 2**31}, "time_limit"),
        ({"time_limit": "long"}, "time_limit 'long'"),
        ({"submit_time": "0001-01-01T00:00:00"}, "submit_time .*1970 to 2999"),
        ({"end_time": "9999-12-31T23:59:59"}, "end_time .*1970 to 2999"),
        (
            {"start_time": "2025-11-09T00:00:00", "end_time": "2025-11-08T00:00:00"},
            "end_time .* before its start_time",
        ),
    ],
)
def test_a_row_that_cannot_be_a_job_of_ours_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Untranslatable, match=said):
        translate(row(**changes), [], TERMS)


def test_so_is_one_with_an_odd_allocation() -> None:
    with pytest.raises(Untranslatable, match="2 allocations"):
        translate(row(), [ALLOCATION, {**ALLOCATION, "id": 32}], TERMS)
    with pytest.raises(Untranslatable, match="status 'lent'"):
        translate(row(), [{**ALLOCATION, "status": "lent"}], TERMS)
    with pytest.raises(Untranslatable, match="allocation's number -1"):
        translate(row(), [{**ALLOCATION, "id": -1}], TERMS)
    with pytest.raises(Untranslatable, match="allocation's number"):
        translate(row(), [{**ALLOCATION, "id": 2**53 - 1}], TERMS)
    with pytest.raises(Untranslatable, match=r"node '\.\./x' can be no node's name"):
        translate(row(), [{**ALLOCATION, "node_name": "../x"}], TERMS)
    times = {"allocation_time": "2025-11-09T00:00:00", "released_time": "2025-11-08T00:00:00"}
    with pytest.raises(Untranslatable, match=r"released_time .* before"):
        translate(row(), [{**ALLOCATION, **times}], TERMS)


def test_an_account_that_can_be_no_user_is_taken_in_when_a_user_is_named() -> None:
    wish = translate(row(account="fluid dynamics"), [], Terms(source="scns", user_name="bob")).submission
    assert (wish.account, wish.user_name) == ("fluid dynamics", "bob")
    with pytest.raises(Untranslatable, match="the user 'b b'"):
        translate(row(), [], Terms(source="scns", user_name="b b"))


def test_the_same_job_is_the_same_command() -> None:
    assert command_id_of(7) == command_id_of(7) != command_id_of(8)
