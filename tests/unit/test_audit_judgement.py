"""The audit's judgement of one moment: each margin, and that no consequence is named beside its cause."""

from datetime import UTC, datetime, timedelta
from string import Formatter
from typing import Any

import pytest

from conductor.core.acknowledgements import ACKNOWLEDGEABLE
from projections.audit import Finding, Margins, Seen, judge, together
from projections.audit_catalogue import CATALOGUE, Mending, Severity, repair_of, sentence

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MARGINS = Margins(lease_seconds=30, kill_grace_seconds=10)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def allocation(**changes: Any) -> dict[str, Any]:
    """One that runs well, of job 4 on node `a`."""
    fields = {
        "id": 7, "job_id": 4, "attempt": 1, "node_name": "a", "cpu_ids": [0, 1], "status": "allocated",
        "process_id": 4711, "expires_at": ago(3540), "allocation_time": ago(3599), "job_state": "RUNNING",
        "final": False, "job_reason": None, "cancel_requested_at": None, "job_version": 3, "observed_at": ago(20),
        "missing": False, "blocked_pids": None,
    }  # fmt: skip
    return {**fields, **changes}


def node(**changes: Any) -> dict[str, Any]:
    """One that was heard from."""
    fields = {
        "name": "a", "state": "UP", "incarnation": 2, "registered_at": ago(7200),
        "lease_expires_at": NOW + timedelta(seconds=20), "lease_incarnation": 2, "left_at": None, "jobs_lost": False,
        "in_log": True,
    }  # fmt: skip
    return {**fields, **changes}


def stray(**changes: Any) -> dict[str, Any]:
    fields = {
        "node_name": "a", "observed_at": ago(20), "pid": 4711, "start_ticks": 99, "mark": "m", "job_id": 4,
        "attempt": 1, "allocation_id": 7, "command": "sleep", "release_time": ago(3600), "live": False,
    }  # fmt: skip
    return {**fields, **changes}


def found(
    *allocations: Any, nodes: Any = None, strays: Any = (), memories: Any = ()
) -> list[tuple[str, str]]:
    seen = Seen(
        now=NOW,
        position=100,
        allocations=allocations,
        nodes=[node()] if nodes is None else nodes,
        strays=strays,
        memories=memories,
    )
    return [(one.code, one.subject) for one in judge(seen, MARGINS)]


RESERVED = {"status": "reserved", "job_state": "RESERVED", "process_id": None, "allocation_time": None}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({**RESERVED, "expires_at": ago(14)}, None),
        ({**RESERVED, "expires_at": ago(16)}, "reservation_expired"),
        ({"job_state": "COMPLETED", "final": True}, "allocation_of_finished_job"),
        ({**RESERVED, "job_state": "CANCELLED", "final": True}, "allocation_of_finished_job"),
        ({"missing": True}, "process_missing"),
        ({"missing": True, "observed_at": ago(121)}, None),
        ({"missing": True, "allocation_time": ago(10)}, None),
        ({"cancel_requested_at": ago(39)}, None),
        ({"cancel_requested_at": ago(41)}, "cancel_stuck"),
        ({"job_reason": "Cleanup", "blocked_pids": [8, 9]}, "cleanup_blocked"),
        ({"job_reason": "Cleanup", "cancel_requested_at": ago(900)}, "cleanup_blocked"),
        ({"missing": True, "cancel_requested_at": ago(900)}, "process_missing"),
        ({"job_state": None, "final": None}, None),
    ],
)
def test_a_live_allocation_has_one_fault_or_none(changes: dict[str, Any], code: str | None) -> None:
    assert found(allocation(**changes)) == ([] if code is None else [(code, "allocation 7")])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"lease_expires_at": ago(59)}, None),  # declared 15 s after its end, by a leader back for 30 s
        ({"lease_expires_at": ago(61)}, "node_lease_stale"),
        ({"lease_expires_at": ago(61), "state": "DRAINED"}, "node_lease_stale"),
        ({"lease_expires_at": ago(61), "state": "LOST", "left_at": ago(1)}, None),
        ({"lease_expires_at": None, "lease_incarnation": None}, "node_lease_stale"),
        ({"lease_expires_at": None, "lease_incarnation": None, "registered_at": ago(80)}, None),
        ({"lease_incarnation": 1}, "node_lease_stale"),
        ({"lease_incarnation": 1, "registered_at": ago(80)}, None),
    ],
)
def test_a_node_that_nobody_declares_lost(changes: dict[str, Any], code: str | None) -> None:
    assert found(nodes=[node(**changes)]) == ([] if code is None else [(code, "node-a")])


@pytest.mark.parametrize("state", ["LOST", "REMOVED"])
def test_what_is_held_on_a_node_that_left_is_one_finding_however_much_it_is(state: str) -> None:
    held = [
        allocation(cancel_requested_at=ago(900), missing=True),
        allocation(id=8, job_id=5, **RESERVED, expires_at=ago(900)),
    ]
    gone = node(state=state, left_at=ago(16))
    assert found(*held, nodes=[gone]) == [("allocation_on_lost_node", "node-a")]
    assert found(*held[1:], nodes=[{**gone, "left_at": ago(14)}]) == [("reservation_expired", "allocation 8")]
    assert found(allocation(), nodes=[]) == [("allocation_on_lost_node", "node-a")]


