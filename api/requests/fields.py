"""The kinds of values that requests are made of, each with the check that guards it.

Promises: whole numbers are neither texts, floats nor booleans; no text has a NUL; what a check refuses says what to do
instead; what is published of a kind is never narrower than what its check takes. Refuses to know which request has
which field.
"""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from api.requests.validation import complaint
from conductor.core import arrays, dependencies
from conductor.core.misspelt import Misspelt
from conductor.core.resource_texts import (
    MOST_GRES,
    MOST_NAMES,
    checked_gres,
    checked_labels,
    checked_nodes,
    is_gres_name,
    parsed_gres,
    parsed_labels,
    parsed_nodes,
)
from conductor.core.warning_signal import parse_warning_signal
from projections.audit_catalogue import CATALOGUE

SCRIPT_BYTES = 1024 * 1024
ENVIRONMENT_BYTES = 128 * 1024
CPUS = 65_536
ID_LIMIT = 2**53 - 1  # every JSON reader can hold it
_SMALL = 2**31 - 1
_TIME_LIMIT_MINUTES = 100 * 366 * 24 * 60

# Also those that turn the direction of writing: a name would be read as another.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_USER = re.compile(r"\w[\w.@+-]{0,63}\$?")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PATTERN = re.compile(r"%\d{0,2}([jAaxNu%]?)")
_TIME = re.compile(
    r"(?:(?P<days>\d{1,6})-(?P<d_hours>\d{1,6})(?::(?P<d_minutes>\d{1,6})(?::(?P<d_seconds>\d{1,6}))?)?"
    r"|(?P<minutes>\d{1,9})"
    r"|(?P<ms_minutes>\d{1,9}):(?P<ms_seconds>\d{1,6})"
    r"|(?P<hours>\d{1,6}):(?P<h_minutes>\d{1,6}):(?P<h_seconds>\d{1,6}))",
    re.ASCII,
)
_SECONDS_OF = {"days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}


def _script(text: str) -> str:
    if text.startswith("\ufeff"):
        raise complaint("byte_order_mark")
    if "\0" in text:
        raise complaint("nul")
    if "\r" in text:
        raise complaint("crlf")
    if len(text) * 4 > SCRIPT_BYTES and len(text.encode()) > SCRIPT_BYTES:  # a character has at most 4 bytes
        raise complaint("too_large", most="1 MiB")
    if not text.strip():
        raise complaint("blank")
    return text


def _line(text: str) -> str:
    """One line that a person reads."""
    if _CONTROL.search(text):
        raise complaint("control_character")
    if not text.strip():
        raise complaint("blank")
    return text


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise complaint("nul")
    return text


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise complaint("not_absolute")
    return path


def _patterns(path: str) -> str:
    for found in _PATTERN.finditer(path):
        if not found[1]:
            raise complaint("unknown_pattern", pattern=path[found.start() : found.start() + 2])
    return path


def _licences(counts: dict[str, int]) -> dict[str, int]:
    for name in counts:
        if not is_gres_name(name):
            raise complaint("bad_licence", name=repr(name[:40]))
    return counts


def _user(name: str) -> str:
    if not _USER.fullmatch(name):
        raise complaint("bad_name")
    return name


def _node(name: str) -> str:
    if not _NODE.fullmatch(name):
        raise complaint("bad_name")
    return name


def is_node_name(name: str) -> bool:
    return _NODE.fullmatch(name) is not None


def _environment(values: dict[str, str]) -> dict[str, str]:
    size = 0
    for name, value in values.items():
        if not _VARIABLE.fullmatch(name):
            raise complaint("bad_variable", name=repr(name[:40]))
        if "\0" in value:
            raise complaint("nul", field=name)
        size += len(name) + len(value.encode()) + 2
    if size > ENVIRONMENT_BYTES:
        raise complaint("too_large", most="128 KiB")
    return values


def _time_limit_seconds(given: Any) -> int:
    """Whole minutes, or one of Slurm's forms."""
    if isinstance(given, int) and not isinstance(given, bool):
        seconds = given * 60
    elif isinstance(given, str) and (found := _TIME.fullmatch(given)):
        parts = {name.rpartition("_")[2]: int(text) for name, text in found.groupdict().items() if text}
        seconds = sum(_SECONDS_OF[name] * number for name, number in parts.items())
    else:
        raise complaint("bad_time_limit")
    if seconds == 0:
        raise complaint("zero_time_limit")
    if seconds < 0:
        raise complaint("too_small", least=1)
    if seconds > _TIME_LIMIT_MINUTES * 60:
        raise complaint("too_big", most=_TIME_LIMIT_MINUTES)
    return seconds


def _signal(text: str) -> str:
    try:
        parse_warning_signal(text)
    except Misspelt as error:
        raise complaint("bad_signal", why=error) from None
    return text


def _array(text: str) -> str:
    try:
        arrays.parsed(text)
    except Misspelt as error:
        raise complaint("bad_array", why=error) from None
    return "".join(text.split())


def _no_array(text: str | None) -> None:
    """A command has one answer with its events, and an array has thousands."""
    if text is not None:
        raise complaint("array_alone")


def _dependency(text: str) -> str:
    """In its own spelling, so that the same reads the same."""
    try:
        return str(dependencies.parsed(text))
    except Misspelt as error:
        raise complaint("bad_dependency", why=error) from None


def instant_of(given: Any) -> datetime:
    """A time in ISO 8601 that says its offset."""
    if not isinstance(given, str):
        raise complaint("not_a_string")
    try:
        instant = datetime.fromisoformat(given)
    except ValueError:
        raise complaint("bad_time") from None
    if instant.tzinfo is None:
        raise complaint("naive_time")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise complaint("bad_time") from None


def _texts(given: Any, parsed: Callable[[str], Any], code: str) -> Any:
    """What is written as Slurm's users do, in the form that JSON has for it."""
    if not isinstance(given, str):
        return given
    try:
        return parsed(given)
    except Misspelt as error:
        raise complaint(code, why=error) from None


def _checked_by(checked: Callable[[Any], Any], code: str) -> AfterValidator:
    def check(value: Any) -> Any:
        try:
            return checked(value)
        except Misspelt as error:
            raise complaint(code, why=error) from None

    return AfterValidator(check)


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise complaint("bad_uuid") from None


def _finding_code(code: str) -> str:
    if code not in CATALOGUE:
        raise complaint("not_one_of", expected=", ".join(CATALOGUE))
    return code


def _published(**schema: Any) -> Any:
    """For the API's document alone; the check itself is a function."""
    return Field(json_schema_extra=schema)


def _flag(given: Any) -> bool:
    """Of a query string, where everything is text."""
    if given not in ("true", "1", "false", "0"):
        raise complaint("not_a_flag")
    return given in ("true", "1")


_FLAG_SCHEMA = {"type": "string", "enum": ["true", "false", "1", "0"]}
_NODE_SCHEMA = {"type": "string", "pattern": f"^{_NODE.pattern}$"}
_TIME_TEXT = Annotated[str, _published(pattern=r"^\d{1,9}$|^\d+:\d+(:\d+)?$|^\d+-\d+(:\d+){0,2}$")]
_TIME_MINUTES = Annotated[int, Field(ge=1, le=_TIME_LIMIT_MINUTES)]
_TEXT = Annotated[str, _published(minLength=1)]

Script = Annotated[str, AfterValidator(_script), _published(minLength=1, maxLength=SCRIPT_BYTES)]
Line = Annotated[str, Field(max_length=255), AfterValidator(_line), _published(minLength=1)]
LongLine = Annotated[str, Field(max_length=4096), AfterValidator(_line), _published(minLength=1)]
Comment = Annotated[str, Field(max_length=4096), AfterValidator(_without_nul)]
AbsolutePath = Annotated[LongLine, AfterValidator(_absolute), _published(pattern="^/")]
OutputPath = Annotated[LongLine, AfterValidator(_patterns)]
UserName = Annotated[str, AfterValidator(_user), _published(minLength=1, maxLength=65)]
NodeNameText = Annotated[str, AfterValidator(_node), _published(**_NODE_SCHEMA)]
Environment = Annotated[dict[str, str], AfterValidator(_environment)]
TimeLimit = Annotated[
    int, BeforeValidator(_time_limit_seconds, json_schema_input_type=_TIME_MINUTES | _TIME_TEXT)
]
ArrayText = Annotated[str, Field(max_length=4096), AfterValidator(_array), _published(minLength=1)]
NoArray = Annotated[str | None, AfterValidator(_no_array), WithJsonSchema({"type": "null"})]
DependencyText = Annotated[
    str, Field(max_length=20_000), AfterValidator(_dependency), _published(minLength=1)
]
SignalText = Annotated[str, AfterValidator(_signal), _published(minLength=1)]
Instant = Annotated[datetime, BeforeValidator(instant_of)]
Uuid = Annotated[str, AfterValidator(_uuid), _published(format="uuid")]
FindingCode = Annotated[str, AfterValidator(_finding_code), _published(enum=list(CATALOGUE))]
Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema(_FLAG_SCHEMA)]

