"""The audit's judgement of what replay found: each fault named once, by its cause.

Pure. One event deleted by hand makes the next hash wrong, the rest of its stream illegal, and rows differ from what
is left of it; all of that is one finding, `position_missing`. So damage to the log is looked at first, and whatever
lies in the streams and on the nodes that it touches follows from it.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from projections.audit import Finding
from projections.ledger import CODES as LEDGER_CODES
from projections.replay import Difference

_PLACE = re.compile(r"position (\d+)(?: in (.+))?")
_VALUES = re.compile(r"the log says (.*), the table (.*)", re.DOTALL)
_VALUE_LENGTH = 120  # a cell is shown no longer than this


class ClockStep(NamedTuple):
    """The event at `position` was recorded so many seconds before the one in front of it."""

    position: int
    seconds: float


class StoredRow(NamedTuple):
    """The stream that explains a row, and the version of it that the row was written for (None: no row)."""

    stream: str
    version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What must be looked up to tell causes from what follows. Streams by name, rows as `TABLE KEY`."""

    next_positions: Mapping[int, int] = field(default_factory=dict)  # first one missing -> next one there
    streams_with_gaps: frozenset[str] = frozenset()
    events_at: Mapping[int, tuple[str, str | None]] = field(default_factory=dict)  # -> (stream, node)
    rows: Mapping[str, StoredRow] = field(default_factory=dict)
    log_versions: Mapping[str, int] = field(default_factory=dict)
    nodes_of_streams: Mapping[str, frozenset[str]] = field(default_factory=dict)
    jobs_with_script: Mapping[str, Sequence[int]] = field(default_factory=dict)
    acknowledged: Collection[
        tuple[str, str]
    ] = ()  # (code, subject); what followed from them stands for itself


def place_of(subject: str) -> tuple[int, str | None]:
    """`position 17 in job-4` -> (17, "job-4")."""
    found = _PLACE.fullmatch(subject)
    assert found is not None, subject
    return int(found[1]), found[2]


def row_of(difference: Difference) -> str:
    """The row of a difference: `jobs 42.priority` -> `jobs 42`."""
    differs = difference.code == "row_differs"
    return difference.subject.rpartition(".")[0] if differs else difference.subject


def digests_of(difference: Difference) -> tuple[str, str]:
    """`scripts A now B` -> (A, B): the digest that a script was submitted with, and that of its body now."""
    _, submitted, _, found = difference.subject.split()
    return submitted, found


def faults(differences: Iterable[Difference], steps: Iterable[ClockStep], context: Context) -> list[Finding]:
    """Findings of a replay, causes only."""
    by_code: dict[str, list[Difference]] = defaultdict(list)
    for difference in differences:
        by_code[difference.code].append(difference)
    rows = _rows([d for code, found in by_code.items() if code.startswith("row_") for d in found], context)
    missing = _missing(by_code["position_missing"], context)
    altered = _altered(by_code["hash_broken"], missing)
    damaged = _damaged_streams(_open(missing, context), _open(altered, context), rows, context)
    illegal = _illegal(by_code["event_illegal"], damaged)
    damaged |= {str(f.parameters["stream"]) for f in illegal}
    unbalanced = [
        finding for code in LEDGER_CODES for finding in _unbalanced(code, by_code[code], damaged, context)
    ]
    unwritten = {
        context.events_at[f.parameters["position"]][0]
        for f in _open(unbalanced, context)
        if f.parameters["position"] in context.events_at
    }
    told = [f for f in rows if f.parameters["stream"] not in damaged | unwritten]
    scripts = [_script(d, context) for d in by_code["script_altered"]]
    touched = {p for f in (*missing, *altered) for p in (f.parameters["position"], f.parameters["last"] + 1)}
    counts = [_count(d) for d in by_code["count_differs"]]
    clock = [_clock(step) for step in steps if step.position not in touched]
    return [*missing, *altered, *illegal, *unbalanced, *told, *counts, *scripts, *clock]


def _open(found: Sequence[Finding], context: Context) -> list[Finding]:
    return [f for f in found if (f.code, f.subject) not in context.acknowledged]


def _missing(found: Sequence[Difference], context: Context) -> list[Finding]:
    findings = []
    for difference in found:
        position, _ = place_of(difference.subject)
        there = context.next_positions.get(position, position + 1)
        findings.append(_at("position_missing", position, last=there - 1))
    return findings


def _altered(found: Sequence[Difference], missing: Sequence[Finding]) -> list[Finding]:
    """Neighbours are one finding: a hash that was changed breaks its own place and the next."""
    after_gap = {f.parameters["last"] + 1 for f in missing}
    positions = sorted(place_of(d.subject)[0] for d in found)
    runs: list[list[int]] = []
    for position in positions:
        if position in after_gap:
            continue
        if runs and runs[-1][-1] == position - 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    return [_at("hash_broken", run[0], last=run[-1]) for run in runs]


def _at(code: str, position: int, *, last: int | None = None, **more: Any) -> Finding:
    span = {} if last is None else {"last": last}
    return Finding(
        code=code,
        subject=f"position {position}" if last in (None, position) else f"position {position} to {last}",
        parameters={"position": position, **span, **more},
        positions=(position - 1, position, (last or position) + 1),
    )


