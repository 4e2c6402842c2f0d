"""What the API lets through as a change of the policy is what the core takes, no more and no less."""

from typing import Any, get_args, get_type_hints

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.requests.policy_changes import PolicyChanges
from conductor.core.events import Policy
from conductor.core.policy import NAMES, fault

values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["first_fit", "backfill", "pack", "by_name", "", "x"])
    | st.dictionaries(st.sampled_from(["matlab", "x"]), st.integers() | st.floats() | st.booleans())
)


@given(st.sampled_from(NAMES), values)
def test_the_door_refuses_what_the_core_refuses_and_nothing_else(name: str, value: Any) -> None:
    try:
        given_value = PolicyChanges.model_validate({name: value}).given()[name]
    except ValidationError:
        assert fault(name, value) is not None
    else:
        assert fault(name, value) is None
        assert given_value == value


def test_the_names_and_choices_are_the_cores_own() -> None:
    assert tuple(PolicyChanges.model_fields) == NAMES
    for name in ("order", "node_choice"):
        assert get_args(PolicyChanges.model_fields[name].annotation) == get_args(get_type_hints(Policy)[name])
