"""What the fields of answers are made of.

A key that has no mark is in every answer of this release, and is null only where its type says so. `Sometimes` marks
one that is there only when there is something to say, and then not null; `Partly` one that only some of the answers
of its shape have. What a reader adds itself (`Kept`) is no
part of any answer.
"""

from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

from pydantic import Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue, SkipJsonSchema
from pydantic_core import CoreSchema

from conductor.core.allocation import AllocationStatus
from conductor.core.errors import RejectionCode
from conductor.core.job import JobState

SOMETIMES = "x-sometimes"

T = TypeVar("T")
Raw = dict[str, Any]
Kept = SkipJsonSchema[Raw]


class _WhenThereIsSomethingToSay:
    """Takes the null out of a field's description, and marks it."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        described = handler(schema)
        kinds = [one for one in described.get("anyOf", ()) if one != {"type": "null"}]
        return _marked(kinds[0] if len(kinds) == 1 else described)


class _InSomeAnswers:
    """Marks a field; it may be null."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return _marked(handler(schema))


def _marked(described: JsonSchemaValue) -> JsonSchemaValue:
    # A mark beside a reference would be written into what is referred to.
    beside = {"allOf": [described]} if "$ref" in described else described
    return {**beside, SOMETIMES: True}


Sometimes = Annotated[T | None, _WhenThereIsSomethingToSay()]
# In some of the answers that have this shape.
Partly = Annotated[T, _InSomeAnswers()]
# An empty list, mapping or the like stands for its absence.
SometimesSome = Annotated[T, _WhenThereIsSomethingToSay()]


def _one_of(names: Iterable[str]) -> Any:
    """Described as these; read as any text, for a newer server may know more."""
    return Field(json_schema_extra={"enum": [str(name) for name in names]})


JobStateName = Annotated[str, _one_of(JobState)]
# As `conductor.core.node` has them; a client need not load what nodes are decided by.
NODE_STATES = ("UP", "DRAINED", "LOST", "REMOVED")
NodeStateName = Annotated[str, _one_of(NODE_STATES)]
StatusName = Annotated[str, _one_of(AllocationStatus)]
RejectionName = Annotated[str, _one_of(RejectionCode)]
