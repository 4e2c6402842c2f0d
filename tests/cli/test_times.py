"""Times as people type them."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from conductor.cli.times import duration, local, parse_instant
from conductor.core.why_catalogue import sentence

NOW = datetime(2026, 3, 10, 14, 30, tzinfo=timezone(timedelta(hours=5, minutes=45)))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("now", "2026-03-10T14:30:00"),
        ("now+1hour", "2026-03-10T15:30:00"),
        ("now+30minutes", "2026-03-10T15:00:00"),
        ("now+90", "2026-03-10T14:31:30"),
        ("now+2d", "2026-03-12T14:30:00"),
        ("now - 1week", "2026-03-03T14:30:00"),
        ("16:00", "2026-03-10T16:00:00"),
        ("9:05", "2026-03-11T09:05:00"),
        ("14:30:01", "2026-03-10T14:30:01"),
        ("midnight", "2026-03-11T00:00:00"),
        ("noon", "2026-03-11T12:00:00"),
        ("tomorrow", "2026-03-11T00:00:00"),
        ("2026-04-01", "2026-04-01T00:00:00"),
        ("2026-04-01T08:00", "2026-04-01T08:00:00"),
    ],
)
def test_what_has_no_offset_is_the_callers_local_time(given: str, meant: str) -> None:
    found = parse_instant(given, NOW)
    assert found is not None
    assert found.isoformat() == f"{meant}+05:45"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("16:00", "2026-03-09T16:00:00"),
        ("9:05", "2026-03-10T09:05:00"),
        ("14:30", "2026-03-10T14:30:00"),
        ("noon", "2026-03-10T12:00:00"),
        ("2026-04-01T08:00", "2026-04-01T08:00:00"),
    ],
)
def test_a_time_of_day_in_the_past_is_the_last_one(given: str, meant: str) -> None:
    found = parse_instant(given, NOW, past=True)
    assert found is not None
    assert found.isoformat() == f"{meant}+05:45"


def test_an_offset_that_is_given_counts() -> None:
    assert parse_instant("2026-04-01T08:00Z", NOW) == datetime(2026, 4, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "given", ["", "soon", "now+", "now+1fortnight", "25:00", "2026-13-01", "now+999999999weeks"]
)
def test_what_is_no_time_is_refused(given: str) -> None:
    assert parse_instant(given, NOW) is None


def test_durations_read_as_slurm_writes_them() -> None:
    seconds = [0, 5.9, 754, 3723, 176523, -3]
    assert [duration(one) for one in seconds] == ["0:00", "0:05", "12:34", "1:02:03", "2-01:02:03", "0:00"]


def test_a_time_that_the_local_clock_cannot_show_is_shown_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    far = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        assert local(far) == "9999-12-31 23:59:59+00:00"
        told = sentence("BeginTime", {"begin_time": far.isoformat()}, "en", local=True)
        assert "9999-12-31 23:59:59+00:00" in told
    finally:
        monkeypatch.undo()
        time.tzset()
