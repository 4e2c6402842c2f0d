"""What a request must look like before anything is done about it. Answers a typed message or a refusal."""

from __future__ import annotations

from typing import Any, cast

from conductor.supervisor import protocol

_NUMBER = (int, float)
_ALLOCATION: dict[str, tuple[type, ...]] = {"allocation_id": (int,)}
_SHAPES: dict[str, dict[str, tuple[type, ...]]] = {
    "hello": {"protocol": (int,), "incarnation": (int,)},
    "gate": {
        "allocation_id": (int,),
        "job_id": (int,),
        "attempt": (int,),
        "script": (str,),
        "work_dir": (str, type(None)),
        "cpu_ids": (list,),
        "set_affinity": (bool,),
        "environment": (dict,),
        "standard_environment": (dict,),
        "stdout_path": (str, type(None)),
        "stderr_path": (str, type(None)),
        "join_output": (bool,),
        "time_limit_seconds": (*_NUMBER, type(None)),
        "kill_grace_seconds": _NUMBER,
        "prologue": (str, type(None)),
    },
    "open": _ALLOCATION,
    "discard": _ALLOCATION,
    "stop": {"allocation_id": (int,), "cause": (str,)},
    "forget": _ALLOCATION,
}


class RequestRefused(Exception):
    """A message that is not of this protocol; the text says what is wrong with it."""


def checked(message: dict[str, Any]) -> protocol.Request:
    shape = _SHAPES.get(str(message.get("type")))
    if shape is None:
        raise RequestRefused(f"there is no request of type {message.get('type')!r}")
    for key, types in shape.items():
        if not isinstance(message.get(key, _SHAPES), types):
            names = " or ".join(kind.__name__ for kind in types)
            raise RequestRefused(f"a request of type {message['type']} needs {key} as {names}")
    return cast(protocol.Request, message)
