"""A job's life, step by step, in words: what happened, how long after the step before, who did it, and why.

Promises: no line wider than the screen; what does not fit goes on in a line of its own; long lives are shortened in
the middle, with the command that shows all.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from conductor.cli.numbers import number_ranges, signal_name
from conductor.cli.screen import Screen
from conductor.cli.tables import wrapped
from conductor.cli.texts import Language
from conductor.cli.timeline_texts import PARTS, STEPS
from conductor.cli.times import duration, local
from conductor.cli.visible import one_line
from conductor.core.timeline import Step, What

_TIMES = {"after": "after_seconds", "held_for": "expires_in_seconds", "ran": "ran_seconds"}
NO_NAMES: Mapping[str, str] = {}
FIRST, LAST = 12, 24  # of a life that is too long to be shown whole
_PLAIN = ("name", "pid", "priority", "incarnation", "outcome", "dependency", "unmet")
_DIM, _BOLD, _RED = "2", "1", "31"
_BAD: frozenset[What] = frozenset(
    {
        "cleanup_blocked",
        "never_starts",
        "out_of_memory",
        "launch_failed",
        "expired",
        "reservation_lost",
        "node_lost",
    }
)


def show_timeline(
    job_id: int, steps: Sequence[Step], screen: Screen, names: Mapping[str, str] = NO_NAMES
) -> None:
    """`names`: of streams that caused a step, where people call these otherwise (`6_50`)."""
    marks = [_mark(step, before, names) for before, step in zip([None, *steps], steps, strict=False)]
    screen.say("timeline_causes" if any(marks) else "timeline")
    left_out = range(FIRST, len(steps) - LAST) if len(steps) > FIRST + LAST + 1 else range(0)
    places = len(str(steps[-1].position)) if steps else 1
    before: Step | None = None
    for number, step in enumerate(steps):
        if number in left_out:
            if number == left_out.start:
                limit = max(20, len(steps))
                screen.line(
                    "  " + screen.text("steps_left_out", count=len(left_out), job_id=job_id, limit=limit)
                )
            continue
        _headings(step, before, screen)
        _show(step, marks[number], places, screen)
        before = step


def _headings(step: Step, before: Step | None, screen: Screen) -> None:
    if before is not None and step.attempt != before.attempt:
        _line(f"  {screen.text('attempt_line', number=step.attempt)}", _BOLD, screen)
    day = step.at.astimezone().date()
    if before is None or day != before.at.astimezone().date():
        _line(f"  {day}", _DIM, screen)


def _mark(step: Step, before: Step | None, names: Mapping[str, str]) -> str:
    """The cause, where the eye does not find it: the step before needs no mark."""
    if step.caused_by is None or (before is not None and step.caused_by_position == before.position):
        return ""
    called = names.get(step.caused_by.partition("@")[0])
    return f"  ← {step.caused_by_position or step.caused_by}" + (f" ({called})" if called else "")


def _show(step: Step, mark: str, places: int, screen: Screen) -> None:
    delay = "" if step.delay_seconds is None else _delay(step.delay_seconds)
    margin = f"  {step.position:>{places}}  {step.at.astimezone():%H:%M:%S}  {delay:>9}  "
    sentence = one_line(sentence_of(step, screen.language) + mark)
    first, *others = wrapped(sentence, max(20, screen.width() - len(margin)))
    colour = _RED if step.what in _BAD else None
    print(_coloured(margin, _DIM, screen) + _coloured(first, colour, screen))
    for other in others:
        _line(" " * len(margin) + other, colour, screen)


def _line(text: str, colour: str | None, screen: Screen) -> None:
    print(_coloured(text, colour, screen))


def _coloured(text: str, colour: str | None, screen: Screen) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if colour and screen.out_is_terminal else text


def _delay(seconds: float) -> str:
    """Clocks are read before commits, so a step may seem to come a little before its cause's."""
    if seconds < 0:
        return f"-{-seconds:.3f}s"
    return f"+{seconds:.3f}s" if seconds < 60 else f"+{duration(seconds)}"


def who(actor: str | None, channel: str, language: Language) -> str:
    """A person and through what; a service is known by its channel alone."""
    if actor is None:
        return _part("nobody", language)
    if channel in ("api", "cli"):
        return _part(f"through_{channel}", language, actor=actor)
    if not channel or channel.startswith(actor):
        return channel or actor
    return _part("through", language, actor=actor, channel=channel)


