"""Strict FIFO, backfill, the guard, priority, aging and fair share: by example."""

from datetime import timedelta
from typing import Any

import pytest

from conductor.core.events import JobCancelled, Policy
from conductor.core.identifiers import JobId, NodeName, job_stream
from conductor.core.placement import Obstacle, Protected
from conductor.core.queues import effective_priority
from tests.given import START, allocated
from tests.given_cluster import Story

A, B = NodeName("a"), NodeName("b")
HOUR = 3600
STRICT, BACKFILL = Policy(order="strict_fifo"), Policy(order="backfill")


def busy(policy: Policy, **head: Any) -> Story:
    """Two nodes of 4 CPUs: 3 of `a` come free in 1 h, 2 of `b` in 2 h; the first that waits asks for all of one."""
    story = Story(policy).node(A, 4).node(B, 4)
    story.running(1, A, range(3), time_limit_seconds=HOUR).running(
        2, B, range(2), time_limit_seconds=2 * HOUR
    )
    return story.job(3, 4, **head)


def test_strictly_nobody_goes_before_the_first_that_finds_no_room() -> None:
    story = busy(STRICT).job(4)
    assert story.plan() == []
    planned = story.planned()
    assert planned.protected == Protected(
        job_id=JobId(3), node_name=A, starts_at=START + timedelta(hours=1), because="strict_fifo"
    )
    assert [blocked.obstacle for blocked in planned.blocked.values()] == [
        Obstacle.RESOURCES,
        Obstacle.PROTECTED,
    ]


def test_strictly_who_waits_only_for_his_users_or_arrays_other_jobs_holds_up_nobody() -> None:
    story = busy(Policy(order="strict_fifo", user_max_cpus=5)).job(4, 2, user_name="bob")
    assert story.plan() == [(4, B)]
    array: dict[str, Any] = {"array": "0-9%1", "array_job_id": JobId(5)}
    story = Story(STRICT).node(A, 4).job(5, **array).place(5, A, 0).job(6, **array).job(7)
    assert story.plan() == [(7, A)]
    assert [blocked.obstacle for blocked in story.planned().blocked.values()] == [Obstacle.ARRAY_LIMIT]


def test_strictly_a_job_that_no_node_could_hold_holds_up_all_behind_it() -> None:
    story = Story(STRICT).node(A, 4).job(1, 9).job(2)
    assert story.plan() == []
    assert story.planned().protected == Protected(
        job_id=JobId(1), node_name=None, starts_at=None, because="strict_fifo"
    )


def test_the_head_is_planned_where_it_fits_soonest_and_others_may_not_delay_it() -> None:
    story = busy(BACKFILL)
    planned = story.planned()
    assert planned.placements == ()
    assert planned.protected == Protected(
        job_id=JobId(3), node_name=A, starts_at=START + timedelta(hours=1), because="backfill"
    )


@pytest.mark.parametrize(
    ("job", "node"),
    [
        ({"cpus": 1, "time_limit_seconds": HOUR}, A),  # ended by then; `a` has the lower name among equals
        ({"cpus": 1, "time_limit_seconds": HOUR + 1}, B),  # elsewhere
        ({"cpus": 1}, B),
        ({"cpus": 2, "time_limit_seconds": HOUR}, B),
        ({"cpus": 3, "time_limit_seconds": 1}, None),
    ],
)
def test_behind_the_head_who_is_out_of_the_way_in_time_or_elsewhere_may_start(
    job: dict[str, Any], node: NodeName | None
) -> None:
    policy = Policy(order="backfill", node_choice="by_name")
    story = busy(policy).job(4, job.pop("cpus"), **job)
    assert story.plan() == ([(4, node)] if node else [])


def test_behind_the_head_who_fits_beside_it_may_start_and_takes_what_is_left_then() -> None:
    story = Story(BACKFILL).node(A, 8).running(1, A, range(4), time_limit_seconds=HOUR)
    story.job(2, 6).job(3, 1).job(4, 1).job(5, 1)
    assert story.plan() == [(3, A), (4, A)]


def test_behind_the_head_a_shorter_job_may_start_where_a_longer_one_like_it_may_not() -> None:
    story = Story(BACKFILL).node(A, 4).running(1, A, range(3), time_limit_seconds=HOUR).job(2, 4)
    story.job(3).job(4, time_limit_seconds=2 * HOUR).job(5, time_limit_seconds=HOUR)
    assert story.plan() == [(5, A)]


