"""States of streams as a handler last knew them, so that most batches need not read and fold them again.

A remembered state may be out of date. So it may only lead to events, which the door accepts at no other version
than the one that was remembered; a refusal, or a finding that nothing needs doing, is always decided from what the
log says now. `handler` keeps that rule; this module only remembers, and not too much.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from conductor.core.causes import NO_TRACE, Trace
from conductor.core.decider import State
from conductor.core.identifiers import StreamName

_STREAMS = 4096


class Remembered:
    def __init__(self) -> None:
        self._states: OrderedDict[StreamName, tuple[State, Trace]] = OrderedDict()
        self.since = 0  # how often all was forgotten; what a batch of before comes to is not kept after

    def known(self, streams: Iterable[StreamName]) -> dict[StreamName, tuple[State, Trace]]:
        """States, each with what its past may still cause."""
        return {stream: self._states[stream] for stream in streams if stream in self._states}

    def keep(self, states: Mapping[StreamName, State], traces: Mapping[StreamName, Trace]) -> None:
        """The latest are kept longest."""
        for stream, state in states.items():
            self._states[stream] = state, traces.get(stream, NO_TRACE)
            self._states.move_to_end(stream)
        while len(self._states) > _STREAMS:
            self._states.popitem(last=False)

    def forget(self, streams: Iterable[StreamName]) -> None:
        for stream in streams:
            self._states.pop(stream, None)

    def forget_all(self) -> None:
        self._states.clear()
        self.since += 1