def sentence_of(step: Step, language: Language) -> str:
    """What happened and who did it."""
    details = step.details
    by = who(step.actor, step.channel or "", language)
    asker = who(details.get("by"), details.get("through") or "", language)
    times = {name: _spaced(_seconds(details.get(key), language), language) for name, key in _TIMES.items()}
    values = {
        **times,
        "by": _spaced(by, language),
        "asker": _spaced(asker, language),
        "owner": _owner(step, language),
        "reporter": _reporter(step, by, language),
        "held": _part("held", language) if details.get("held") else "",
        "task": "" if details.get("task") is None else _part("task", language, **_task(details)),
        "waits": _part("waits", language, on=details["dependency"]) if details.get("dependency") else "",
        "why": _part("why", language, reason=details["reason"]) if details.get("reason") else "",
        "cpus": _cpus(details, language),
        "numbers": number_ranges(details.get("cpu_ids") or ()),
        "node": details.get("node_name") or _part("unknown", language),
        "pids": ", ".join(map(str, details.get("pids") or ())),
        "seconds": _seconds(details.get("expires_in_seconds"), language),
        "limit": _seconds(details.get("time_limit_seconds"), language),
        "exit": _exit(step, language),
        "usage": _usage(details, language),
        "there": details.get("state") or _part("unknown", language),
        "where": _there(details, language),
        "leak": _part("leak", language) if details.get("never_given_back") else "",
        "allocation": details.get("allocation_id", "?"),
        "type": step.type,
        "values": " ".join(f"{name}={value}" for name, value in details.items() if value not in ("", [], {})),
    }
    plain = {name: details.get(name, "?") for name in _PLAIN}
    return _said(STEPS[step.what], language, {**plain, **values})


def _task(details: Mapping[str, Any]) -> Mapping[str, object]:
    return {"task_id": details["task"], "array": details.get("array")}


def _spaced(text: str, language: Language) -> str:
    """Chinese sets a blank after Latin letters and digits, and none after its own."""
    return f"{text} " if language == "zh" and text[-1:].isascii() else text


def _said(sentence: tuple[str, str], language: Language, values: Mapping[str, object]) -> str:
    return sentence[1 if language == "zh" else 0].format_map(values)


def _part(key: str, language: Language, **values: object) -> str:
    return _said(PARTS[key], language, values)


def _owner(step: Step, language: Language) -> str:
    user = step.details.get("user_name")
    return _part("owner", language, user=user) if user and user != step.actor else ""


def _reporter(step: Step, by: str, language: Language) -> str:
    """Worth a word only when it is not the node's own executor."""
    own = f"executor@{step.details.get('node_name')}"
    return "" if step.actor == own else _part("reporter", language, by=by)


def _cpus(details: Mapping[str, Any], language: Language) -> str:
    count = details.get("cpus") or len(details.get("cpu_ids") or ())
    return _part("one_cpu", language) if count == 1 else _part("cpus", language, count=count)


def _seconds(seconds: float | None, language: Language) -> str:
    if seconds is None:
        return _part("unknown", language)
    if seconds >= 3600:
        return duration(seconds)
    shown = f"{seconds:.2f}" if seconds < 0.1 else f"{seconds:.1f}".removesuffix(".0")
    return _part("seconds", language, seconds=shown)


def _exit(step: Step, language: Language) -> str:
    if step.what == "imported" and not {"exit_code", "exit_signal"} & step.details.keys():
        return ""
    code, number = step.details.get("exit_code"), step.details.get("exit_signal")
    if code is not None:
        return _part("exit_code", language, code=code)
    if number is not None:
        return _part("exit_signal", language, name=signal_name(number))
    return _part("exit_unknown", language)


def _there(details: Mapping[str, Any], language: Language) -> str:
    """Where and when, of a job that the original system had. Stored times are texts."""
    said = _part("there_on", language, node=details["node_name"]) if details.get("node_name") else ""
    said += _part("there_pid", language, pid=details["pid"]) if details.get("pid") else ""
    for name in ("submitted", "started", "ended"):
        at = details.get(f"{name}_at")
        said += _part(f"there_{name}", language, at=local(datetime.fromisoformat(str(at)))) if at else ""
    return said


def _usage(details: Mapping[str, Any], language: Language) -> str:
    cpu, memory = details.get("cpu_seconds"), details.get("memory_peak_mb")
    said = "" if cpu is None else _part("cpu_time", language, seconds=_seconds(cpu, language))
    return said + ("" if memory is None else _part("memory", language, memory=memory))
