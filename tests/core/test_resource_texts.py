"""Node names, labels and generic resources as people write them become one form."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor.core.resource_texts import (
    gres_text,
    labels_text,
    parsed_gres,
    parsed_labels,
    parsed_nodes,
)


@pytest.mark.parametrize(
    ("parsed", "text", "expected"),
    [
        (parsed_nodes, "n2,n1,n2", ("n1", "n2")),
        (parsed_nodes, "node[1-3,7]", ("node1", "node2", "node3", "node7")),
        (parsed_nodes, "rack[08-10]-a, n1", ("n1", "rack08-a", "rack09-a", "rack10-a")),
        (parsed_nodes, "gpu.example.org", ("gpu.example.org",)),
        (parsed_gres, "licence, gpu:2", {"gpu": 2, "licence": 1}),
        (parsed_gres, "gpu:0", {}),
        (parsed_gres, "none", {}),
        (parsed_gres, "", {}),
        (parsed_labels, "zone=a,arch=aarch64", {"arch": "aarch64", "zone": "a"}),
        (parsed_labels, "zone=a & fast", {"fast": "true", "zone": "a"}),
        (parsed_labels, "zone=a,zone=a", {"zone": "a"}),
        (parsed_labels, "", {}),
    ],
)
def test_it_is_read(parsed: Callable[[str], Any], text: str, expected: Any) -> None:
    found = parsed(text)
    assert found == expected
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    ("parsed", "text"),
    [
        (parsed_nodes, "n[1-"),
        (parsed_nodes, "n]1"),
        (parsed_nodes, "n[1][2]"),
        (parsed_nodes, "n[a]"),
        (parsed_nodes, "n[2-1]"),
        (parsed_nodes, "n[1-1001]"),
        (parsed_nodes, "n[000000000-999999999]"),
        (parsed_nodes, ","),
        (parsed_nodes, "a b"),
        (parsed_gres, "gpu:"),
        (parsed_gres, "gpu:a100:2"),
        (parsed_gres, "gpu:-1"),
        (parsed_gres, "gpu:4097"),
        (parsed_gres, "gpu,gpu"),
        (parsed_gres, ":2"),
        (parsed_labels, "=a"),
        (parsed_labels, "zone="),
        (parsed_labels, "a|b"),
        (parsed_labels, "zone=a&zone=b"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(parsed: Callable[[str], Any], text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parsed(text)


def test_a_text_that_would_take_long_is_refused_at_once() -> None:
    for text in ("n[1-999999999]", "n[1-1000]," * 50_000, f"n[{'1-1000,' * 50_000}1]"):
        with pytest.raises(ValueError, match="more than 1000"):
            parsed_nodes(text)


@given(
    st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True), st.integers(1, 4096), max_size=5)
)
def test_generic_resources_are_read_as_they_are_written(counts: dict[str, int]) -> None:
    if counts != {"none": 1}:
        assert parsed_gres(gres_text(counts)) == counts


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.from_regex(r"[a-z0-9]{1,5}", fullmatch=True)
    )
)
def test_labels_are_read_as_they_are_written(labels: dict[str, str]) -> None:
    assert parsed_labels(labels_text(labels)) == labels


@given(st.text(max_size=40))
def test_no_text_makes_them_fail_otherwise(text: str) -> None:
    for parsed in (parsed_nodes, parsed_gres, parsed_labels):
        try:
            parsed(text)
        except ValueError as error:
            assert str(error)  # noqa: PT017 (any text: a refusal is as good as an answer)
