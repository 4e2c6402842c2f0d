"""The log's hash and a checkpoint's signed bytes as `docs/log-hash.md` describes them, written from that page alone:
no code of Conductor's, no PostgreSQL.
"""

import hashlib
import json
from decimal import Decimal
from typing import Any

_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
SIGNED = ("format", "cluster_id", "position", "hash", "recorded_at", "signed_at", "public_key")


def parsed(text: str) -> Any:
    """JSON with its numbers as exact as they were written."""
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


def jsonb_text(value: Any) -> str:
    """What PostgreSQL writes for `value::jsonb::text`."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Decimal() | int():
            return _number(Decimal(value))
        case str():
            return '"' + "".join(_character(one) for one in value) + '"'
        case list():
            return "[" + ", ".join(jsonb_text(one) for one in value) + "]"
        case dict():
            keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
            return "{" + ", ".join(f"{jsonb_text(key)}: {jsonb_text(value[key])}" for key in keys) + "}"
        case _:
            raise TypeError(type(value))


def _character(one: str) -> str:
    return _SHORT.get(one) or (f"\\u{ord(one):04x}" if one < " " else one)


def _number(value: Decimal) -> str:
    plain = f"{value:f}"
    return plain.removeprefix("-") if value.is_zero() else plain


def chained(previous_hash: bytes, text: str) -> bytes:
    return hashlib.sha256(previous_hash + text.encode()).digest()


def signed_lines(note: dict[str, Any]) -> bytes:
    return "".join(f"{note[name]}\n" for name in SIGNED).encode("ascii")
