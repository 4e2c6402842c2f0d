"""What a site says jobs may do, as it is written in the settings: whose account they run as, within which limits."""

import re
from collections.abc import Mapping

ANYBODY = "*"

# What `ulimit` limits, by the names that Linux gives in RLIMIT_NAME.
LIMITS = frozenset(
    {
        "as",
        "core",
        "cpu",
        "data",
        "fsize",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    }
)


def parse_run_as(text: str) -> Mapping[str, frozenset[str]]:
    """`admin:*;ops:alice,bob`: identity -> accounts it may use. Raises `ValueError`."""
    allowed: dict[str, frozenset[str]] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        identity, colon, names = part.partition(":")
        accounts = frozenset(name.strip() for name in names.split(",") if name.strip())
        if not colon or not identity.strip() or not accounts:
            raise ValueError(f"{part!r} must look like IDENTITY:ACCOUNT,ACCOUNT or IDENTITY:*")
        allowed[identity.strip()] = accounts
    return allowed


def parse_limits(text: str) -> Mapping[str, int]:
    """`nofile=65536,core=0`: what `ulimit` limits, by its name; -1 is unlimited. Raises `ValueError`."""
    limits = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, number = part.partition("=")
        if not equals or name not in LIMITS or not re.fullmatch(r"-1|\d+", number):
            raise ValueError(f"{part!r} must look like nofile=65536")
        limits[name] = int(number)
    return limits
