"""Events survive the log: every shape, every value, and nothing unknown is let through."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor.codec import EVENT_TYPES, SCHEMA_VERSIONS, decode, decode_text, encode, event_type
from conductor.core.errors import UnknownEvent
from conductor.core.events import Event, Policy, ProcessIdentity, ProjectionsRebuilt
from tests.given import submitted

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
st.register_type_strategy(str, texts)
st.register_type_strategy(int, st.integers(-(2**53) + 1, 2**53 - 1))
st.register_type_strategy(float, st.floats(0, 1e9, allow_nan=False))
st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)))  # noqa: DTZ001
st.register_type_strategy(Policy, st.builds(Policy, licences=st.dictionaries(texts, st.integers(0, 9))))
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
    assert decode_text(name, SCHEMA_VERSIONS[name], encode(event)) == event


@pytest.mark.parametrize(("name", "version"), [("JobSubmitted", 3), ("JobTeleported", 1)])
def test_what_a_newer_release_wrote_is_refused_and_says_to_upgrade(name: str, version: int) -> None:
    with pytest.raises(UnknownEvent, match="Upgrade"):
        decode(name, version, orjson.loads(encode(submitted())))
    with pytest.raises(UnknownEvent, match="Upgrade"):
        decode_text(name, version, encode(submitted()))


@pytest.mark.parametrize("text", [b"{}", b'{"reason": 3}', b'{"reason"', b"[]", b"null"])
def test_data_of_another_shape_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        decode_text("JobHeld", 1, text)


SHAPES = orjson.loads(Path(__file__).with_name("event_shapes.json").read_bytes())


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape['type']}-{shape['schema_version']}")
def test_every_shape_ever_written_is_still_read(shape: dict[str, Any]) -> None:
    """Lines of that file are only ever added: a log keeps what was written into it."""
    event = decode(shape["type"], shape["schema_version"], shape["data"])
    assert event_type(event) == shape["type"]
    assert decode_text(shape["type"], shape["schema_version"], orjson.dumps(shape["data"])) == event
    if shape["schema_version"] == SCHEMA_VERSIONS[shape["type"]]:
        assert orjson.loads(encode(event)) == shape["data"]


def test_todays_shape_of_every_event_is_in_the_file() -> None:
    kept = {(shape["type"], shape["schema_version"]) for shape in SHAPES}
    assert kept >= set(SCHEMA_VERSIONS.items())
