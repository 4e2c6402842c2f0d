"""A queue is a sorted list that stays cheap when it is long."""

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


def test_an_arrays_limit_stands_behind_the_percent_sign() -> None:
    assert [limit_of(text) for text in (None, "0-9", "0-9%3", "1,2%10")] == [None, None, 3, 10]
