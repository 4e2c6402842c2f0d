"""The order that is shown is the order of a pass, and of the effective priorities beside it."""

from hypothesis import given, settings

from conductor.core.queue_order import first_in_line, waiting_count
from conductor.core.wait_reasons import Judge
from tests.given_worlds import NOW, World, worlds

LAW = settings(max_examples=120, deadline=None)


@LAW
@given(worlds())
def test_whoever_stands_before_a_job_is_ahead_of_it(world: World) -> None:
    judge = Judge(world.cluster(), NOW, world.usable)
    line = first_in_line(judge, 1000)
    assert len(line) == waiting_count(judge)
    before: list[int] = []
    for one in line:
        assert judge.ahead(one.job) == before
        before.append(one.job.job_id)


@LAW
@given(worlds())
def test_effective_priorities_fall_along_the_line(world: World) -> None:
    judge = Judge(world.cluster(), NOW, world.usable)
    line = first_in_line(judge, 1000)
    shown = [round(one.effective_priority, 6) for one in line]
    assert shown == sorted(shown, reverse=True)
    assert first_in_line(judge, 2) == line[:2]