def test_a_node_that_no_event_explains_is_that_row_whatever_else_it_says() -> None:
    ghost = node(in_log=False, lease_expires_at=None, lease_incarnation=None)
    assert found(nodes=[ghost]) == [("row_unexpected", "nodes a")]
    [one] = judge(Seen(now=NOW, position=9, allocations=(), nodes=[ghost], strays=(), memories=()), MARGINS)
    assert sentence(one.code, one.parameters, "en") == (
        "No event explains row a of table nodes: somebody inserted it past the door."
    )
    assert codes(together([one], [Finding(code="row_unexpected", subject="nodes a", parameters={})])) == [
        ("row_unexpected", "nodes a")
    ]


def test_a_silent_node_explains_the_cancel_that_it_does_not_carry_out() -> None:
    held = allocation(cancel_requested_at=ago(900))
    assert found(held, nodes=[node(lease_expires_at=ago(900))]) == [("node_lease_stale", "node-a")]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "process_stray"),
        ({"observed_at": ago(121)}, None),
        ({"live": True}, None),
        ({"release_time": ago(70)}, None),  # its node ends what was released under it
        ({"release_time": None, "job_id": None, "attempt": None, "allocation_id": 99}, "process_stray"),
        ({"mark": None, **dict.fromkeys(("job_id", "attempt", "allocation_id", "release_time"))}, "process_unmarked"),
    ],
)  # fmt: skip
def test_a_process_that_belongs_to_nothing(changes: dict[str, Any], code: str | None) -> None:
    expected = [] if code is None else [(code, "node-a pid 4711 start 99")]
    assert found(strays=[stray(**changes)]) == expected


def test_every_executor_is_a_witness_of_its_own() -> None:
    memories = [
        {"node_name": name, "remembered_position": 90, "remembered_hash": "aa", "hash": None} for name in "ab"
    ]
    assert found(memories=memories) == [
        ("history_forked", "node-a position 90"),
        ("history_forked", "node-b position 90"),
    ]


def row(table: str, key: int, **more: Any) -> Finding:
    return Finding(code="row_differs", subject=f"{table} {key}", parameters={"ahead": False, **more})


def live(**changes: Any) -> list[Finding]:
    seen = Seen(
        now=NOW, position=9, allocations=[allocation(**changes)], nodes=[node()], strays=(), memories=()
    )
    return judge(seen, MARGINS)


def codes(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in findings]


def test_what_only_a_changed_row_says_is_no_finding_beside_it() -> None:
    late = live(**RESERVED, expires_at=ago(900))
    changed = [row("resource_allocations", 7)]
    assert codes(together(late, changed)) == [("row_differs", "resource_allocations 7")]
    assert codes(together(late, [row("jobs", 99)])) == [
        ("reservation_expired", "allocation 7"),
        ("row_differs", "jobs 99"),
    ]


def test_a_live_allocation_of_a_finished_job_is_the_better_name_for_the_changed_row() -> None:
    ended = live(job_state="COMPLETED", final=True)
    assert codes(together(ended, [row("jobs", 4)])) == [("allocation_of_finished_job", "allocation 7")]


def test_a_log_that_was_cut_explains_the_rows_that_know_more() -> None:
    seen = Seen(
        now=NOW, position=80, allocations=(), nodes=(), strays=(),
        memories=[{"node_name": "a", "remembered_position": 90, "remembered_hash": "aa", "hash": None}],
    )  # fmt: skip
    forked = judge(seen, MARGINS)
    assert codes(together(forked, [row("jobs", 4, ahead=True), row("jobs", 5)])) == [
        ("history_forked", "node-a position 90"),
        ("row_differs", "jobs 5"),
    ]
    missing = Finding(code="position_missing", subject="position 90", parameters={"position": 90, "last": 91})
    assert codes(together(forked, [missing])) == [("position_missing", "position 90")]


def gaps(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_finding_has_both_languages_with_the_same_gaps(code: str) -> None:
    entry = CATALOGUE[code]
    assert gaps(entry.english) == gaps(entry.chinese)
    assert any("\u4e00" <= character <= "\u9fff" for character in entry.chinese)
    assert entry.severity is not Severity.INFO
    filled = sentence(code, {gap: ["a", 1] for gap in gaps(entry.english)}, "zh")
    assert "{" not in filled


def test_what_can_be_acknowledged_is_what_nothing_typed_here_mends() -> None:
    unmended = {
        code for code, entry in CATALOGUE.items() if entry.mending in (Mending.ACKNOWLEDGE, Mending.BY_HAND)
    }
    assert unmended == ACKNOWLEDGEABLE


def test_the_command_that_mends_is_named_exactly() -> None:
    assert repair_of("cancel_stuck", "allocation 7") == "conductor repair cancel_stuck allocation 7"
    assert repair_of("row_differs", "jobs 4") == "conductor replay rebuild"
    accepts = 'conductor repair acknowledge hash_broken position 17 --reason "..."'
    assert repair_of("hash_broken", "position 17") == accepts
    assert repair_of("process_stray", "node-a pid 1 start 2") is None


def test_what_another_system_never_gave_back_is_named_unless_its_row_is_wrong() -> None:
    row = {
        "id": 31, "job_id": 4, "node_name": "old", "allocated_cpus": 2, "process_id": None, "reservation_time": ago(9),
        "job_version": 2, "state": "FAILED", "source": "scns", "status": "allocated",
    }  # fmt: skip
    seen = Seen(now=NOW, position=9, allocations=(), nodes=(), strays=(), memories=(), imported=[row])
    [leak] = judge(seen, MARGINS)
    assert (leak.code, leak.subject) == ("imported_never_released", "allocation 31")
    assert leak.commands[0] == {
        "type": "Repair", "allocation_id": 31, "finding": "imported_never_released", "expected_version": 2,
    }  # fmt: skip
    wrong = Finding(code="row_differs", subject="past_allocations 31", parameters={})
    assert together([leak], [wrong]) == [wrong]
