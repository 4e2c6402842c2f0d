"""A queue is a sorted list that stays cheap when it is long."""

from datetime import timedelta
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st

from conductor.core import queues
from conductor.core.demand import Demand
from conductor.core.identifiers import JobId
from conductor.core.queues import Place, Queue, QueueKey, limit_of
from tests.given import START

KEY = QueueKey(Demand(1))
places = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), max_size=60)


@settings(deadline=None)
@given(places, places)
def test_whatever_comes_and_goes_it_is_in_order(
    first: list[tuple[int, bool]], later: list[tuple[int, bool]]
) -> None:
    chunk, queues._CHUNK = queues._CHUNK, 4
    try:
        expected = [Place(rank, START, JobId(number)) for number, (rank, _) in enumerate(first)]
        queue = Queue(KEY, expected)
        leaving = [place for place, (_, stays) in zip(list(expected), first, strict=True) if not stays]
        for number, (rank, stays) in enumerate(later, 100):
            place = Place(rank, START, JobId(number))
            queue.add(place)
            expected.append(place)
            leaving += [] if stays else [place]
        for place in leaving:
            queue.remove(place)
            expected.remove(place)
        assert list(queue) == sorted(expected)
        assert len(queue) == len(expected)
        behind = [queue.after(place) for place in queue]
        assert behind == [*sorted(expected)[1:], None][: len(expected)]
        if expected:
            assert queue.head == min(expected)
    finally:
        queues._CHUNK = chunk


limited = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=60)


@settings(deadline=None)
@given(limited, st.integers(0, 9))
def test_the_next_that_is_short_enough_is_found_also_after_others_have_gone(
    limits: list[tuple[int, bool]], longest: int
) -> None:
    chunk, queues._CHUNK = queues._CHUNK, 4
    try:
        queue = Queue(KEY)
        places = [Place(0, START, JobId(number), limit) for number, (limit, _) in enumerate(limits)]
        for place in sorted(places, key=lambda place: place.time_limit_seconds):
            queue.add(place)
        for place, (_, stays) in zip(places, limits, strict=True):
            queue = queue.copy()
            if not stays:
                queue.remove(place)
            left = list(queue)
            for index, one in enumerate(left):
                short = [other for other in left[index + 1 :] if other.time_limit_seconds <= longest]
                assert queue.after(one, longest) == next(iter(short), None)
    finally:
        queues._CHUNK = chunk


@settings(deadline=None)
@given(limited, st.integers(0, 9))
def test_the_first_that_was_eligible_before_is_found_also_after_others_have_gone(
    ages: list[tuple[int, bool]], than: int
) -> None:
    chunk, queues._CHUNK = queues._CHUNK, 4
    before = START - timedelta(hours=than)
    try:
        queue = Queue(KEY)
        places = [
            Place(0, START, JobId(number), inf, START - timedelta(hours=age))
            for number, (age, _) in enumerate(ages)
        ]
        for place in sorted(places, key=lambda place: place.eligible_at):
            queue.add(place)
        for place, (_, stays) in zip(places, ages, strict=True):
            queue = queue.copy()
            if not stays:
                queue.remove(place)
            left = list(queue)
            for index, one in enumerate(left):
                older = [other for other in left[index:] if other.eligible_at < before]
                assert queue.first_older(one, before) == next(iter(older), None)
    finally:
        queues._CHUNK = chunk


def test_a_short_one_behind_thousands_of_long_ones_costs_a_look_at_a_few() -> None:
    looked_at = 0

    class Limit(float):
        def __le__(self, other: float) -> bool:
            nonlocal looked_at
            looked_at += 1
            return float(self) <= other

    queue = Queue(KEY, [Place(0, START, JobId(number), Limit(7200)) for number in range(100_000)])
    gone = Place(0, START, JobId(50_000), Limit(60))
    queue.remove(gone)
    queue.add(short := Place(0, START, JobId(100_000), Limit(60)))
    assert queue.after(queue.head, 3600) == short
    assert looked_at < 3000


def test_an_arrays_limit_stands_behind_the_percent_sign() -> None:
    assert [limit_of(text) for text in (None, "0-9", "0-9%3", "1,2%10")] == [None, None, 3, 10]
