"""What a job writes cannot command the terminal of who looks at it."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from conductor.cli.visible import VisibleStream, visible

PIECES = st.lists(
    st.one_of(st.binary(max_size=12), st.sampled_from([b"\r", b"\n", b"\x1b[31m", "模".encode()]))
)


def shown(pieces: list[bytes]) -> str:
    stream = VisibleStream()
    return "".join(stream.feed(piece) for piece in pieces) + stream.finish()


@given(PIECES)
def test_nothing_that_a_terminal_obeys_comes_through(pieces: list[bytes]) -> None:
    left = {character for character in shown(pieces) if unicodedata.category(character) in ("Cc", "Zl", "Zp")}
    assert left <= {"\n", "\t"}


@given(PIECES)
def test_it_makes_no_difference_where_the_bytes_are_cut(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert shown(pieces) == shown([whole]) == shown([bytes([byte]) for byte in whole])


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert visible(text) == text
    assert shown([text.encode()]) == text


def test_escapes_direction_and_carriage_returns_are_shown() -> None:
    assert (
        shown([b"\x1b]0;title\x07 \x9b1m \xc2\x9b \xe2\x80\xae"]) == "^[]0;title^G \ufffd1m <U+009B> <U+202E>"
    )
    assert shown([b"10%\r20%\r\ndone\r"]) == "10%^M\n20%\ndone^M\n"
