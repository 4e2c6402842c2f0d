"""Times as people write and read them. Pure: `now` is an argument.

2026-01-31T18:00   18:00   today   tomorrow   noon   midnight   now+1hour   now-30minutes   now+90 (seconds)
"""

import re
from datetime import datetime, time, timedelta

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_SHORT = {
    "s": "second",
    "sec": "second",
    "m": "minute",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
}
_RELATIVE = re.compile(r"now\s*(?:(?P<sign>[+-])\s*(?P<count>\d{1,9})\s*(?P<unit>[a-z]*))?")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")
_NAMED = {"midnight": time(0, 0), "noon": time(12, 0)}


def parse_instant(given: str, now: datetime, *, past: bool = False) -> datetime | None:
    """The instant meant, with an offset, or None. What has no offset is local time (that of `now`).

    A time of day is the next one, or with `past` the last one.
    """
    word = given.strip().lower()
    if relative := _RELATIVE.fullmatch(word):
        return _relative(relative, now)
    if word in ("today", "tomorrow"):
        return now if word == "today" else _at(now + timedelta(days=1), time(0, 0))
    if word in _NAMED or _CLOCK.fullmatch(word):
        return _next(word, now - timedelta(days=1) if past else now)
    try:
        instant = datetime.fromisoformat(given.strip())
    except ValueError:
        return None
    return instant if instant.tzinfo else _local(instant, now)


def parse_past_instant(given: str, now: datetime) -> datetime | None:
    """The same, looking back: 18:00 is the last time that the clock showed it."""
    instant = parse_instant(given, now)
    word = given.strip().lower()
    if instant is not None and (word in _NAMED or _CLOCK.fullmatch(word)):
        return _local((instant - timedelta(days=1)).replace(tzinfo=None), now)
    return instant


def duration(seconds: float) -> str:
    """As Slurm writes it: 0:05, 12:34, 1:02:03, 2-01:02:03."""
    whole = max(0, int(seconds))
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}-{hour:02}:{minute:02}:{second:02}"
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"


def local(instant: datetime) -> str:
    """Local time with its offset; UTC where this machine's clock has no such time."""
    from conductor.core.sentences import here

    return here(instant).isoformat(sep=" ", timespec="seconds")


def clock(instant: datetime) -> str:
    """The time of day here."""
    return local(instant)[11:19]


def _relative(found: re.Match[str], now: datetime) -> datetime | None:
    if found["count"] is None:
        return now
    unit = found["unit"] or "second"
    unit = _SHORT.get(unit, unit.removesuffix("s"))
    if unit not in _UNITS:
        return None
    seconds = int(found["count"]) * _UNITS[unit] * (-1 if found["sign"] == "-" else 1)
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError:
        return None


def _next(word: str, now: datetime) -> datetime | None:
    """The next time the clock shows this."""
    try:
        clock = _NAMED.get(word) or time.fromisoformat(
            word.rjust(len("00:00") + 3 * (word.count(":") - 1), "0")
        )
    except ValueError:
        return None
    instant = _at(now, clock)
    return instant if instant > now else _at(now + timedelta(days=1), clock)


def _at(day: datetime, clock: time) -> datetime:
    return _local(datetime.combine(day.date(), clock), day)


def _local(naive: datetime, now: datetime) -> datetime:
    # Through the system's rules when `now` is this machine's local time: the offset may differ on that day.
    if now.tzinfo is None or now.utcoffset() == now.astimezone().utcoffset():
        return naive.astimezone()
    return naive.replace(tzinfo=now.tzinfo)
