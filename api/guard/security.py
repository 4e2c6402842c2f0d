"""Who may ask: a known host name, no other site's page, a known token, bodies of the accepted kind, not too often.

Promises: nothing but the open paths is answered without a token; with `CONDUCTOR_API_AUTH=off` (loopback only)
everything else is still checked; however many wrong tokens come, right ones are still let in. Refuses to know what is
asked.
"""

import math
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers.problems import RETRY_AFTER_SECONDS, Problem, problem_response
from api.answers.texts import Language, language_of
from api.guard.held_bodies import Held, HeldBodies
from api.guard.known_tokens import KnownTokens
from api.guard.limits import Buckets, network_of
from api.identity import Identity
from conductor.core.events import Provenance
from conductor.core.roles import Role
from conductor.core.tokens import NOBODYS_NAME
from conductor.setting_values import host_names
from conductor.settings import Settings
from conductor.telemetry.tracing import current_trace

OPEN_PATHS = frozenset({"/health", "/ready", "/docs", "/openapi.json"})
JSON_TYPES = frozenset({"application/json"})
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
BYTES_TYPES = frozenset({"application/octet-stream"})
MOST_AT_ONCE = 4096  # requests, long polls among them

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_CHANNELS = frozenset({"api", "cli"})
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Of whoever asks for an open path, or is refused.
_NOBODY = Identity(name=NOBODYS_NAME, user_name=NOBODYS_NAME, role=Role.VIEWER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One request: by whom, through what, under which id, in which language."""

    identity: Identity
    channel: str
    request_id: str
    language: Language

    def provenance(self, command_id: str | None = None) -> Provenance:
        trace = current_trace()
        return Provenance(
            actor=self.identity.name,
            channel=self.channel,
            correlation=self.request_id,
            command_id=command_id,
            trace_id=trace.trace_id if trace else None,
            span_id=trace.span_id if trace else None,
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
    named = {settings.api_host.lower(), *host_names(settings.api_hosts)}
    if settings.url is not None:
        named.add((urlsplit(settings.url).hostname or "").lower())
    return _LOOPBACK_NAMES | {_bracketed(name) for name in named if name and name not in ("0.0.0.0", "::")}  # noqa: S104


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name and not name.startswith("[") else name


class TokenEnded(Exception):
    """The token expired, or was revoked, while its answer was still being sent."""


class Guard:
    """The outermost layer: every request passes it or is answered by it."""

    def __init__(self, app: ASGIApp, *, settings: Settings, tokens: KnownTokens) -> None:
        self._app = app
        self._hosts = allowed_hosts(settings)
        self._tokens = tokens
        self._lang = settings.lang
        self._requests = Buckets(per_second=settings.api_rate_limit, at_once=2 * settings.api_rate_limit)
        self._failures = Buckets(
            per_second=settings.api_failure_limit / 60, at_once=settings.api_failure_limit
        )
        self._at_once = 0
        self._bodies = HeldBodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _headers(scope)
        refusal, identity = self._admit(scope, headers)
        caller = scope["conductor.caller"] = self._caller(headers, identity)
        marked = _with_headers(send, caller.request_id, self._still_known(scope, headers))
        if refusal is not None:
            await problem_response(refusal, caller.language)(scope, receive, marked)
            return
        self._at_once += 1
        held = scope["conductor.held"] = Held(self._bodies)
        try:
            await self._app(scope, receive, marked)
        except TokenEnded:
            pass  # the server cuts the connection, so that nobody takes a part for the whole
        finally:
            self._at_once -= 1
            held.give_back()

    def _caller(self, headers: Mapping[str, str], identity: Identity) -> Caller:
        given = headers.get("x-request-id", "")
        channel = headers.get("conductor-channel", "api")
        return Caller(
            identity=identity,
            channel=channel if channel in _CHANNELS else "api",
            request_id=given.lower() if _UUID.fullmatch(given) else str(uuid.uuid4()),
            language=language_of(headers.get("accept-language"), self._lang),
        )

    def _admit(self, scope: Scope, headers: Mapping[str, str]) -> tuple[Problem | None, Identity]:
        host = headers.get("host", "").lower()
        if _without_port(host) not in self._hosts:
            return Problem(403, "foreign_host"), _NOBODY
        if _is_cross_site(headers, host):
            return Problem(403, "cross_site"), _NOBODY
        identity = _NOBODY
        if not _is_open(scope["path"]):
            known = self._tokens.identity(_bearer(headers.get("authorization", "")))
            if isinstance(known, str):
                return self._unauthorized(known, scope), _NOBODY
            identity = known
            wait_seconds = self._requests.take(identity.name)
            if wait_seconds:
                return _later(429, "too_many_requests", wait_seconds, name=identity.name), identity
        if self._at_once >= MOST_AT_ONCE:
            return _later(503, "busy", RETRY_AFTER_SECONDS), identity
        return _unreadable(headers, takes_bytes=_takes_bytes(scope)), identity

    def _still_known(self, scope: Scope, headers: Mapping[str, str]) -> Callable[[], bool]:
        """Asked before each further piece of a long answer."""

        def is_known() -> bool:
            return _is_open(scope["path"]) or not isinstance(
                self._tokens.identity(_bearer(headers.get("authorization", ""))), str
            )

        return is_known

    def _unauthorized(self, why: str, scope: Scope) -> Problem:
        if why == "tokens_unknown":  # nothing of the log has been read yet
            return _later(503, "database_unavailable", RETRY_AFTER_SECONDS)
        client = scope.get("client")
        wait_seconds = self._failures.take(network_of(client[0]) if client else "")
        if wait_seconds:
            return _later(429, "too_many_failures", wait_seconds)
        return Problem(401, why, headers={"WWW-Authenticate": "Bearer"})


def _later(status: int, code: str, wait_seconds: float, name: str = "") -> Problem:
    return Problem(status, code, headers={"Retry-After": str(max(1, math.ceil(wait_seconds)))}, name=name)


def _bearer(authorization: str) -> str:
    """The secret, or nothing that could be one."""
    scheme, _, given = authorization.partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


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
    return origin is not None and _netloc(origin.lower()) != host


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # brackets that do not close
        return ""


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


def _with_headers(send: Send, request_id: str, is_still_known: Callable[[], bool]) -> Send:
    added = [
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *added]
        elif message.get("more_body") and not is_still_known():
            raise TokenEnded
        await send(message)

    return marked
