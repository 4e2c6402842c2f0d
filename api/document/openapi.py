"""The API's description of itself: OpenAPI 3.1, in English or Chinese.

Promises: made of the operations that are served, the models that check requests and the shapes that clients read
answers by; every status that an operation answers with is listed. Refuses to know what a field or operation means:
`described` and the catalogues do.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import openapi_pydantic
import orjson

from api.answers.problems import MEDIA_TYPE as PROBLEM_JSON
from api.answers.texts import Language
from api.document.description import EVENT_STREAM, JSON, TEXT, Answer, Body, Both, Description
from api.document.names import EXAMPLES, meaning
from api.document.schemas import Schema, Schemas
from api.document.texts import HEADERS, INFO, SECURITY, STATUSES, TAGS, TITLE
from api.operations import Operation
from conductor import __version__
from conductor.wire.problems import ProblemDocument

# Statuses that follow from what an operation is and takes.
_OF_ALL = frozenset({403, 415, 500, 503})
_WITH_TOKEN = frozenset({401, 429})
_WITH_PATH = frozenset({404})
_WITH_QUERY = frozenset({422})
_WITH_BODY = frozenset({400, 408, 413, 422})
_HEADERS_OF_STATUSES = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
_OF_EVERY_REQUEST = ("Accept-Language", "X-Request-Id")

_PATH_PATTERNS = {
    "job_id": r"^[0-9]{1,16}(_([0-9]{1,7}|\[[0-9,: -]+\]))?$",
    "name": "^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$",
}

Json = dict[str, Any]


def document(
    operations: Sequence[Operation], descriptions: Mapping[str, Description], language: Language
) -> bytes:
    """The whole document as JSON. Raises `KeyError` for an operation or a name that nothing describes."""
    return _Document(descriptions, language).of(operations)


class _Document:
    """One document being written."""

    def __init__(self, descriptions: Mapping[str, Description], language: Language) -> None:
        self._descriptions = descriptions
        self._language = language
        self._schemas = Schemas(language)

    def of(self, operations: Sequence[Operation]) -> bytes:
        paths: dict[str, Json] = {}
        for one in operations:
            paths.setdefault(one.path, {})[one.method.lower()] = self._operation(one)
        problem = self._schemas.answer(ProblemDocument)
        written = {
            "openapi": "3.1.0",
            "info": {"title": self._in(TITLE), "version": __version__, "description": self._in(INFO)},
            "tags": [{"name": name, "description": self._in(both)} for name, both in TAGS.items()],
            "paths": paths,
            "components": {
                "schemas": dict(sorted(self._schemas.components.items())),
                "responses": {f"Problem{status}": self._refusal(status, problem) for status in STATUSES},
                "parameters": {name: self._header(name) for name in HEADERS if HEADERS[name].asked},
                "headers": {name: self._told_header(name) for name in HEADERS if not HEADERS[name].asked},
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "description": self._in(SECURITY)}
                },
            },
        }
        checked = openapi_pydantic.OpenAPI.model_validate(written)
        return orjson.dumps(_whole(checked.model_dump(mode="json", by_alias=True, exclude_unset=True)))

    def _in(self, both: Both) -> str:
        return both[self._language == "zh"]

    def _operation(self, operation: Operation) -> Json:
        said = self._descriptions[f"{operation.method} {operation.path}"]
        roles = sorted(operation.roles or ())
        written: Json = {
            "operationId": said.name,
            "tags": [said.tag],
            "summary": self._in(said.summary),
            "description": self._in(said.detail) + self._roles(roles),
            "parameters": list(self._parameters(operation, said)),
            "responses": self._responses(operation, said),
            "security": [{"bearer": []}] if roles else [],
            "x-roles": roles,
        }
        if said.body is not None:
            written["requestBody"] = self._body(said.body)
        return written

    def _roles(self, roles: Sequence[str]) -> str:
        if not roles:
            return self._in(("\n\nNeeds no token.", "\n\n无须令牌。"))
        return self._in(("\n\nRoles: ", "\n\n角色：")) + ", ".join(f"`{role}`" for role in roles)

    def _parameters(self, operation: Operation, said: Description) -> Iterator[Json]:
        for name in names_in(operation.path):
            schema = {"type": "string", "pattern": _PATH_PATTERNS[name]} if name in _PATH_PATTERNS else {}
            told = {"description": meaning("path", name, self._language), **_example(name)}
            yield {
                "name": name,
                "in": "path",
                "required": True,
                "schema": schema or {"type": "string"},
                **told,
            }
        if said.query is not None:
            for name, required, schema, meant in self._schemas.parameters(said.query):
                told = {"description": meant, "schema": schema, **(_example(name) if required else {})}
                commas = {"style": "form", "explode": False} if schema.get("type") == "array" else {}
                yield {"name": name, "in": "query", "required": required, **told, **commas}
        for name in (*said.headers, *_OF_EVERY_REQUEST):
            yield {"$ref": f"#/components/parameters/{name}"}

    def _header(self, name: str) -> Json:
        told = HEADERS[name]
        return {
            "name": name,
            "in": "header",
            "required": False,
            "description": self._in(told.meaning),
            "schema": told.schema,
        }

    def _told_header(self, name: str) -> Json:
        return {"description": self._in(HEADERS[name].meaning), "schema": HEADERS[name].schema}

    def _body(self, body: Body) -> Json:
        content: Json = {}
        if body.shape is not None:
            examples = {name: {"value": value} for name, value in body.examples.items()}
            content[JSON] = {"schema": self._schemas.request(body.shape), "examples": examples}
        for media_type, example in body.others.items():
            content[media_type] = {"schema": {"type": "string"}, "example": example}
        return {"required": body.required, "content": content}

    def _responses(self, operation: Operation, said: Description) -> Json:
        responses: Json = {str(status): self._answer(one) for status, one in said.answers.items()}
        for status in sorted(statuses_of(operation, said)):
            key = str(status)
            if key not in responses:
                responses[key] = {"$ref": f"#/components/responses/Problem{status}"}
            elif status >= 400:
                responses[key]["content"] |= self._problem_content()
        return dict(sorted(responses.items()))

    def _problem_content(self) -> Json:
        return {PROBLEM_JSON: {"schema": self._schemas.answer(ProblemDocument)}}

    def _answer(self, answer: Answer) -> Json:
        schema = {"type": "string"} if answer.media_type in (TEXT, EVENT_STREAM) else {}
        if answer.shape is not None:
            schema = self._schemas.answer(answer.shape)
        headers = {name: {"$ref": f"#/components/headers/{name}"} for name in answer.headers}
        if answer.empty:
            return {"description": self._in(("As it was", "未变化")), "headers": headers}
        others = {media_type: {"schema": {"type": "string"}} for media_type in answer.others}
        return {
            "description": self._in(("Done", "成功")),
            "headers": headers,
            "content": {answer.media_type: {"schema": schema}, **others},
        }

    def _refusal(self, status: int, problem: Schema) -> Json:
        names = _HEADERS_OF_STATUSES.get(status, ())
        return {
            "description": self._in(STATUSES[status]),
            "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
            "content": {PROBLEM_JSON: {"schema": problem}},
        }


def _whole(value: Any) -> Any:
    """The same, with bounds as the whole numbers that they are."""
    match value:
        case dict():
            return {key: _whole(one) for key, one in value.items()}
        case list():
            return [_whole(one) for one in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def names_in(path: str) -> list[str]:
    """The parameters of a path, in their order."""
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def statuses_of(operation: Operation, said: Description) -> frozenset[int]:
    """Every status of a refusal that the operation may answer with."""
    found = _OF_ALL | said.problems
    if operation.roles is not None:
        found |= _WITH_TOKEN
    if names_in(operation.path):
        found |= _WITH_PATH
    if said.query is not None:
        found |= _WITH_QUERY
    if said.body is not None:
        found |= _WITH_BODY
    return found


def _example(name: str) -> Json:
    return {"example": EXAMPLES[name]} if name in EXAMPLES else {}
