"""What a request must look like before anything is done about it. Answers a typed message or a refusal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from conductor.supervisor import protocol

_NUMBER = (int, float)
_RUN_AS: dict[str, tuple[type, ...]] = {
    "user_name": (str,),
    "uid": (int,),
    "gid": (int,),
    "groups": (list,),
    "home": (str,),
}
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
        "stop_when_untrusted": (bool,),
        "warn_signal": (int, type(None)),
        "warn_seconds": _NUMBER,
        "warn_batch_only": (bool,),
        "output_limit_bytes": (int, type(None)),
        "memory_mb": (int, type(None)),
        "run_as": (dict, type(None)),
        "limits": (dict,),
    },
    "open": _ALLOCATION,
    "discard": _ALLOCATION,
    "stop": {"allocation_id": (int,), "cause": (str,)},
    "forget": _ALLOCATION,
    "trust": {"seconds": _NUMBER, "margin_seconds": _NUMBER, "sent_at": _NUMBER},
    "upgrade": {},
}


class RequestRefused(Exception):
    """A message that is not of this protocol; the text says what is wrong with it."""


def checked(message: dict[str, Any]) -> protocol.Request:
    shape = _SHAPES.get(str(message.get("type")))
    if shape is None:
        raise RequestRefused(f"there is no request of type {message.get('type')!r}")
    _check(message, shape, f"a request of type {message['type']}")
    if message["type"] == "gate":
        _check_gate(message)
    return cast(protocol.Request, message)


def _check_gate(message: dict[str, Any]) -> None:
    if message["run_as"] is not None:
        _check(message["run_as"], _RUN_AS, "run_as of a gate")
        if not _all_numbers(message["run_as"]["groups"]):
            raise RequestRefused("run_as of a gate needs groups as numbers")
    if not _all_numbers(message["limits"].values()):
        raise RequestRefused("a request of type gate needs limits as numbers")


def _check(message: dict[str, Any], shape: dict[str, tuple[type, ...]], what: str) -> None:
    for key, types in shape.items():
        if not isinstance(message.get(key, _SHAPES), types):
            names = " or ".join(kind.__name__ for kind in types)
            raise RequestRefused(f"{what} needs {key} as {names}")


def _all_numbers(values: Iterable[object]) -> bool:
    return all(isinstance(value, int) for value in values)