def test_only_one_is_protected() -> None:
    story = busy(BACKFILL).job(4, 4).job(5, 2, time_limit_seconds=9 * HOUR)
    assert story.plan() == [(5, B)]  # delays job 4, which would be next on `b`


def test_a_reservation_counts_from_when_it_was_made_and_who_is_overdue_ends_now() -> None:
    story = Story(BACKFILL).node(A, 2).job(1, 2, time_limit_seconds=HOUR).job(2, 2)
    story.place(1, A, 0, 1, runs=False)
    story.after(minutes=30)
    assert (head := story.planned().protected)
    assert head.starts_at == START + timedelta(hours=1)
    story.after(hours=3)
    assert (head := story.planned().protected)
    assert head.starts_at == story.now


def test_a_running_job_counts_from_its_start() -> None:
    story = Story(BACKFILL).node(A, 2).job(1, 2, time_limit_seconds=HOUR).job(2, 2)
    story.place(1, A, 0, 1, runs=False).after(minutes=30).tell(job_stream(JobId(1)), allocated(1))
    head = story.planned().protected
    assert head is not None
    assert head.starts_at == START + timedelta(hours=1, minutes=30)


def test_without_time_limits_the_head_gets_the_node_where_the_fewest_cpus_are_missing_for_itself() -> None:
    story = Story(BACKFILL).node(A, 4).node(B, 4).running(1, A, range(3)).running(2, B, range(2)).job(3, 4)
    story.job(4, 1, time_limit_seconds=1).job(5, 1)
    assert story.planned().protected == Protected(
        job_id=JobId(3), node_name=B, starts_at=None, because="backfill"
    )
    assert story.plan() == [(4, A)]


def test_a_job_that_no_usable_node_could_hold_is_not_the_head() -> None:
    story = busy(BACKFILL, priority=-1).job(4, 9)
    assert (head := story.planned().protected)
    assert head.job_id == 3


def test_a_job_that_wants_more_licences_than_there_are_is_not_the_head() -> None:
    for policy in (Policy(order="backfill", licences={"matlab": 2}), Policy(licences={"matlab": 2})):
        story = busy(policy, priority=-1).job(4, gres={"matlab": 3}).after(hours=1, minutes=30)
        head = story.planned().protected
        assert head is not None
        assert head.job_id == 3


def test_the_guard_protects_the_first_without_room_when_it_has_waited_too_long() -> None:
    story = busy(Policy(guard_seconds=600.0)).job(4, 1, time_limit_seconds=9 * HOUR)
    story.policy(Policy(guard_seconds=600.0, node_choice="by_name"))
    story.after(minutes=10)
    assert (story.planned().protected, story.plan()) == (None, [(4, A)])
    story.after(seconds=1)
    assert (head := story.planned().protected)
    assert (head.job_id, head.because) == (3, "guard")
    assert story.plan() == [(4, B)]
    story.policy(Policy(guard_seconds=None, node_choice="by_name"))
    assert (story.planned().protected, story.plan()) == (None, [(4, A)])


def test_the_guard_looks_at_the_first_that_has_waited_long_of_those_that_a_node_could_hold() -> None:
    story = busy(Policy(guard_seconds=600.0, licences={"matlab": 2})).after(minutes=20)
    story.job(4, 3, priority=1)  # has not waited yet, and is the first
    assert (head := story.planned().protected)
    assert (head.job_id, head.because) == (3, "guard")
    story.tell(job_stream(JobId(4)), JobCancelled(reason=None))
    story.job(5, 9, priority=1).job(6, gres={"matlab": 3}, priority=1)
    head = story.planned().protected
    assert head is not None
    assert head.job_id == 3


def test_the_guard_finds_who_has_waited_long_behind_a_fresh_one_that_asks_for_the_same() -> None:
    story = busy(Policy(guard_seconds=600.0, node_choice="by_name")).after(minutes=20)
    story.job(4, 4, priority=1).job(5, 1, time_limit_seconds=9 * HOUR)
    assert (head := story.planned().protected)
    assert (head.job_id, head.because) == (3, "guard")
    assert story.plan() == [(5, B)]
    [blocked] = [one for one in story.planned().blocked.values() if one.obstacle is Obstacle.RESOURCES]
    assert blocked.job_id == 4  # the first of its queue


