"""The models of requests and answers as JSON schemas of the API's document, in one language.

Promises: nothing is said of a field that its model does not say, but what it means, which comes from the catalogue
`names` by its name. A key that an answer of this release always has is required. Refuses to know operations.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter

from api.answers.texts import TITLES, Language
from api.document.names import meaning
from api.document.shapes import SHAPES
from conductor.wire.shapes import SOMETIMES

Schema = dict[str, Any]
REF = "#/components/schemas/{model}"
PROBLEM = "ProblemDocument"


class Schemas:
    """Every shape that operations name, each once; `components` has what is referred to."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self.components: dict[str, Schema] = {}

    def answer(self, shape: Any) -> Schema:
        """What comes back. Its keys may grow, so others are not forbidden."""
        return self._added(shape, answers=True)

    def request(self, shape: Any) -> Schema:
        return self._added(shape, answers=False)

    def _added(self, shape: Any, *, answers: bool) -> Schema:
        schema: Schema = TypeAdapter(shape).json_schema(ref_template=REF)
        for name, found in schema.pop("$defs", {}).items():
            self.components[name] = self._told(found, name, answers=answers)
        if "properties" not in schema:
            return dict(_plain(schema))
        self.components[shape.__name__] = self._told(schema, shape.__name__, answers=answers)
        return {"$ref": REF.format(model=shape.__name__)}

    def _told(self, schema: Schema, name: str, *, answers: bool) -> Schema:
        """With what the shape and its fields mean, and without what pydantic makes up."""
        properties: Mapping[str, Schema] = schema["properties"]
        always = [one for one, found in properties.items() if not found.get(SOMETIMES)]
        told = {
            **schema,
            "title": name,
            "description": _in(self._language, SHAPES[name]),
            "properties": {one: self._field(name, one, found, answers) for one, found in properties.items()},
        }
        if answers:
            told["required"] = always
        if name == PROBLEM:
            told["properties"]["code"]["enum"] = sorted(TITLES)
        return told

    def _field(self, shape: str, name: str, schema: Schema, answers: bool) -> Schema:
        found = _plain(schema)
        if found.pop(SOMETIMES, False) and "allOf" in found:
            found |= found.pop("allOf")[0]
        if answers:
            found.pop("default", None)
        told = meaning(shape, name, self._language)
        return {**found, "description": told}

    def parameters(self, model: type[BaseModel]) -> Iterable[tuple[str, bool, Schema, str]]:
        """Of a query: each name, whether it is required, what it may be, and what it means."""
        schema = model.model_json_schema(ref_template=REF)
        required = schema.get("required", ())
        for name, found in schema["properties"].items():
            meant = meaning(model.__name__, name, self._language)
            yield name, name in required, _without_null(_plain(found)), meant


def _plain(value: Any) -> Any:
    """Without the titles that pydantic makes of names."""
    if isinstance(value, dict):
        return {
            key: _plain(one) if key != "properties" else {name: _plain(of) for name, of in one.items()}
            for key, one in value.items()
            if not (key == "title" and isinstance(one, str))
        }
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _without_null(schema: Schema) -> Schema:
    """A parameter is left out, never null; a default is one of the texts that may be given."""
    if schema.get("default", ...) is None:
        schema.pop("default")
    if isinstance(schema.get("default"), bool) and "enum" in schema:
        schema["default"] = str(schema["default"]).lower()
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) == len(schema.get("anyOf", ())):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**rest, **kinds[0]} if len(kinds) == 1 else {**rest, "anyOf": kinds}


def _in(language: Language, both: tuple[str, str]) -> str:
    return both[language == "zh"]
