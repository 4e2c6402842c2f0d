"""An event's data in a few words."""

from datetime import UTC, datetime
from typing import Any

import pytest

from conductor.cli.event_views import details_of
from conductor.client.models import Event


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("JobSubmitted", {"name": "a", "cpus_per_task": 2}, "a, 2 CPUs"),
        (
            "JobSubmitted",
            {"name": "a", "gres": {"gpu": 2}, "labels": {"zone": "a"}, "nodelist": ["n1", "n2"]},
            "a, 1 CPU, gpu:2, zone=a, n1,n2",
        ),
        (
            "ResourcesReserved",
            {"node_name": "n1", "cpu_ids": [0, 1], "gres": {"gpu": [0, 1, 3]}, "attempt": 1},
            "n1, 2 CPUs, gpu 0-1,3, attempt 1",
        ),
        (
            "NodeRegistered",
            {"total_cpus": 4, "gres": {"gpu": 4}, "labels": {"zone": "a"}, "incarnation": 2},
            "4 CPUs, gpu:4, zone=a, incarnation 2",
        ),
        ("NodeRegistered", {"total_cpus": 4, "incarnation": 1}, "4 CPUs, incarnation 1"),
    ],
)
def test_what_is_asked_for_promised_and_offered_is_told(kind: str, data: dict[str, Any], said: str) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    event = Event(position=1, stream="s", version=1, type=kind, at=at, data=data)
    assert details_of(event) == said
