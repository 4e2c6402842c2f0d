"""What pydantic complains of, as field errors in our own words.

Promises: a field is named as the client wrote its path (`jobs[3].script`); no value is echoed; a field nobody
knows comes with the nearest known one.
"""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from starlette.requests import Request

from api.answers.problems import FieldError, Problem, invalid

M = TypeVar("M", bound=BaseModel)

ERRORS_LISTED = 50
MOST_FIELDS = 256
_NAME_CHARACTERS = 80
_WHOLE = re.compile(r"-?[0-9]+")

# pydantic's type of error -> our code, and which of its values our text needs, under our name
_CODES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "missing": ("missing", {}),
    "int_type": ("not_an_integer", {}),
    "int_from_float": ("not_an_integer", {}),
    "int_parsing": ("not_an_integer", {}),
    "int_parsing_size": ("not_an_integer", {}),
    "float_type": ("not_a_number", {}),
    "float_parsing": ("not_a_number", {}),
    "finite_number": ("not_a_number", {}),
    "bool_type": ("not_a_boolean", {}),
    "bool_parsing": ("not_a_boolean", {}),
    "string_type": ("not_a_string", {}),
    "dict_type": ("not_an_object", {}),
    "model_type": ("not_an_object", {}),
    "model_attributes_type": ("not_an_object", {}),
    "list_type": ("not_a_list", {}),
    "greater_than_equal": ("too_small", {"least": "ge"}),
    "greater_than": ("must_exceed", {"least": "gt"}),
    "less_than_equal": ("too_big", {"most": "le"}),
    "string_too_long": ("too_long", {"most": "max_length"}),
    "too_long": ("too_many", {"most": "max_length"}),
    "too_short": ("too_few", {"least": "min_length"}),
    "string_too_short": ("blank", {}),
    "literal_error": ("not_one_of", {"expected": "expected"}),
    "enum": ("not_one_of", {"expected": "expected"}),
    "union_tag_invalid": ("not_one_of", {"expected": "expected_tags"}),
    "union_tag_not_found": ("missing", {}),
}


def complaint(code: str, **values: object) -> PydanticCustomError:
    """What our own validators raise; `field` among the values names another field than the one validated."""
    return PydanticCustomError("conductor", "refused", {"code": code, **values})


def too_many_fields(value: Any, field: str) -> FieldError | None:
    """Of an object with more fields than any model has: each would be looked up, and told, by name."""
    if not isinstance(value, dict) or len(value) <= MOST_FIELDS:
        return None
    return FieldError(field=field or "body", code="too_many", values={"most": MOST_FIELDS})


def validated(model: type[M], value: Any, *, field: str = "") -> M:
    """The value as the model. Raises a 422 problem that names every wrong field below `field`."""
    if (wrong := too_many_fields(value, field)) is not None:
        raise invalid(wrong)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise problem_of(field_errors(error, known_names(model), field)) from None


class NoQuery(BaseModel):
    """Of what takes no query parameter."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def refuse_query(request: Request) -> None:
    """Raises a 422 problem for any query parameter, as where some are taken."""
    validated_query(NoQuery, request)


def validated_query(model: type[M], request: Request) -> M:
    """The query string as the model; text becomes numbers where they are asked for, if it is a number's own digits."""
    given = request.query_params.multi_items()
    errors = [
        FieldError(field=_shown(name), code="given_twice")
        for name, times in Counter(name for name, _ in given).items()
        if times > 1
    ]
    errors += [
        FieldError(field=name, code="not_an_integer")
        for name, text in given
        if name in model.model_fields and _is_odd_number(model.model_fields[name].annotation, text)
    ]
    if errors:
        raise problem_of(errors)
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        found = field_errors(error, known_names(model), "", unknown="unknown_parameter")
        raise problem_of(found) from None


def _is_odd_number(kind: Any, text: str) -> bool:
    """`1.0`, ` 1`, `1_0`: pydantic reads more than digits as a whole number."""
    whole = kind is int or (int in get_args(kind) and datetime not in get_args(kind))
    return whole and not _WHOLE.fullmatch(text)


def problem_of(errors: list[FieldError]) -> Problem:
    hidden = len(errors) - ERRORS_LISTED
    if hidden > 0:
        errors = [
            *errors[:ERRORS_LISTED],
            FieldError(field="...", code="more_errors", values={"count": hidden}),
        ]
    code = "too_large" if any(error.code == "too_large" for error in errors) else None
    if code is not None:
        return Problem(413, code, detail="invalid", errors=errors)
    return invalid(*errors)


def known_names(model: type[BaseModel]) -> list[str]:
    return list(model.model_fields)


def field_errors(
    error: ValidationError,
    known: Iterable[str],
    field: str,
    *,
    unknown: str = "unknown_field",
    tagged: bool = False,
) -> list[FieldError]:
    """`tagged`: the first part of every place is the tag of a union, which is no part of the path."""
    names = list(known)
    found = error.errors(include_url=False, include_input=False)
    # Those that are merely counted are not worth a search for the nearest name.
    counted = [FieldError(field=field, code="other")] * (len(found) - ERRORS_LISTED)
    return [_field_error(one, names, field, unknown, tagged) for one in found[:ERRORS_LISTED]] + counted


def _field_error(one: ErrorDetails, known: list[str], field: str, unknown: str, tagged: bool) -> FieldError:
    kind, context = one["type"], one.get("ctx", {})
    place = one["loc"][1:] if tagged and not kind.startswith("union_tag") else one["loc"]
    if kind == "conductor":
        values = dict(context)
        code = values.pop("code")
        path = _path(field, (*place, values.pop("field")) if "field" in values else place)
        return FieldError(field=path, code=code, values=values)
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(place[-1])[:_NAME_CHARACTERS], known, n=1)
        return FieldError(
            field=_path(field, place), code=unknown, values={"nearest": near[0] if near else ""}
        )
    if kind.startswith("union_tag"):
        place = (*place, "type")
    code, wanted = _CODES.get(kind, ("other", {}))
    values = {ours: _plain(context.get(theirs, "")) for ours, theirs in wanted.items()}
    return FieldError(field=_path(field, place), code=code, values=values or {"why": one["msg"]})


def _plain(value: Any) -> Any:
    """A choice without the validator's own English, a bound without a fraction that it has not."""
    if isinstance(value, str):
        return value.replace(" or ", ", ").replace("'", "")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _path(field: str, place: tuple[int | str, ...]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{_shown(part)}" for part in place)
    return (field + "".join(parts)).removeprefix(".") or "body"


def _shown(name: str) -> str:
    """A name that a client chose, short and on one line."""
    visible = "".join(character if character.isprintable() else "?" for character in name)
    return visible if len(visible) <= _NAME_CHARACTERS else visible[:_NAME_CHARACTERS] + "..."
