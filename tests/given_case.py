"""Case files for tests: made from a test's own log, and mended by a forger."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from projections.case_export import Exported, Selection, export_case
from projections.case_file import CaseFile, read_case
from projections.case_proof import CaseReport
from tests.fix_engine import Engine

NOW = datetime(2026, 11, 17, 14, 2, tzinfo=UTC)


def exported(engine: Engine, path: Path, **selection: Any) -> Exported:
    with path.open("wb") as file:
        return export_case(engine.url, Selection(**selection), write=file.write, release="1.2.3", now=NOW)


def a_case(engine: Engine, folder: Path, **selection: Any) -> CaseFile:
    path = folder / "case.jsonl"
    exported(engine, path, **selection)
    return read_case(path)


def ended_anew(lines: list[bytes]) -> bytes:
    """What a forger writes who knows that the last line has a digest."""
    body = b"".join(lines[:-1])
    digest = hashlib.sha256(body).hexdigest()
    return body + json.dumps({"end": {"lines": len(lines) - 1, "sha256": digest}}).encode() + b"\n"


def forged(path: Path, *events: tuple[str, int, str, dict[str, Any]], **head: Any) -> CaseFile:
    """A whole log made up from (stream, version, type, data), soundly chained. `head`: what the first line claims."""
    previous, lines = "", []
    for position, (stream, version, kind, data) in enumerate(events, start=1):
        text = json.dumps(
            [position, stream, version, kind, 1, position, position, data, {"actor": "a", "channel": "b"}]
        )
        own = hashlib.sha256(bytes.fromhex(previous) + text.encode()).hexdigest()
        lines.append({"event": text, "previous_hash": previous, "hash": own})
        previous = own
    header = {
        "format": "conductor-case", "version": 1, "cluster_id": "c", "selection": {"from": 1, "to": len(events)},
        "head": {"position": len(events), "hash": previous, **head}, "exported_at": NOW.isoformat(),
        "release": "1", "scripts": False, "environments": False,
    }  # fmt: skip
    path.write_bytes(ended_anew([*(json.dumps(line).encode() + b"\n" for line in (header, *lines)), b""]))
    return read_case(path)


def codes(report: CaseReport) -> list[str]:
    return [difference.code for difference in report.differences]
