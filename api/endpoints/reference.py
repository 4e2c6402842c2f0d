"""`/openapi.json` and `/docs`: the API's description of itself, and a page to read it and to try requests.

Promises: the page loads nothing from elsewhere and runs no script but its own files; both need no token. So whoever
asks and does not read costs a piece of an answer and not the whole. Refuses to know what is described.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.answers.problems import Problem
from api.answers.texts import Language
from api.guard.security import caller_of
from api.requests.validation import validated_query

_FILES: Mapping[str, str] = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "start.js": "text/javascript",
    "page.css": "text/css",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PIECE_BYTES = 32 * 1024
_HEADERS = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}


class DocumentQuery(BaseModel):
    model_config = {"extra": "forbid", "frozen": True}

    lang: Literal["en", "zh"] | None = None


def _language(request: Request) -> Language:
    return validated_query(DocumentQuery, request).lang or caller_of(request).language


async def get_document(request: Request) -> Response:
    # The first one in a language is written; it takes a second of computing.
    written: bytes = await asyncio.to_thread(request.app.state.document, _language(request))
    return _in_pieces(written, "application/json", {"Vary": "Accept-Language"})


async def get_page(request: Request) -> Response:
    page = _read("page.html").replace(b"LANGUAGE", _language(request).encode())
    return Response(page, media_type="text/html; charset=utf-8", headers=_HEADERS)


async def get_page_file(request: Request) -> Response:
    name = request.path_params["file"]
    if name not in _FILES:
        raise Problem(404, "no_such_path")
    return _in_pieces(_read(name), _FILES[name], _HEADERS)


def _in_pieces(whole: bytes, media_type: str, headers: Mapping[str, str]) -> Response:
    length = {"Content-Length": str(len(whole))}
    return StreamingResponse(_pieces(whole), media_type=media_type, headers={**headers, **length})


async def _pieces(whole: bytes) -> AsyncIterator[bytes]:
    for first in range(0, len(whole), _PIECE_BYTES):
        yield whole[first : first + _PIECE_BYTES]


@cache
def _read(name: str) -> bytes:
    return (files("api") / "page" / name).read_bytes()
