"""Frames come out as they went in, however the bytes are cut; what is no frame is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conductor.supervisor.protocol import FRAME_LIMIT_BYTES, BrokenFrame, FrameReader, frame
from conductor.supervisor.requests import RequestRefused, checked
from tests.process.supervised import gate_message

TEXT = st.text(st.characters(codec=None), max_size=20)
MESSAGES = st.lists(st.dictionaries(TEXT, TEXT | st.integers(), max_size=3), max_size=4)


@settings(deadline=None, max_examples=50)
@given(st.lists(MESSAGES, max_size=4), st.integers(1, 40))
def test_frames_come_out_whole_and_in_order(frames: list[list[dict[str, object]]], piece: int) -> None:
    data = b"".join(frame(messages) for messages in frames)
    reader = FrameReader()
    received = [
        message for at in range(0, len(data), piece) for message in reader.feed(data[at : at + piece])
    ]
    assert received == [message for messages in frames for message in messages]


@pytest.mark.parametrize("body", [b"null", b"{}", b"[1]", b"[{}", b"\xff\xff\xff"])
def test_what_is_no_list_of_messages_is_refused(body: bytes) -> None:
    with pytest.raises(BrokenFrame):
        FrameReader().feed(len(body).to_bytes(4, "big") + body)


def test_a_length_beyond_the_limit_is_refused_before_its_bytes_arrive() -> None:
    with pytest.raises(BrokenFrame, match="longer than"):
        FrameReader().feed((FRAME_LIMIT_BYTES + 1).to_bytes(4, "big"))


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ({}, "None"),
        ({"type": "dance"}, "dance"),
        ({"type": "open"}, "allocation_id"),
        ({"type": "open", "allocation_id": "1"}, "allocation_id"),
        ({"type": "hello", "protocol": 1, "incarnation": None}, "incarnation"),
        ({"type": "gate", "allocation_id": 1, "job_id": "../../etc"}, "job_id"),
    ],
)
def test_a_request_of_another_shape_is_refused_by_name(message: dict[str, object], named: str) -> None:
    with pytest.raises(RequestRefused, match=named):
        checked(message)


def test_an_account_is_described_by_numbers_and_limits_are_numbers() -> None:
    account = {"user_name": "ada", "uid": 1, "gid": 2, "groups": [2], "home": "/home/ada"}
    good = gate_message(1, "", run_as=account, limits={"nofile": 7})
    assert checked(good)["type"] == "gate"
    for wrong, named in (
        ({"run_as": {**account, "uid": "root"}}, "uid"),
        ({"run_as": {**account, "groups": ["wheel"]}}, "groups"),
        ({"run_as": {"uid": 1}}, "user_name"),
        ({"limits": {"nofile": "many"}}, "limits"),
    ):
        with pytest.raises(RequestRefused, match=named):
            checked({**good, **wrong})
