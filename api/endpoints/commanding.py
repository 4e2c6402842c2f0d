"""`POST /api/v1/commands`: any command, one or a list, answered with its events or its rejection."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import Response

from api.answers.problems import invalid, status_of
from api.answers.reading import answer
from api.engine import engine_of
from api.guard.security import Caller, caller_of
from api.requests.bodies import MANY_COMMANDS, json_body
from api.requests.directives import warnings_of
from api.requests.submission import STRICT
from api.requests.validation import refuse_query, too_many_fields, validated
from api.requests.wire import COMMANDS_AT_ONCE, Asked, Command, command_of, commands_of, core_command
from conductor.codec import event_type
from conductor.completing import Request as Wish
from conductor.core.errors import Rejection
from conductor.core.events import Event, NodeRegistered, RecordedEvent, ResourcesReserved
from conductor.core.said import in_language
from conductor.handler import Outcome
from conductor.settings import Settings

_Commands = Annotated[list[Command], Field(max_length=COMMANDS_AT_ONCE)]


class CommandList(BaseModel):
    """`atomic`: all or none."""

    model_config = STRICT

    # Each is checked by itself, so that the place of every wrong one can be named.
    commands: Annotated[list[Any], BeforeValidator(lambda given: given, json_schema_input_type=_Commands)]
    atomic: bool = False


async def command(request: Request) -> Response:
    """Alone: the answer with its own status. In a list: 200, one answer each, in order."""
    refuse_query(request)
    value = await json_body(request, MANY_COMMANDS)
    if isinstance(value, dict) and "commands" in value:
        given = validated(CommandList, value)
        _refuse_wide(given.commands)
        asked = commands_of(given.commands)
        outcomes = await _handled(request, asked, atomic=given.atomic)
        return answer({"answers": _answers(request, asked, outcomes)})
    _refuse_wide([value])
    asked = [command_of(value)]
    outcomes = await _handled(request, asked, atomic=False)
    status = status_of(outcomes[0]) if isinstance(outcomes[0], Rejection) else 200
    return answer(_answers(request, asked, outcomes)[0], status)


def _refuse_wide(values: Sequence[Any]) -> None:
    """Raises a problem for the first with more fields than any command has."""
    for index, value in enumerate(values[:COMMANDS_AT_ONCE]):
        wrong = too_many_fields(value, f"commands[{index}]")
        if wrong is not None:
            raise invalid(wrong)


async def _handled(request: Request, asked: Sequence[Asked], *, atomic: bool) -> list[Outcome]:
    engine, caller = engine_of(request), caller_of(request)
    wishes = [_wish(one.command, caller, engine.settings) for one in asked]
    await engine.queue_limit.admit(caller.identity, [wish.command for wish in wishes])
    return await engine.handler.handle_requests(wishes, atomic=atomic)


def _wish(command: Command, caller: Caller, settings: Settings) -> Wish:
    seconds = settings.reservation_seconds
    return Wish(
        command=core_command(command, caller.identity, reservation_seconds=seconds),
        provenance=caller.provenance(command.command_id),
        expected_version=command.expected_version,
        rights=caller.identity.rights,
    )


def _answers(request: Request, asked: Sequence[Asked], outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    settings, language = engine_of(request).settings, caller_of(request).language
    answers = [_answer(outcome, settings, language) for outcome in outcomes]
    for one, said in zip(asked, answers, strict=True):
        if one.remarks and said["ok"]:
            said["warnings"] = warnings_of(one.remarks, language)
    return answers


def _answer(outcome: Outcome, settings: Settings, language: str) -> dict[str, Any]:
    if isinstance(outcome, Rejection):
        rejection = {
            "code": outcome.code,
            "message": in_language(outcome.message, language),
            "state": outcome.state,
            "version": outcome.version,
        }
        return {"ok": False, "rejection": rejection | ({"field": outcome.field} if outcome.field else {})}
    events = [_event(recorded) for recorded in outcome.events]
    told = _told_besides(outcome.events[0].event, settings) if outcome.events else {}
    return {"ok": True, "events": events, "position": outcome.position, **told}


def _event(recorded: RecordedEvent) -> dict[str, Any]:
    return {
        "position": recorded.position,
        "stream": recorded.stream,
        "version": recorded.version,
        "type": event_type(recorded.event),
        "data": recorded.event,
        "at": recorded.at,
    }


def _told_besides(event: Event, settings: Settings) -> dict[str, Any]:
    """What an executor needs next, without looking for it in the events."""
    match event:
        case NodeRegistered():
            return {"incarnation": event.incarnation, "lease_seconds": settings.lease_seconds}
        case ResourcesReserved():
            return {
                "allocation_id": event.allocation_id,
                "attempt": event.attempt,
                "cpu_ids": event.cpu_ids,
                "gres": event.gres,
                "expires_at": event.expires_at,
            }
        case _:
            return {}
