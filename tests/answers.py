"""Every answer that a test gets, held against the API's document: its status, its media type, and every key of it.

Stricter than the document is for others: a key that it does not name fails. What it does not describe at all is the
business of `test_document.py`.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx
import jsonschema_rs

from api.app import _written
from api.document.openapi import names_in

Json = dict[str, Any]


@cache
def documented() -> Json:
    """The document in English, its answers closed: no key but those that it names."""
    document: Json = json.loads(_written("en"))
    for schema in document["components"]["schemas"].values():
        schema.setdefault("additionalProperties", False)
    return document


@cache
def _operations() -> list[tuple[re.Pattern[str], Mapping[str, Json]]]:
    paths = documented()["paths"]
    return [(_pattern(path), paths[path]) for path in sorted(paths, key=lambda path: len(names_in(path)))]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", path))


def operation_of(method: str, path: str) -> Json | None:
    """What the document says of it; None when it says nothing, as of a path that there is not."""
    for pattern, operations in _operations():
        if pattern.fullmatch(path):
            return operations.get(method.lower())
    return None


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    whole = {**json.loads(schema), "components": documented()["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def faults_of(schema: Json, value: Any) -> list[str]:
    """What of a value is not as the schema says."""
    errors = _validator(json.dumps(schema)).iter_errors(value)
    return [f"{'.'.join(map(str, error.instance_path))}: {error.message}" for error in errors]


def check(answer: httpx.Response) -> None:
    """Fails for an answer that is not as the document says."""
    request = answer.request
    operation = operation_of("GET" if request.method == "HEAD" else request.method, request.url.path)
    if operation is None or answer.status_code == 413:  # said while the body still comes
        return
    where = f"{request.method} {request.url.path} -> {answer.status_code}"
    assert str(answer.status_code) in operation["responses"], f"{where}: an undocumented status"
    response = _resolved(operation["responses"][str(answer.status_code)])
    if "content" not in response:
        answer.read()
        assert answer.content == b"", f"{where}: a body where none is documented"
        return
    media_type = answer.headers["content-type"].partition(";")[0]
    assert {media_type, "*/*"} & response["content"].keys(), f"{where}: {media_type} is undocumented"
    if media_type.endswith(("/json", "+json")) and request.method != "HEAD":
        answer.read()
        schema = response["content"][media_type]["schema"]
        assert faults_of(schema, answer.json()) == [], where


def _resolved(response: Json) -> Json:
    reference = response.get("$ref")
    if reference is None:
        return response
    found: Json = documented()["components"]["responses"][reference.rpartition("/")[2]]
    return found
