"""`GET /api/v1/audit`: what is wrong, what led there, and what mends it.

The checks of this moment are a few quick queries. What only the whole log can tell comes from `replaying`, unless
`replay=false`. What somebody has acknowledged stays in the list as information, with who did.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.answers.reading import Row, answer
from api.answers.texts import Language
from api.endpoints.jobs import QUERY
from api.engine import Engine, engine_of
from api.guard.security import caller_of
from api.requests.fields import Count, Flag
from api.requests.validation import validated_query
from conductor.settings import Settings
from projections.audit import Finding, Margins, Seen, judge, together
from projections.audit_catalogue import CATALOGUE, Severity, repair_of, sentence
from projections.audit_reading import events_that_led, look
from projections.audit_replay import Replayed

_ORDER = list(Severity)


class AuditQuery(BaseModel):
    model_config = QUERY

    replay: Flag = True
    at_least: Count | None = None


async def audit(request: Request) -> Response:
    query = validated_query(AuditQuery, request)
    engine, began = engine_of(request), time.monotonic()
    await engine.caught_up(query.at_least)
    replayed = await engine.replays.replay() if query.replay else None
    seen = await look(engine.pool)
    acknowledged = {(row["code"], row["subject"]) for row in seen.acknowledgements}
    live = judge(seen, margins_of(engine.settings))
    found = together(live, replayed.findings if replayed else [], acknowledged)
    told = await _told(engine, found, seen, caller_of(request).language)
    document = {
        "findings": told,
        "position": seen.position,
        "checked": _checked(seen, replayed),
        "seconds": round(time.monotonic() - began, 3),
    }
    return answer(document)


def margins_of(settings: Settings) -> Margins:
    return Margins(lease_seconds=settings.lease_seconds, kill_grace_seconds=settings.kill_grace_seconds)


def _checked(seen: Seen, replayed: Replayed | None) -> dict[str, Any]:
    """How much was looked at. `differences` counts all; the first hundred are judged."""
    now = {
        "live_allocations": len(seen.allocations),
        "nodes": len(seen.nodes),
        "replay": replayed is not None,
    }
    if replayed is None:
        return now
    return {**now, "events": replayed.events, "rows": replayed.rows, "differences": replayed.differences}


async def _told(
    engine: Engine, found: Sequence[Finding], seen: Seen, language: Language
) -> list[dict[str, Any]]:
    """Worst first."""
    acknowledged = {(row["code"], row["subject"]): row for row in seen.acknowledgements}
    events = await events_that_led(engine.pool, found)
    told = [
        _finding(finding, led, acknowledged.get((finding.code, finding.subject)), language)
        for finding, led in zip(found, events, strict=True)
    ]
    return sorted(told, key=lambda one: (_ORDER.index(one["severity"]), one["code"]))


def _finding(
    finding: Finding, events: Sequence[Row], acknowledged: Mapping[str, Any] | None, language: Language
) -> dict[str, Any]:
    noted = acknowledged and {name: acknowledged[name] for name in ("position", "at", "actor", "reason")}
    return {
        "code": finding.code,
        "severity": Severity.INFO if noted else CATALOGUE[finding.code].severity,
        "subject": finding.subject,
        "sentence": sentence(finding.code, finding.parameters, language),
        "parameters": finding.parameters,
        "events": events,
        "repair": None if noted else repair_of(finding.code, finding.subject),
        "commands": [] if noted else finding.commands,
        "acknowledged": noted,
    }
