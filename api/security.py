"""Who may ask: a known host name, no other site's page, a bearer token, bodies of the accepted kind.

Promises: nothing but the open paths is answered without the token, which is compared in constant time; with
`CONDUCTOR_API_AUTH=off` (loopback only) everything else is still checked. Refuses to know what is asked.
"""

import hmac
import os
import pwd
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, problem_response
from api.texts import Language, language_of
from conductor.core.events import Provenance
from conductor.core.roles import Role
from conductor.settings import Settings

OPEN_PATHS = frozenset({"/health", "/ready", "/docs", "/openapi.json"})
JSON_TYPES = frozenset({"application/json"})
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
BYTES_TYPES = frozenset({"application/octet-stream"})

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_CHANNELS = frozenset({"api", "cli"})
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose token came: `name` goes into the log, `user_name` owns the jobs that name nobody else, and `node_name`
    is the one node that an executor's token is for.
    """

    name: str
    user_name: str
    role: Role
    node_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One request: by whom, through what, under which id, in which language."""

    identity: Identity
    channel: str
    request_id: str
    language: Language

    def provenance(self, command_id: str | None = None) -> Provenance:
        return Provenance(
            actor=self.identity.name,
            channel=self.channel,
            correlation=self.request_id,
            command_id=command_id,
        )


def caller_of(request: Request) -> Caller:
    caller: Caller = request.scope["conductor.caller"]
    return caller


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def allowed_hosts(settings: Settings) -> frozenset[str]:
    """Names, without ports, that a Host header may carry."""
    named = {settings.api_host.lower()}
    if settings.url is not None:
        named.add((urlsplit(settings.url).hostname or "").lower())
    return _LOOPBACK_NAMES | {_bracketed(name) for name in named if name and name not in ("0.0.0.0", "::")}  # noqa: S104


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name and not name.startswith("[") else name


class Guard:
    """The outermost layer: every request passes it or is answered by it."""

    def __init__(self, app: ASGIApp, *, settings: Settings, token: str | None) -> None:
        self._app = app
        self._hosts = allowed_hosts(settings)
        self._token = None if token is None else token.encode()
        self._lang = settings.lang
        service = _account_of_this_process()
        # One token exists so far; its jobs belong to the account that runs them unless they name another.
        name = "anonymous" if token is None else "admin"
        self._identity = Identity(name=name, user_name=service, role=Role.ADMIN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        caller = self._caller(headers)
        scope["conductor.caller"] = caller
        marked = _with_headers(send, caller.request_id)
        problem = self._refusal(scope, headers)
        if problem is None:
            await self._app(scope, receive, marked)
        else:
            await problem_response(problem, caller.language)(scope, receive, marked)

    def _caller(self, headers: Mapping[str, str]) -> Caller:
        given = headers.get("x-request-id", "")
        channel = headers.get("conductor-channel", "api")
        return Caller(
            identity=self._identity,
            channel=channel if channel in _CHANNELS else "api",
            request_id=given.lower() if _UUID.fullmatch(given) else str(uuid.uuid4()),
            language=language_of(headers.get("accept-language"), self._lang),
        )

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> Problem | None:
        host = headers.get("host", "").lower()
        if _without_port(host) not in self._hosts:
            return Problem(403, "foreign_host")
        if _is_cross_site(headers, host):
            return Problem(403, "cross_site")
        if not _is_open(scope["path"]) and not self._is_known(headers.get("authorization", "")):
            return Problem(401, "unauthorized", headers={"WWW-Authenticate": "Bearer"})
        return _unreadable(headers, takes_bytes=_takes_bytes(scope))

    def _is_known(self, authorization: str) -> bool:
        if self._token is None:
            return True
        scheme, _, given = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token)


def _is_open(path: str) -> bool:
    """Those, and the files that the page of the documents is made of."""
    return path in OPEN_PATHS or path.startswith("/docs/")


def _headers(scope: Scope) -> dict[str, str]:
    """By lower-case name. A name given twice is joined, so that no second value hides behind the first."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _without_port(host: str) -> str:
    return re.sub(r":\d{1,5}$", "", host)


def _is_cross_site(headers: Mapping[str, str], host: str) -> bool:
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin.lower()).netloc != host


def _takes_bytes(scope: Scope) -> bool:
    """Output that an executor sends is no JSON. Whether it may be sent by this method is for the path to say."""
    return bool(scope["path"].endswith("/output"))


def _unreadable(headers: Mapping[str, str], *, takes_bytes: bool) -> Problem | None:
    """A body of a kind that a form on another site could send, or that we would have to unpack."""
    if "transfer-encoding" not in headers and headers.get("content-length", "0").strip("0") == "":
        return None
    if headers.get("content-encoding", "identity") != "identity":
        return Problem(415, "unsupported_media_type", detail="encoded_body")
    kind = media_type(headers.get("content-type", ""))
    if kind in (BYTES_TYPES if takes_bytes else JSON_TYPES | NDJSON_TYPES):
        return None
    wanted = "application/octet-stream" if takes_bytes else "application/json"
    return Problem(415, "unsupported_media_type", wanted=wanted)


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _with_headers(send: Send, request_id: str) -> Send:
    added = [
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *added]
        await send(message)

    return marked


def _account_of_this_process() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's number without a name
        return str(os.geteuid())