def test_a_fresh_head_that_fair_share_puts_first_takes_nobody_elses_guard() -> None:
    story = Story(Policy(fair_share_weight=100.0, guard_seconds=3600.0)).node(A, 8)
    story.cluster.fair_share = {"heavy": 0.1}
    story.running(1, A, range(4), account="light")
    story.job(2, 8, account="heavy").after(hours=240)
    story.job(3, 8, account="light-2").job(4, 1, account="heavy")
    assert (head := story.planned().protected)
    assert head.job_id == 2
    assert story.plan() == []


def test_the_guard_counts_from_when_the_job_could_have_started() -> None:
    story = busy(Policy(guard_seconds=600.0), begin_time=START + timedelta(minutes=5))
    assert story.after(minutes=11).planned().protected is None
    assert story.after(minutes=5).planned().protected is not None


def test_a_licence_that_the_head_waits_for_is_kept_for_it() -> None:
    policy = Policy(order="backfill", licences={"matlab": 2})
    story = Story(policy).node(A, 8)
    story.job(1, gres={"matlab": 1}, time_limit_seconds=HOUR).place(1, A, 0)
    story.job(2, gres={"matlab": 2}).job(3, gres={"matlab": 1}).job(4)
    story.job(5, gres={"matlab": 1}, time_limit_seconds=HOUR)
    planned = story.planned()
    assert planned.protected == Protected(
        job_id=JobId(2), node_name=A, starts_at=START + timedelta(hours=1), because="backfill"
    )
    assert story.plan() == [(4, A), (5, A)]


def test_of_licences_others_take_what_the_head_leaves() -> None:
    policy = Policy(order="backfill", licences={"matlab": 4})
    story = busy(policy, gres={"matlab": 2}, nodelist=(A,)).node(B, 8)
    for job_id in (4, 5, 6):
        story.job(job_id, gres={"matlab": 1})
    story.job(7, gres={"matlab": 1}, time_limit_seconds=HOUR)
    assert story.plan() == [(4, B), (5, B), (7, B)]


def test_a_licence_that_comes_free_in_time_is_not_kept_now() -> None:
    policy = Policy(order="backfill", licences={"matlab": 4})
    story = busy(policy, gres={"matlab": 1}, nodelist=(A,)).node(B, 8)
    story.job(4, gres={"matlab": 2}, time_limit_seconds=HOUR).place(4, B, 7)
    for job_id in (5, 6, 7):
        story.job(job_id, gres={"matlab": 1})
    assert story.plan() == [(5, B), (6, B)]


def test_of_its_users_cap_others_take_what_the_head_leaves_an_exclusive_one_by_the_width_of_its_node() -> (
    None
):
    policy = Policy(order="backfill", node_choice="by_name", user_max_cpus=5)
    story = Story(policy).node(A, 2).running(1, A, range(2), time_limit_seconds=HOUR, user_name="bob")
    story.node(B, 4).node(NodeName("c"), 3).job(2, 2, nodelist=(A,)).job(3, exclusive=True)
    assert story.plan() == [(3, "c")]


def test_an_older_job_has_more_priority_by_aging_and_a_higher_one_still_goes_first() -> None:
    story = Story(Policy(aging_per_hour=2.0)).node(A, 1).job(1)
    story.after(hours=1).job(2, priority=1).job(3, priority=3)
    story.after(hours=5)
    assert story.plan() == [(3, A)]
    story.policy(Policy(aging_per_hour=4.0))
    assert story.plan() == [(1, A)]
    job = story.cluster.jobs[JobId(1)]
    assert effective_priority(job, story.cluster.policy.policy, 1.0, story.now) == 24.0


def test_who_used_less_goes_first_by_as_much_as_the_policy_says() -> None:
    story = Story(Policy(fair_share_weight=8.0)).node(A, 1).job(1, account="physics").job(2, account="new")
    story.cluster.fair_share = {"physics": 0.25}
    assert story.plan() == [(2, A)]
    story.job(3, account="physics", priority=7)
    assert story.plan() == [(3, A)]
    story.policy(Policy())
    assert story.plan() == [(3, A)]


def test_of_equal_priority_who_was_submitted_earlier_goes_first_whatever_his_number() -> None:
    story = Story().node(A, 1).job(9)
    assert story.after(seconds=1).job(2).plan() == [(9, A)]
