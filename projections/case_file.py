"""A case file, read: some of a log's events as lines of JSON, to be looked at without the cluster they come from.

    {"format": "conductor-case", "version": 1, "cluster_id": ..., "selection": ..., "head": ..., ...}
    {"event": TEXT, "previous_hash": HEX, "hash": HEX}        one an event, in the order of positions
    {"script": {"sha256": HEX, "body": ...}}                  only when they were asked for
    {"environment": {"id": UUID, "values": {...}}}            the same
    {"end": {"lines": COUNT, "sha256": HEX}}                  over all bytes before this line

Promises: a file that was cut off, altered, or is of another kind is refused by a sentence that names the line where
that can be known; memory does not grow with the number of events. Everything about an event comes from `TEXT`, the
very bytes that its hash is made of.

Refuses to know: whether the events hold together (`case_proof`), and any database.
"""

import hashlib
import json
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from conductor.core.decider import State, fold
from conductor.core.events import RecordedEvent
from conductor.core.identifiers import StreamName
from conductor.evidence_texts import EvidenceError
from projections.log_stream import LogEvent

FORMAT = "conductor-case"
VERSION = 1
LONGEST_LINE = 64 * 1024 * 1024  # bytes; a script or an environment has a few MiB at most

_KINDS = (int, str, int, str, int, int, int, dict, dict)  # position to metadata
_DECODER = json.JSONDecoder()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCRIPT = b'{"script":'
_BODIES = (("script", "sha256", "body", str), ("environment", "id", "values", dict))
_BEGINNING = b'{"format": "conductor-case",'
_COMPRESSED = {
    b"\x1f\x8b": "gzip -d",
    b"\xfd7": "xz -d",
    b"(\xb5": "zstd -d",
    b"BZ": "bzip2 -d",
    b"PK": "unzip",
}


