"""Refusals as RFC 9457 problem documents.

Promises: `type` and every code are stable; `detail` says what to do; `errors` names each wrong field. What a
client sent is never echoed but for the names of its fields, so no secret comes back.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from api.answers.field_texts import FIELDS
from api.answers.texts import DETAILS, PHRASES, TITLES, Language, say
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.misspelt import Misspelt
from conductor.core.said import Said, in_language
from conductor.core.sbatch_texts import DIRECTIVES
from conductor.telemetry.process import counter

MEDIA_TYPE = "application/problem+json"
_PROBLEMS = counter("conductor_http_problems_total")
RETRY_AFTER_SECONDS = 2

_STATUS_OF_REJECTION: Mapping[RejectionCode, int] = {
    RejectionCode.NOT_FOUND: 404,
    RejectionCode.NODE_UNKNOWN: 404,
    RejectionCode.INVALID: 422,
    RejectionCode.FORBIDDEN: 403,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """What is wrong with one field. `message`, when given, is said as it stands; `said` is the code of its
    sentence, if another; `place` a line of the script (and its option) that the field's value came from.
    """

    field: str
    code: str
    values: Mapping[str, object] = dataclasses.field(default_factory=dict)
    message: str | None = None
    said: str | None = None
    place: tuple[int, str] | None = None


class Problem(Exception):
    """A request that is refused. `code` is the stable name; `detail` the code of its sentence, if another."""

    def __init__(
        self,
        status: int,
        code: str,
        *,
        detail: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
        **values: object,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail or code
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.members = dict(members or {})
        self.values = values


def invalid(*errors: FieldError) -> Problem:
    """422: fields that cannot be taken as they are."""
    return Problem(422, "invalid", errors=errors)


def status_of(rejection: Rejection) -> int:
    return _STATUS_OF_REJECTION.get(rejection.code, HTTPStatus.CONFLICT)


def refused(rejection: Rejection, *, field: str | None = None) -> Problem:
    """A rejection of the handler's as a problem; `field` names the request's field better than the core can."""
    named = field or rejection.field
    code = "invalid" if rejection.code is RejectionCode.INVALID else str(rejection.code)
    errors = [FieldError(field=named, code=code, message=rejection.message)] if named else []
    members = {"state": rejection.state, "version": rejection.version}
    return Problem(
        status_of(rejection),
        code,
        detail="refused",
        errors=errors,
        members={key: value for key, value in members.items() if value is not None},
        message=rejection.message,
    )


def problem_document(problem: Problem, language: Language) -> dict[str, Any]:
    title = say(TITLES, problem.code, language)
    texts = PHRASES if problem.detail == "refused" else DETAILS
    values = {"title": title, **problem.values}
    document = {
        "type": f"urn:conductor:problem:{problem.code}",
        "title": title,
        "status": problem.status,
        "detail": _detail(problem, texts, language, values),
        "code": problem.code,
        **problem.members,
    }
    if problem.errors:
        document["errors"] = [_error(error, language) for error in problem.errors]
    return document


def _detail(
    problem: Problem, texts: Mapping[str, tuple[str, str]], language: Language, values: Mapping[str, Any]
) -> str:
    if isinstance(message := problem.values.get("message"), Said):
        return message.sentence(language)
    return say(texts, problem.detail, language, **values)


def _error(error: FieldError, language: Language) -> dict[str, str]:
    if error.message is not None:
        return {"field": error.field, "code": error.code, "message": in_language(error.message, language)}
    values = dict(error.values)
    if "nearest" in values:
        near = values["nearest"]
        values["nearest"] = say(PHRASES, "nearest", language, name=near) if near else ""
    if isinstance(why := values.get("why"), Misspelt):
        values["why"] = why.sentence(language)
    code = error.said or error.code
    said = say(DIRECTIVES if code in DIRECTIVES else FIELDS, code, language, **values)
    between = "" if said.startswith("（") else " "
    return {
        "field": error.field,
        "code": error.code,
        "message": f"{_subject(error, language)}{between}{said}",
    }


def _subject(error: FieldError, language: Language) -> str:
    if error.place is None:
        return error.field
    line, option = error.place
    return say(PHRASES, "script_line", language, field=error.field, line=line, option=option or "#SBATCH")


def problem_response(problem: Problem, language: Language) -> Response:
    _PROBLEMS.add(problem.code)
    return Response(
        orjson.dumps(problem_document(problem, language)),
        status_code=problem.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )
