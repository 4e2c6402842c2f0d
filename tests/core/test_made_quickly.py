"""Classes that are made quickly are what plain frozen dataclasses are."""

import copy
import pickle
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any

import pytest

from conductor.core.commands import Submit
from conductor.core.events import JobSubmitted, RecordedEvent
from conductor.core.job import Job
from conductor.core.made_quickly import made_quickly


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    name: str
    count: int = 3
    labels: Mapping[str, str] = field(default_factory=dict)


@made_quickly
@dataclass(frozen=True, slots=True, kw_only=True)
class Quick:
    name: str
    count: int = 3
    labels: Mapping[str, str] = field(default_factory=dict)


@pytest.mark.parametrize("given", [{"name": "a"}, {"name": "b", "count": 7, "labels": {"x": "y"}}])
def test_it_has_the_same_fields_and_defaults(given: dict[str, Any]) -> None:
    plain, quick = Plain(**given), Quick(**given)
    assert type(quick) is Quick
    assert asdict(quick) == asdict(plain)
    assert repr(quick) == repr(plain).replace("Plain", "Quick")
    assert quick == Quick(**given)
    assert Quick(name="a").labels is not Quick(name="a").labels


def test_nothing_of_it_can_be_changed() -> None:
    quick = Quick(name="a")
    with pytest.raises(FrozenInstanceError):
        quick.name = "b"  # type: ignore[misc]
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        quick.other = 1  # type: ignore[attr-defined]
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        quick.__class__ = Plain  # type: ignore[assignment]


@pytest.mark.parametrize("given", [{}, {"name": "a", "other": 1}])
def test_a_missing_or_unknown_field_is_refused(given: dict[str, Any]) -> None:
    for kind in (Plain, Quick):
        with pytest.raises(TypeError):
            kind(**given)


def test_it_is_copied_replaced_and_kept() -> None:
    quick = Quick(name="a", labels={"x": "y"})
    assert replace(quick, count=4) == Quick(name="a", count=4, labels={"x": "y"})
    assert copy.copy(quick) == quick
    assert pickle.loads(pickle.dumps(quick)) == quick  # noqa: S301 - our own bytes


@pytest.mark.parametrize("kind", [Submit, JobSubmitted, Job, RecordedEvent])
def test_the_large_ones_are_frozen(kind: type[Any]) -> None:
    one = kind(**{part.name: None for part in fields(kind)})
    assert type(one) is kind
    with pytest.raises(FrozenInstanceError):
        setattr(one, fields(kind)[0].name, 1)