class CaseFileError(EvidenceError):
    """The file is no case file, or not as it was written; the message says which line where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseHeader:
    """What the file says of itself. `jobs` is empty when a range was exported; `head` is where the log ended then."""

    cluster_id: str
    exported_at: str
    release: str
    first: int
    last: int
    jobs: tuple[int, ...]
    head_position: int
    head_hash: bytes
    scripts: bool
    environments: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEvent:
    """An event and the hash of the one before it, which need not be in the file. `line` counts from 1."""

    line: int
    logged: LogEvent
    previous_hash: bytes

    @property
    def hash_holds(self) -> bool:
        return self.logged.hash_after(self.previous_hash) == self.logged.hash


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """A file that was read to its end once and is as it was written. Every call reads it again."""

    path: Path
    header: CaseHeader
    events: int
    first_position: int | None
    last_position: int | None
    scripts: Mapping[str, int]  # the line of each body, by its digest
    environments: Mapping[str, int]

    def case_events(self) -> Iterator[CaseEvent]:
        """Every event, by position."""
        for number, line in _lines(self.path):
            content = _json(line, number, self.path)
            if "event" in content:
                yield _event(content, number, self.path)
            elif "script" in content or "environment" in content:
                return  # bodies come after all events

    def log_events(self, until: int | None = None) -> Iterator[LogEvent]:
        """The same as the log itself gives them, up to and with a position."""
        for event in self.case_events():
            if until is not None and event.logged.position > until:
                return
            yield event.logged

    def states(self, until: int | None = None, *, only: str | None = None) -> dict[StreamName, State]:
        """What the streams (or only one) fold to that the file has from their beginning. Raises `ConductorError`."""
        states: dict[StreamName, State] = {}
        for logged in self.log_events(until):
            if only is None or logged.stream == only:
                fold_whole(states, logged)
        return states

    def position_at(self, moment: datetime) -> int:
        """The last event in the file that was recorded by then; 0 when there is none."""
        position = 0
        for logged in self.log_events():
            if logged.recorded_at > moment:
                break
            position = logged.position
        return position

    def recorded_at(self, position: int) -> datetime | None:
        """When the last event up to a position was recorded."""
        at = None
        for logged in self.log_events(position):
            at = logged.recorded_at
        return at

    def bodies(self) -> Iterator[tuple[str, str]]:
        """(digest, body) of every script in the file."""
        for number, line in _lines(self.path):
            content = _json(line, number, self.path) if line.startswith(_SCRIPT) else {}
            if "script" in content:
                yield content["script"]["sha256"], content["script"]["body"]

    def body(self, sha256: str) -> str | None:
        """A script, when it is in the file."""
        found = self._at(self.scripts.get(sha256))
        return str(found["script"]["body"]) if found else None

    def environment(self, environment_id: str) -> dict[str, str] | None:
        """An environment, when it is in the file."""
        found = self._at(self.environments.get(environment_id))
        return dict(found["environment"]["values"]) if found else None

    def _at(self, line: int | None) -> dict[str, Any] | None:
        return next((_json(text, n, self.path) for n, text in _lines(self.path) if n == line), None)


def fold_whole(states: dict[StreamName, State], logged: LogEvent) -> RecordedEvent | None:
    """Fold an event if all of its stream before it was folded; None when it was not. Raises `ConductorError`."""
    stream = StreamName(logged.stream)
    before = states.get(stream)
    if logged.version != (before.version if before else 0) + 1:
        states.pop(stream, None)
        return None
    recorded = logged.recorded()
    fold(states, recorded)
    return recorded


def read_case(path: Path) -> CaseFile:
    """Read all of a file. Raises `CaseFileError`."""
    reading = _Reading(path)
    for number, line in _lines(path):
        reading.take(number, line)
    return reading.finished()


class _Reading:
    """One pass over a file: what it holds, and whether it is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: CaseHeader | None = None
        self.digest = hashlib.sha256()
        self.events = 0
        self.first_position: int | None = None
        self.last_position: int | None = None
        self.bodies: dict[str, dict[str, int]] = {"script": {}, "environment": {}}
        self.lines = 0
        self.altered: int | None = None  # the first line that is not what it says it is
        self.ended = False

    def take(self, number: int, line: bytes) -> None:
        if self.ended:
            raise CaseFileError("case_goes_on", path=self.path, number=number)
        if self.header is None:
            self.header = _header(line, self.path)
        else:
            content = _json(line, number, self.path)
            if "end" in content:
                self._end(line)
                return
            self._content(content, number)
        self.digest.update(line)
        self.lines = number

    def _content(self, content: dict[str, Any], number: int) -> None:
        if "event" in content:
            if any(self.bodies.values()):
                raise CaseFileError("case_event_late", path=self.path, number=number)
            event = _event(content, number, self.path)
            position = event.logged.position
            if self.last_position is not None and position <= self.last_position:
                raise CaseFileError(
                    "case_order", path=self.path, number=number, position=position, last=self.last_position
                )
            self.first_position = self.first_position or position
            self.last_position = position
            self.events += 1
            if self.altered is None and not event.hash_holds:
                self.altered = number
            return
        for kind, key, value, shape in _BODIES:
            body = content.get(kind)
            if (
                isinstance(body, dict)
                and isinstance(body.get(key), str)
                and isinstance(body.get(value), shape)
            ):
                self.bodies[kind][body[key]] = number
                return
        raise CaseFileError("case_no_line", path=self.path, number=number)

    def _end(self, line: bytes) -> None:
        if line != end_line(self.lines, self.digest.hexdigest()):
            raise CaseFileError(
                "case_altered" if self.altered else "case_altered_somewhere",
                path=self.path,
                number=self.altered,
            )
        self.ended = True

    def finished(self) -> CaseFile:
        if self.header is None:
            raise CaseFileError("case_empty", path=self.path)
        if not self.ended:
            raise CaseFileError("case_cut_after", path=self.path, lines=self.lines)
        return CaseFile(
            path=self.path,
            header=self.header,
            events=self.events,
            first_position=self.first_position,
            last_position=self.last_position,
            scripts=self.bodies["script"],
            environments=self.bodies["environment"],
        )


def end_line(lines: int, sha256: str) -> bytes:
    """The last line, with its line end: how many stand before it, and the digest of all their bytes."""
    return json.dumps({"end": {"lines": lines, "sha256": sha256}}).encode() + b"\n"