CpuCount = Annotated[int, Field(ge=1, le=CPUS)]
Id = Annotated[int, Field(ge=1, le=ID_LIMIT)]
Count = Annotated[int, Field(ge=0, le=ID_LIMIT)]
SmallCount = Annotated[int, Field(ge=0, le=_SMALL)]
Megabytes = Annotated[int, Field(ge=1, le=2**40)]
Priority = Annotated[int, Field(ge=-_SMALL, le=_SMALL)]
Labels = Annotated[dict[Line, Line], Field(max_length=MOST_NAMES), _checked_by(checked_labels, "bad_labels")]
Gres = Annotated[dict[str, int], _checked_by(checked_gres, "bad_gres")]
_NAMES_OF_NODES = Annotated[list[NodeNameText], Field(min_length=1)]
NodeList = Annotated[
    list[str],
    Field(min_length=1),
    _checked_by(checked_nodes, "bad_nodelist"),
    BeforeValidator(
        lambda given: _texts(given, lambda text: list(parsed_nodes(text)), "bad_nodelist"),
        json_schema_input_type=_TEXT | _NAMES_OF_NODES,
    ),
]
WantedLabels = Annotated[
    Labels,
    BeforeValidator(
        lambda given: _texts(given, parsed_labels, "bad_labels"), json_schema_input_type=str | Labels
    ),
]
WantedGres = Annotated[
    Gres,
    BeforeValidator(lambda given: _texts(given, parsed_gres, "bad_gres"), json_schema_input_type=str | Gres),
]
Licences = Annotated[dict[str, SmallCount], AfterValidator(_licences)]
GresNumbers = Annotated[
    dict[str, Annotated[list[Annotated[int, Field(ge=0, lt=MOST_GRES)]], Field(max_length=MOST_GRES)]],
    Field(max_length=MOST_NAMES),
]
