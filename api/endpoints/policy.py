"""The policy: what it is, or was at any time, who made it so, and how accounts stand in their shares."""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.answers.problems import refused
from api.answers.reading import Row, answer, fetch_one
from api.endpoints.as_of import moment_of
from api.endpoints.jobs import MomentQuery
from api.engine import Engine, engine_of
from api.guard.security import caller_of
from api.requests.bodies import SMALL, json_body
from api.requests.policy_changes import PolicyChange
from api.requests.validation import refuse_query, validated, validated_query
from conductor.codec import decode
from conductor.core.errors import Rejection
from conductor.core.events import Policy, PolicyChanged
from conductor.core.fair_share import LEAST_CPU_SECONDS, counted_until
from conductor.log import reachable
from projections.fair_share import read_fair_share


async def get_policy(request: Request) -> Response:
    engine, until, moment = await _asked(request)
    return answer({**_document(await _last_change(engine, until)), **moment})


async def change(request: Request) -> Response:
    """The policy as it is from now on; `position` is that of its last change, this one or an earlier."""
    refuse_query(request)
    given = validated(PolicyChange, await json_body(request, SMALL))
    engine = engine_of(request)
    outcome = await engine.handler.handle(given.command(), caller_of(request).provenance())
    if isinstance(outcome, Rejection):
        raise refused(outcome, field=f"changes.{outcome.field}" if outcome.field else None)
    return answer(_document(await _last_change(engine, None)))


async def get_fair_share(request: Request) -> Response:
    """What each account has used, decayed, and its factor; computed from the log, for now or for any time before."""
    engine, until, moment = await _asked(request)
    policy = _policy_of(await _last_change(engine, until))
    at = await _clock(engine) if not moment else _time_of(moment)
    counted = counted_until(at)
    async with reachable(engine.pool) as connection:
        half_life = policy.half_life_hours * 3600.0
        share = await read_fair_share(connection, until=counted, half_life=half_life)
    uses = {account: use for account, use in share.uses.items() if use >= LEAST_CPU_SECONDS}
    total, found = sum(uses.values()), share.factors
    accounts = [
        {
            "account": account,
            "cpu_seconds": uses.get(account, 0.0),
            "part": uses.get(account, 0.0) / total if total else 0.0,
            "running_cpus": share.cpus.get(account, 0),
            "factor": found.get(account, 1.0),
        }
        for account in sorted(uses.keys() | share.cpus.keys())
    ]
    told = {
        "fair_share_weight": policy.fair_share_weight,
        "half_life_hours": policy.half_life_hours,
        "counted_until": counted,
    }
    return answer({"accounts": accounts, **told, **moment})


async def _asked(request: Request) -> tuple[Engine, int | None, dict[str, Any]]:
    """The engine, the position to look at (None: the end), and what the answer says of it."""
    query = validated_query(MomentQuery, request)
    if query.as_of is not None:
        engine, moment = await moment_of(request, query.as_of, at_least=query.at_least)
        return engine, moment.position, {"as_of": moment.told()}
    engine = engine_of(request)
    await engine.caught_up(query.at_least)
    return engine, None, {}


async def _clock(engine: Engine) -> datetime:
    row = await fetch_one(engine.pool, "clock")
    assert row is not None
    now: datetime = row["now"]
    return now


def _time_of(moment: dict[str, Any]) -> datetime:
    told = moment["as_of"]["time"]
    return datetime.fromisoformat(told) if told else datetime(1970, 1, 1, tzinfo=UTC)


async def _last_change(engine: Engine, until: int | None) -> Row | None:
    return await fetch_one(engine.pool, "last_policy_change", {"until": until})


def _policy_of(row: Row | None) -> Policy:
    return _event(row).policy if row is not None else Policy()


def _event(row: Row) -> PolicyChanged:
    event = decode(row["type"], row["schema_version"], row["data"])
    assert isinstance(event, PolicyChanged)
    return event


def _document(row: Row | None) -> dict[str, Any]:
    """`version` 0: nobody has changed it yet, and what is told are the defaults."""
    if row is None:
        nobody = dict.fromkeys(("since", "changed_by", "channel", "reason"))
        return {"policy": Policy(), "version": 0, "position": None, **nobody}
    return {
        "policy": _policy_of(row),
        "version": row["version"],
        "position": row["position"],
        "since": row["at"],
        "changed_by": row["metadata"].get("actor"),
        "channel": row["metadata"].get("channel"),
        "reason": _event(row).reason,
    }
