"""`/openapi.json` and `/docs`: the API's description of itself, and a page to read it and to try requests.

Promises: the page loads nothing from elsewhere and runs no script but its own files; both need no token. Refuses to
know what is described.
"""

import asyncio
from collections.abc import Mapping
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.problems import Problem
from api.security import caller_of
from api.texts import Language
from api.validation import validated_query

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
_HEADERS = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}


class DocumentQuery(BaseModel):
    model_config = {"extra": "forbid", "frozen": True}

    lang: Literal["en", "zh"] | None = None


def _language(request: Request) -> Language:
    return validated_query(DocumentQuery, request).lang or caller_of(request).language


async def get_document(request: Request) -> Response:
    # The first one in a language is written; it takes a second of computing.
    written: bytes = await asyncio.to_thread(request.app.state.document, _language(request))
    return Response(written, media_type="application/json", headers={"Vary": "Accept-Language"})


async def get_page(request: Request) -> Response:
    page = _read("page.html").replace(b"LANGUAGE", _language(request).encode())
    return Response(page, media_type="text/html; charset=utf-8", headers=_HEADERS)


async def get_page_file(request: Request) -> Response:
    name = request.path_params["file"]
    if name not in _FILES:
        raise Problem(404, "no_such_path")
    return Response(_read(name), media_type=_FILES[name], headers=_HEADERS)


def _read(name: str) -> bytes:
    return (files("api") / "page" / name).read_bytes()
