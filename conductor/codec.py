"""Events to and from the bytes in the log: (type, schema version, JSON).

The registry is closed: a type or schema version that is not in it raises `UnknownEvent`. When a shape
changes, its schema version grows here and `_UPCASTERS` gains the step from the old shape to the new one; old
events are upcast when they are read and never rewritten.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, get_args

import msgspec
import orjson

from conductor.core.errors import UnknownEvent
from conductor.core.events import (
    AuditEvent,
    Event,
    JobEvent,
    LeadershipEvent,
    NodeEvent,
    PolicyEvent,
    ProjectionsEvent,
    Provenance,
)
from conductor.core.token_events import TokenEvent

EVENT_TYPES: Mapping[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        *get_args(JobEvent),
        *get_args(NodeEvent),
        LeadershipEvent,
        PolicyEvent,
        AuditEvent,
        ProjectionsEvent,
        *get_args(TokenEvent),
    )
}
MEMBERS: Mapping[str, tuple[str, ...]] = {
    name: tuple(field.name for field in fields(kind)) for name, kind in EVENT_TYPES.items()
}
SCHEMA_VERSIONS: Mapping[str, int] = dict.fromkeys(EVENT_TYPES, 1) | {
    "JobSubmitted": 2,
    "ResourcesReserved": 2,
    "JobCancelled": 2,
    "NodeRegistered": 2,
}

# (type, old schema version) -> the data one version newer
_UPCASTERS: Mapping[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {
    ("JobSubmitted", 1): lambda data: {
        **data,
        "array": None,
        "nodelist": [],
        "labels": {},
        "exclusive": False,
        "gres": {},
    },
    ("ResourcesReserved", 1): lambda data: {**data, "gres": {}},
    ("JobCancelled", 1): lambda data: {**data, "unmet": None},
    ("NodeRegistered", 1): lambda data: {**data, "gres": {}, "numa": []},
}

_READERS = {name: msgspec.json.Decoder(kind) for name, kind in EVENT_TYPES.items()}


def event_type(event: Event) -> str:
    return type(event).__name__


def encode(value: object) -> bytes:
    """JSON of anything made of dataclasses, mappings, datetimes and plain values."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z)


def parse(text: str | bytes) -> Any:
    """What a JSON text says. Raises `ValueError`."""
    return orjson.loads(text)


def decode(name: str, schema_version: int, data: Mapping[str, Any]) -> Event:
    """The event that the stored data tells of. Raises `UnknownEvent`, `ValueError`."""
    return msgspec.convert(_upcast(name, schema_version, data), EVENT_TYPES[name])


def decode_text(name: str, schema_version: int, text: bytes) -> Event:
    """The same from the JSON itself, several times faster. Raises `UnknownEvent`, `ValueError`."""
    if SCHEMA_VERSIONS.get(name) == schema_version:
        return _READERS[name].decode(text)
    return decode(name, schema_version, parse(text))


def _upcast(name: str, schema_version: int, data: Mapping[str, Any]) -> Mapping[str, Any]:
    newest = SCHEMA_VERSIONS.get(name)
    if newest is None or not 1 <= schema_version <= newest:
        raise UnknownEvent(
            f"{name} of schema version {schema_version} is newer than this release of Conductor. "
            "Upgrade it before reading this log."
        )
    shape = data
    for version in range(schema_version, newest):
        shape = _UPCASTERS[name, version](dict(shape))
    return shape


def decode_provenance(metadata: Mapping[str, Any]) -> Provenance:
    return Provenance(**metadata)


def encode_provenance(provenance: Provenance) -> dict[str, Any]:
    """Only what is known: absent keys cost no bytes and read back as None."""
    known: dict[str, Any] = {
        "actor": provenance.actor,
        "channel": provenance.channel,
        "correlation": provenance.correlation,
        "causation": provenance.causation,
    }
    if provenance.request_id is not None:
        known["request_id"] = provenance.request_id
    if provenance.command_id is not None:
        known["command_id"] = provenance.command_id
        known["command_index"] = provenance.command_index
        known["command_digest"] = provenance.command_digest
    if provenance.trace_id is not None:
        known["trace_id"] = provenance.trace_id
        known["span_id"] = provenance.span_id
    return {key: value for key, value in known.items() if value is not None}
