"""Events survive the log: every shape, every value, and nothing unknown is let through."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor.codec import EVENT_TYPES, SCHEMA_VERSIONS, decode, encode, event_type
from conductor.core.errors import UnknownEvent
from conductor.core.events import Event, ProcessIdentity, ProjectionsRebuilt
from tests.given import submitted

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
st.register_type_strategy(str, texts)
st.register_type_strategy(int, st.integers(-(2**53) + 1, 2**53 - 1))
st.register_type_strategy(float, st.floats(0, 1e9, allow_nan=False))
st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)))  # noqa: DTZ001
st.register_type_strategy(ProcessIdentity, st.builds(ProcessIdentity))
mended_rows = st.dictionaries(texts, st.lists(st.from_type(int) | texts).map(tuple))
events = st.one_of(
    [st.builds(kind) for kind in EVENT_TYPES.values() if kind is not ProjectionsRebuilt]
    + [st.builds(ProjectionsRebuilt, rows=mended_rows)]
)


@settings(max_examples=300, deadline=None)
@given(events)
def test_every_event_reads_back_as_it_was_written(event: Event) -> None:
    stored: dict[str, Any] = orjson.loads(encode(event))
    name = event_type(event)
    assert decode(name, SCHEMA_VERSIONS[name], stored) == event


@pytest.mark.parametrize(("name", "version"), [("JobSubmitted", 2), ("JobTeleported", 1)])
def test_what_a_newer_release_wrote_is_refused_and_says_to_upgrade(name: str, version: int) -> None:
    with pytest.raises(UnknownEvent, match="Upgrade"):
        decode(name, version, orjson.loads(encode(submitted())))
