"""`ETag`, `If-None-Match` and `If-Match`: what is asked only as long as a job or a node stands as the client knows it.

Promises: a tag is the version of the job or node, which grows with each of its events and with nothing else (the
output, the seconds waited and opinions about the cluster are not in it); `If-Match` is checked where the command is
decided, so that nothing can come in between.
"""

import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from api.answers.problems import FieldError, Problem, invalid
from api.answers.reading import header_of

_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e]*)"\s*')
_VERSION = re.compile(r"[1-9]\d{0,9}")
_TAGS_AT_MOST = 20


def tag_of(version: int) -> str:
    return f'"{version}"'


def unchanged(request: Request, version: int) -> Response | None:
    """304 when the client has this version already; None when it has another, or did not say."""
    given = header_of(request, "if-none-match")
    if given is None:
        return None
    known = given.strip() == "*" or str(version) in {tag for _, tag in _tags("If-None-Match", given)}
    return Response(status_code=304, headers={"ETag": tag_of(version)}) if known else None


async def expected_version(request: Request, current: Callable[[], Awaitable[int | None]]) -> int | None:
    """The version that a command may meet; None when any will do. `current` is asked only to choose among several.

    Raises a 422 problem for what is no list of our tags.
    """
    given = header_of(request, "if-match")
    if given is None or given.strip() == "*":  # where there is nothing, the command itself says so
        return None
    tags = _tags("If-Match", given)
    if any(weak or not _VERSION.fullmatch(tag) for weak, tag in tags):
        raise _malformed("If-Match")
    versions = [int(tag) for _, tag in tags]
    if len(versions) == 1:
        return versions[0]
    now = await current()
    return now if now in versions else versions[0]


def refuse_match_of_several(request: Request, job_id: str) -> None:
    """Each task of an array has a version of its own."""
    if "if-match" in request.headers:
        raise invalid(FieldError(field="If-Match", code="match_of_several", values={"job_id": job_id}))


def _tags(header: str, given: str) -> list[tuple[bool, str]]:
    """(weak, what stands between the quotes) of each."""
    parts = given.split(",")
    matches = [_TAG.fullmatch(part) for part in parts]
    if len(parts) > _TAGS_AT_MOST or not all(matches):
        raise _malformed(header)
    return [(bool(match[1]), match[2]) for match in matches if match]


def _malformed(header: str) -> Problem:
    return invalid(FieldError(field=header, code="bad_tag"))