def event_of_text(text: str, event_hash: bytes) -> LogEvent:
    """An event from the bytes its hash is made of. Raises `ValueError`."""
    text.encode()  # half a character is no text
    fields, texts = _fields(text)
    if "\\ud" in text.lower():
        json.dumps(fields, ensure_ascii=False).encode()  # nor when it is written as an escape
    position, stream, version, kind, schema_version, at, recorded_at, *_ = fields
    for value, kinds in zip(fields, _KINDS, strict=True):
        if type(value) is not kinds:
            raise ValueError("a field of the event is of another kind")
    if position < 1 or version < 1:
        raise ValueError("positions and versions count from 1")
    logged = LogEvent(
        position, stream, version, kind, schema_version, _instant(at), _instant(recorded_at), texts[7], texts[8],
        event_hash,
    )  # fmt: skip
    if logged.text != text:
        raise ValueError("the log writes this event with other bytes")
    return logged


def _fields(text: str) -> tuple[list[Any], list[str]]:
    """What stands between the brackets, read and as it is written."""
    fields: list[Any] = []
    texts: list[str] = []
    begin = 1
    for _ in _KINDS:
        value, end = _DECODER.raw_decode(text, begin)
        fields.append(value)
        texts.append(text[begin:end])
        begin = end + len(", ")
    return fields, texts


def _instant(microseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError as error:
        raise ValueError("a time is out of range") from error


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each whole line with its number; what comes after the last line end is a line cut off."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise CaseFileError("case_not_plain", path=path)
        with path.open("rb") as file:
            number = 0
            while line := _line(file, path, number + 1):
                number += 1
                yield number, line
    except OSError as error:
        raise CaseFileError("file_unreadable", path=path, why=error.strerror) from error


def _line(file: BinaryIO, path: Path, number: int) -> bytes:
    line = file.readline(LONGEST_LINE)
    if number == 1 and line:
        _check_beginning(line, path)
    if line and not line.endswith(b"\n"):
        if len(line) == LONGEST_LINE:
            raise CaseFileError("case_long_line", path=path, number=number, longest=LONGEST_LINE)
        raise CaseFileError("case_cut_in", path=path, number=number)
    return line


def _check_beginning(line: bytes, path: Path) -> None:
    program = _COMPRESSED.get(line[:2])
    if program is not None:
        raise CaseFileError("case_compressed", path=path, program=program)
    if not line.startswith(_BEGINNING[: len(line.rstrip(b"\n")) or 1]):
        raise CaseFileError("case_not_one", path=path)


def _json(line: bytes, number: int, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CaseFileError("case_not_json", path=path, number=number) from error
    if not isinstance(content, dict):
        raise CaseFileError("case_no_line", path=path, number=number)
    return content


def _header(line: bytes, path: Path) -> CaseHeader:
    content = _json(line, 1, path)
    if content.get("format") != FORMAT:
        raise CaseFileError("case_not_one", path=path)
    if content.get("version") != VERSION:
        raise CaseFileError(
            "case_of_another_version",
            path=path,
            found=content.get("version"),
            release=content.get("release"),
            known=VERSION,
        )
    try:
        selection, head = content["selection"], content["head"]
        return CaseHeader(
            cluster_id=str(content["cluster_id"]),
            exported_at=str(content["exported_at"]),
            release=str(content["release"]),
            first=int(selection.get("from", 0)),
            last=int(selection.get("to", 0)),
            jobs=tuple(int(job_id) for job_id in selection.get("jobs", ())),
            head_position=int(head["position"]),
            head_hash=bytes.fromhex(head["hash"]),
            scripts=bool(content["scripts"]),
            environments=bool(content["environments"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CaseFileError("case_head", path=path) from error


def _event(content: dict[str, Any], number: int, path: Path) -> CaseEvent:
    try:
        logged = event_of_text(content["event"], bytes.fromhex(content["hash"]))
        return CaseEvent(line=number, logged=logged, previous_hash=bytes.fromhex(content["previous_hash"]))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CaseFileError("case_no_event", path=path, number=number) from error
