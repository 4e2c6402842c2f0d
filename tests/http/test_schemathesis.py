"""Requests made from the API's own document, sound ones and broken ones, against a running server: no failure of the
server, no answer that the document does not name, no broken request taken for a sound one.

Bounded and the same each time; `-m long` sends some thousands more.
"""

import gc
import json
from collections import Counter
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from api.app import _written
from tests.fix_api import TOKEN, Api

WAIT_SECONDS = 0.02
# Their bodies have so many fields that each field's limits alone are some thousands of requests.
WIDE = (
    "/api/v1/commands",
    "/api/v1/jobs/submit",
    "/jobs/submit",
    "/api/v1/jobs/submit/batch",
    "/api/v1/policy",
)
# Its answer has no end; tests/http/test_event_stream.py is about it.
ENDLESS = ("/api/v1/events/stream",)


@schemathesis.serializer("application/x-ndjson")
def lines(_context: Any, value: Any) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.hook("before_call")
def without_waiting(_context: Any, case: Any, _kwargs: Any) -> None:
    """What is sound and would take long is asked for briefly: waits, followers, positions still to come, replays."""
    query = case.query or {}
    for name in ("wait", "timeout"):
        if is_number(query.get(name), WAIT_SECONDS, 300):
            query[name] = WAIT_SECONDS
    if "wait" in query and case.operation.path == "/api/v1/jobs/{job_id}":
        query.setdefault("timeout", WAIT_SECONDS)
    if is_number(query.get("at_least"), 1, 2**53 - 1):
        query["at_least"] = 1
    if query.get("follow") in ("true", "1"):
        query["follow"] = "false"
    if case.operation.path == "/api/v1/audit" and query.get("replay", "true") in ("true", "1"):
        case.query = {**query, "replay": "false"}


def is_number(given: Any, least: float, most: float) -> bool:
    try:
        return least < float(given) <= most
    except (TypeError, ValueError):
        return False


def story(api: Api) -> None:
    """A node; a job that waits, one that has ended, one that runs."""
    api.register()
    api.submit("echo waits\n")
    api.end(api.start(api.submit("echo ran\n")))
    api.start(api.submit("echo runs\n"), pid=4712)


def asked(api: Api, phases: set[str], examples: int, paths: dict[str, Any]) -> Counter[int]:
    """Send what schemathesis thinks of; how many answers of each status came. Fails with every failure's first."""
    settings = {
        "base-url": api.url,
        "headers": {"Authorization": f"Bearer {TOKEN}"},
        "seed": 1,
        "workers": 1,
        "request-timeout": 20,
        "continue-on-failure": True,
        "cache": {"enabled": False},
        "phases": {
            name: {"enabled": name in phases} for name in ("examples", "coverage", "fuzzing", "stateful")
        },
        "generation": {"max-examples": examples, "deterministic": True, "database": "none"},
        # A script with a carriage return is sound to a schema; what a field means is told in its sentence.
        "checks": {"positive_data_acceptance": {"enabled": False}},
    }
    config = SchemathesisConfig.from_dict(settings)
    schema = schemathesis.openapi.from_dict(json.loads(_written("en")), config=config)
    statuses: Counter[int] = Counter()
    faults: dict[tuple[str, str], str] = {}
    for event in from_schema(
        schema.include(**paths) if "path" in paths else schema.exclude(**paths["not"])
    ).execute():
        if isinstance(event, events.ScenarioFinished):
            answers = [one.response for one in event.recorder.interactions.values()]
            statuses.update(one.status_code for one in answers if one is not None)
            for check in (one for several in event.recorder.checks.values() for one in several):
                if check.failure_info is not None:
                    found = f"{check.failure_info.failure.message}\n{check.failure_info.code_sample}"
                    faults.setdefault((event.recorder.label or "", check.name), found)
        elif isinstance(event, events.NonFatalError):
            faults[event.label, "error"] = str(event.info)
        elif isinstance(event, events.FatalError):
            raise event.exception
    gc.collect()  # connections that it leaves open are found here, not in a test for which a warning is an error
    assert faults == {}
    return statuses


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_limits_of_every_parameter_and_methods_that_a_path_does_not_take(api: Api) -> None:
    story(api)
    statuses = asked(api, {"examples", "coverage"}, 1, {"not": {"path": [*WIDE, *ENDLESS]}})
    assert statuses[200] > 300
    assert statuses[422] > 500
    assert statuses[405] > 100


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_bodies_with_many_fields(api: Api) -> None:
    story(api)
    statuses = asked(api, {"examples", "fuzzing"}, 6, {"path": list(WIDE)})
    assert statuses[201] > 3
    assert statuses[422] > 10


@pytest.mark.long
@pytest.mark.filterwarnings("default")
def test_thousands_of_requests(api: Api) -> None:
    story(api)
    statuses = asked(api, {"examples", "coverage", "fuzzing"}, 40, {"not": {"path": list(ENDLESS)}})
    assert statuses.total() > 7000
