"""`conductor events -f`: each event as it is recorded, a line each.

Promises: one that a terminal cannot hold is cut, not wrapped; with `--json` a line is the whole event. A server that is
away is waited for, and nothing is missed or told twice.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypedDict

from conductor.cli.event_views import details_of
from conductor.cli.exits import AWAY_SECONDS
from conductor.cli.screen import Screen, fit
from conductor.client import Client, Event

Policy = Mapping[str, Any]


class Which(TypedDict):
    """As `Client.follow_events` takes them."""

    after: int | None
    stream: str | None
    event_type: str | None


def follow(
    client: Client,
    screen: Screen,
    policy_before: Callable[[Event], Policy],
    which: Which,
    *,
    wide: bool,
    as_json: bool,
) -> None:
    """Which of them, for ever; whoever reads it ends it. `policy_before`: that which a change of the policy changed."""
    events = client.follow_events(**which, patience_seconds=AWAY_SECONDS)
    with closing(events):
        for event in events:
            if as_json:
                screen.json_line(json.loads(json.dumps(asdict(event), default=datetime.isoformat)))
                continue
            line = _line(event, policy_before(event), named=wide or which["stream"] is None)
            screen.line_now(line if wide else fit(line, screen.width()))


def _line(event: Event, policy: Policy, *, named: bool) -> str:
    of_stream = f"{event.stream:<14}  " if named else ""
    by = event.metadata.get("actor") or ""
    begin = f"{event.position:>7}  {event.at.astimezone():%m-%d %H:%M:%S}  {of_stream}"
    return f"{begin}{event.type:<18}  {by:<10}  {details_of(event, policy)}".rstrip()
