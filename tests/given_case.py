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


def codes(report: CaseReport) -> list[str]:
    return [difference.code for difference in report.differences]