def _damaged_streams(
    missing: Sequence[Finding], altered: Sequence[Finding], rows: Sequence[Finding], context: Context
) -> set[str]:
    """Of the altered event (it may be the one before the place that shows it), and those that lack an event: in
    between, or, where rows know more than the log does, at their end.
    """
    if not missing and not altered:
        return set(context.streams_with_gaps)
    places = {p for f in altered for p in range(f.parameters["position"] - 1, f.parameters["last"] + 1)}
    ends = {f.parameters["stream"] for f in rows if missing and f.parameters["ahead"]}
    altered_streams = {context.events_at[p][0] for p in places if p in context.events_at}
    return set(context.streams_with_gaps) | altered_streams | ends


def _illegal(found: Sequence[Difference], damaged: set[str]) -> list[Finding]:
    """The first of each stream: those after it cannot continue what it broke off."""
    findings: dict[str, Finding] = {}
    for difference in found:
        position, stream = place_of(difference.subject)
        name = stream or ""
        if name not in damaged and name not in findings:
            findings[name] = _at("event_illegal", position, stream=name, why=difference.text)
    return list(findings.values())


def _unbalanced(code: str, found: Sequence[Difference], damaged: set[str], context: Context) -> list[Finding]:
    """The first of each node: from there on its sum cannot hold."""
    touched = frozenset().union(*(context.nodes_of_streams.get(s, frozenset()) for s in damaged))
    findings: dict[str | None, Finding] = {}
    for difference in found:
        position, _ = place_of(difference.subject)
        _, node = context.events_at.get(position, ("", None))
        if node in touched or node in findings:
            continue
        findings[node] = _at(code, position, node_name=node, why=difference.text)
    return list(findings.values())


def _rows(found: Sequence[Difference], context: Context) -> list[Finding]:
    """One a row; and one a stream, where rows were written for another version than the log has."""
    by_row: dict[str, list[Difference]] = defaultdict(list)
    for difference in found:
        by_row[row_of(difference)].append(difference)
    findings = [_row(subject, ones, context) for subject, ones in by_row.items()]
    together: dict[str, Finding] = {}
    for finding in findings:
        stream = finding.parameters["stream"]
        if finding.parameters["behind"] or finding.parameters["ahead"]:
            together.setdefault(stream, finding)
    return _named_ahead([f for f in findings if together.get(f.parameters["stream"], f) is f])


def _named_ahead(findings: Sequence[Finding]) -> list[Finding]:
    """Rows that know more than the log does: its end is gone. One that was inserted by hand knows of no other stream,
    and of one whose version alone was changed nothing else differs.
    """
    ahead = [f for f in findings if f.parameters["ahead"] and f.parameters["columns"] != ["version"]]
    known = [f for f in ahead if f.parameters["log_version"] or len(ahead) > 1]
    return [replace(f, code="row_ahead") if f in known else f for f in findings]


def _row(subject: str, found: Sequence[Difference], context: Context) -> Finding:
    table, _, key = subject.partition(" ")
    stored = context.rows.get(subject, StoredRow("", None))
    in_log = context.log_versions.get(stored.stream, 0)
    cells = [_cell(d) for d in found if d.code == "row_differs"]
    version_differs = any(cell["column"] == "version" for cell in cells) or found[0].code != "row_differs"
    return Finding(
        code=found[0].code,
        subject=subject,
        parameters={
            "table": table,
            "key": key,
            "columns": [cell["column"] for cell in cells],
            "cells": cells,
            "stream": stored.stream,
            "row_version": stored.version,
            "log_version": in_log,
            "behind": version_differs and stored.version is not None and stored.version < in_log,
            "ahead": version_differs and stored.version is not None and stored.version > in_log,
        },
        streams=(stored.stream,) if stored.stream else (),
    )


def _cell(difference: Difference) -> dict[str, str]:
    values = _VALUES.fullmatch(difference.text)
    logged, stored = (values[1], values[2]) if values else (difference.text, "")
    return {
        "column": difference.subject.rpartition(".")[2],
        "log": logged[:_VALUE_LENGTH],
        "table": stored[:_VALUE_LENGTH],
    }


def _script(difference: Difference, context: Context) -> Finding:
    sha256, found = digests_of(difference)
    jobs = list(context.jobs_with_script.get(sha256, ()))
    return Finding(
        code="script_altered",
        subject=difference.subject,  # with what it is now: another alteration is another finding
        parameters={"sha256": sha256, "found_sha256": found, "job_ids": jobs[:20]},
        streams=tuple(f"job-{job_id}" for job_id in jobs[:3]),
    )


def _count(difference: Difference) -> Finding:
    values = _VALUES.fullmatch(difference.text)
    assert values is not None, difference.text
    state = difference.subject.removeprefix("ended_jobs ")
    parameters = {"state": state, "said": values[1], "stored": values[2]}
    return Finding(code="count_differs", subject=difference.subject, parameters=parameters)


def _clock(step: ClockStep) -> Finding:
    return _at("clock_backwards", step.position, seconds=round(step.seconds, 3))
