"""How a log line looks and where it goes: one a line on standard error, JSON or for a person.

Promises: whatever a library says comes through the same door; tokens, passwords, environments and scripts stand in no
line, wherever they come from. Refuses to know what lines there are (`log_catalogue`).
"""

import logging
import re
import sys
from asyncio import CancelledError
from collections.abc import Mapping, MutableMapping
from datetime import datetime
from types import TracebackType
from typing import Any, TextIO
from urllib.parse import unquote, urlsplit

import structlog

from conductor.codec import encode
from conductor.settings import Settings
from conductor.telemetry.process import counter

HIDDEN = "[hidden]"

# Names that never stand for anything that may be read.
_SECRET_NAMES = re.compile(
    r"token|password|passwd|secret|authorization|cookie|api_?key|^script$|^env(ironment)?$|^body$",
    re.IGNORECASE,
)
_PATTERNS = (
    (re.compile(r"(?<=://)([^\s:/@]*):[^\s@]+@"), rf"\1:{HIDDEN}@"),
    (re.compile(r"\b(bearer\s+)[\w~+/.=-]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"\b((?:password|token|secret)\s*[=:]\s*)[^\s,;&\"']+", re.IGNORECASE), rf"\1{HIDDEN}"),
)
# One of these stands in whatever a pattern finds, so that most values cost no pattern.
_SUSPICIOUS = re.compile(r"://|bearer|password|token|secret", re.IGNORECASE)
_LONGEST_VALUE = 8_000
_LINES = counter("conductor_log_lines_total")
_ON = [False]  # whether this process is one that keeps a log: a command for a person is not

Fields = MutableMapping[str, Any]


class SecretGuard:
    """A structlog processor: what is secret by its name, its form, or because it is known, is hidden."""

    def __init__(self, known: frozenset[str] = frozenset()) -> None:
        self._known = tuple(sorted((one for one in known if len(one) >= 4), key=len, reverse=True))

    def __call__(self, _logger: object, _level: str, fields: Fields) -> Fields:
        for name, value in fields.items():
            fields[name] = HIDDEN if _SECRET_NAMES.search(name) else self._safe(value)
        return fields

    def _safe(self, value: Any) -> Any:
        match value:
            case str():
                return self._safe_text(value)
            case int() | float() | None:
                return value
            case Mapping():
                return {
                    str(name): HIDDEN if _SECRET_NAMES.search(str(name)) else self._safe(one)
                    for name, one in value.items()
                }
            case list() | tuple() | set() | frozenset():
                return [self._safe(one) for one in value]
            case _:
                return self._safe_text(str(value))

    def _safe_text(self, text: str) -> str:
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        if _SUSPICIOUS.search(text):
            for pattern, instead in _PATTERNS:
                text = pattern.sub(instead, text)
        return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def log_to(
    settings: Settings, process: str, database_url: str | None = None, file: TextIO | None = None
) -> None:
    """From now on every line of this process looks as the settings say."""
    stream = file or sys.stderr
    renderer = _renderer(settings.log_format, stream)
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    processors = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _Stamp(process),
        structlog.processors.format_exc_info,
        SecretGuard(_known_secrets(settings, database_url)),
        _counted,
        renderer,
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Relay()]
    root.setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
    sys.excepthook = _died
    _ON[0] = True


def keeps_a_log() -> bool:
    """Whether this process was told where its lines go."""
    return _ON[0]


class _Relay(logging.Handler):
    """What libraries say, as a line of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warning"
        told = structlog.get_logger("library")
        error = record.exc_info if record.exc_info and record.exc_info[0] is not CancelledError else None
        said = {"logger": record.name, "message": _first_line(record.getMessage())}
        getattr(told, level)("library.said", **said, exc_info=error)


def _first_line(message: str) -> str:
    """Some put a whole traceback into the message."""
    return message if "CancelledError" not in message else message.partition("\n")[0]


def _died(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """An error that nothing caught, in one line."""
    structlog.get_logger("process").error("process.died", exc_info=(kind, error, traceback))


class _Stamp:
    """When, and by which process. The name of the line comes first, so that lines can be read down."""

    def __init__(self, process: str) -> None:
        self._process = process

    def __call__(self, _logger: object, _level: str, fields: Fields) -> Fields:
        now = datetime.now().astimezone().isoformat(timespec="milliseconds")
        name, level = fields.pop("event"), fields.pop("level")
        return {"timestamp": now, "level": level, "event": name, "process": self._process, **fields}


def _counted(_logger: object, _level: str, fields: Fields) -> Fields:
    _LINES.add(str(fields["level"]))
    return fields


def _renderer(form: str, stream: TextIO) -> Any:
    on_terminal = stream.isatty()
    if form == "json" or (form == "auto" and not on_terminal):
        return lambda _logger, _level, fields: encode(fields).decode()
    return structlog.dev.ConsoleRenderer(colors=on_terminal, sort_keys=False)


def _known_secrets(settings: Settings, database_url: str | None) -> frozenset[str]:
    urls = [url for url in (settings.database_url, database_url) if url]
    passwords = {unquote(urlsplit(url).password or "") for url in urls}
    raw = {urlsplit(url).password or "" for url in urls}
    token = settings.api_token.get_secret_value() if settings.api_token else ""
    return frozenset({*passwords, *raw, token} - {""})


def concerning(**fields: object) -> None:
    """Every further line of this task, and of those it starts, carries these fields."""
    structlog.contextvars.bind_contextvars(**fields)
