"""A job of the original system as the command that takes it in. Pure.

Promises: its words and numbers are kept; what it did not know stays unknown; a row that cannot be a job of ours is
refused by name, never bent: also history, for it may be requeued, and its names go into addresses and on terminals.
Its naive times are in the zone that it wrote (UTC, as it did, unless said otherwise).
"""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from conductor.core.commands import ImportJob, Submit
from conductor.core.events import ImportedAllocation, ImportOutcome, JobImported
from conductor.core.identifiers import AllocationId, JobId, NodeName

Row = Mapping[str, Any]

OUTCOMES: Mapping[str, ImportOutcome] = {
    "PENDING": ImportOutcome.WAITING,
    "RUNNING": ImportOutcome.FAILED,
    "COMPLETED": ImportOutcome.COMPLETED,
    "FAILED": ImportOutcome.FAILED,
    "CANCELLED": ImportOutcome.CANCELLED,
}
_STATUSES = ("reserved", "allocated", "released")
_COMMANDS = uuid.UUID("6f1b1c0e-5f0e-5d0a-9b8a-1d9f2c3e4a57")  # the name space of what is imported
_MOST_ID = 2**52  # as many numbers are left behind it
_MOST_INTEGER, _MOST_NAME = 2**31 - 1, 255
_YEARS = range(1970, 3000)  # a time can be shown in any zone, and a time limit added to it
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# As `conductor submit` takes them.
_USER = re.compile(r"\w[\w.@+-]{0,63}\$?")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The original wrote -1, -2 and -3 itself, for a time limit and for what its clean-ups found; Python's -1 to -3 for
# signals cannot be told from them.
_OWN_CODES = (-1, -2, -3)
_SIGNALS = range(1, 65)
UNKNOWN_NODE = NodeName("unknown")


class Untranslatable(ValueError):
    """The row cannot be a job of ours; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How rows are to be understood: the database's name, the zone of its times, whose jobs they are."""

    source: str
    zone: tzinfo = UTC
    user_name: str | None = None  # None: the account, as it had no users


def command_id_of(job_id: int) -> str:
    """The same for the same job, so that a second import of it is recognised."""
    return str(uuid.uuid5(_COMMANDS, f"job {job_id}"))


def translate(job: Row, allocations: Sequence[Row], terms: Terms) -> ImportJob:
    """Raises `Untranslatable`."""
    job_id = JobId(_identity(job, "id"))
    state = _word(job.get("state")).upper()
    if state not in OUTCOMES:
        raise Untranslatable(f"its state {job.get('state')!r} is none of {', '.join(OUTCOMES)}")
    if len(allocations) > 1:
        numbers = ", ".join(str(one.get("id")) for one in allocations)
        raise Untranslatable(f"it has {len(allocations)} allocations ({numbers}), not one at most")
    submission = _submission(job_id, job, terms)
    code, signal = _exit(job.get("exit_code"))
    started_at, ended_at = _instant(job, "start_time", terms.zone), _instant(job, "end_time", terms.zone)
    _check_order(started_at, ended_at, "its end_time", "its start_time")
    outcome = OUTCOMES[state]
    if state == "RUNNING" and ended_at is not None and code == 0:
        outcome = ImportOutcome.COMPLETED
    imported = JobImported(
        source=terms.source,
        state=state,
        outcome=outcome,
        submitted_at=_instant(job, "submit_time", terms.zone) or _instant(job, "created_at", terms.zone),
        started_at=started_at,
        ended_at=ended_at,
        exit=_line(job, "exit_code"),
        exit_code=code,
        exit_signal=signal,
        error=_text(job, "error_msg"),
        allocation=_allocation(allocations[0], job, submission, terms) if allocations else None,
    )
    return ImportJob(submission=submission, imported=imported)


def _submission(job_id: JobId, job: Row, terms: Terms) -> Submit:
    account, name = _line(job, "account"), _line(job, "name")
    tasks, cpus = _count(job, "ntasks_per_node") or 1, _count(job, "cpus_per_task") or 1
    if tasks * cpus > _MOST_INTEGER:
        raise Untranslatable(f"it asks for {tasks} times {cpus} CPUs")
    minutes = _count(job, "time_limit")
    return Submit(
        job_id=job_id,
        script=_text(job, "script") or "",
        name=name,
        user_name=_user(account, terms),
        account=account,
        submitted_by=" ".join(filter(None, ("SCNS-Conductor", _word(_line(job, "data_source"))))),
        environment=_environment(job.get("environment")),
        work_dir=_work_dir(job),
        ntasks_per_node=tasks,
        cpus_per_task=cpus,
        time_limit_seconds=minutes * 60 if minutes else None,
        stdout_path=_path(job, "stdout_path"),
        stderr_path=_path(job, "stderr_path"),
        comment=_comment(job),
    )


def _user(account: str | None, terms: Terms) -> str:
    user_name = terms.user_name or account or "unknown"
    if not _USER.fullmatch(user_name):
        whose = "the user" if terms.user_name else "its account, whose name is its user's,"
        raise Untranslatable(f"{whose} {user_name!r} can be no user here (name one with --user)")
    return user_name


def _work_dir(job: Row) -> str | None:
    path = _path(job, "work_dir")
    if path is not None and not path.startswith("/"):
        raise Untranslatable(f"its work_dir {path!r} is not absolute")
    return path


def _comment(job: Row) -> str | None:
    """What it asked for besides. It enforced none of this, so nothing here does."""
    named = (("partition", "partition"), ("memory", "memory_per_node"))
    said = [f"{word} {_line(job, name)}" for word, name in named if job.get(name)]
    said += ["exclusive"] if job.get("exclusive") is True else []
    return ", ".join(said) or None


def _allocation(row: Row, job: Row, submission: Submit, terms: Terms) -> ImportedAllocation:
    status = _status(row)
    cpus = _count(row, "allocated_cpus") or _count(job, "allocated_cpus")
    first_node = (_text(job, "node_list") or "").split(",")[0].strip()
    node_name = _text(row, "node_name") or first_node or UNKNOWN_NODE
    if not _NODE.fullmatch(node_name):
        raise Untranslatable(f"its allocation's node {node_name!r} can be no node's name")
    allocated_at = _instant(row, "allocation_time", terms.zone)
    released_at = _instant(row, "released_time", terms.zone)
    _check_order(allocated_at, released_at, "its allocation's released_time", "its allocation_time")
    return ImportedAllocation(
        allocation_id=AllocationId(_identity(row, "id", "its allocation's number")),
        node_name=NodeName(node_name),
        cpus=cpus or submission.ntasks_per_node * submission.cpus_per_task,
        status=status,
        given_back=status == "released",
        pid=_count(row, "process_id"),
        allocated_at=allocated_at,
        released_at=released_at,
    )


def _status(row: Row) -> str:
    """Older tables have a flag, which does not tell a reservation from an allocation."""
    if row.get("status") is None and isinstance(row.get("released"), bool):
        return "released" if row["released"] else "not released"
    status = _word(row.get("status")).lower()
    if status not in _STATUSES:
        given = row.get("status", row.get("released"))
        raise Untranslatable(f"its allocation's status {given!r} is none of {', '.join(_STATUSES)}")
    return status


def _exit(given: Any) -> tuple[int | None, int | None]:
    """Exit code and signal, of `code:signal`. What may be the original's own code, or is none at all, is unknown."""
    match = re.fullmatch(r"\s*(-?\d{1,9})(?::(\d{1,9}))?\s*", str(given))
    if match is None:
        return None, None
    code, signal = int(match[1]), int(match[2] or 0)
    if signal in _SIGNALS:
        return None, signal
    if -code in _SIGNALS and code not in _OWN_CODES:
        return None, -code
    return (code, None) if 0 <= code <= 255 else (None, None)


def _instant(row: Row, name: str, zone: tzinfo) -> datetime | None:
    given = row.get(name)
    if given is None:
        return None
    try:
        instant = datetime.fromisoformat(given)
        instant = (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise Untranslatable(f"its {name} {given!r} is no time") from None
    if instant.year not in _YEARS:
        raise Untranslatable(f"its {name} {given!r} is not in the years from {_YEARS[0]} to {_YEARS[-1]}")
    return instant


def _check_order(begun_at: datetime | None, ended_at: datetime | None, end: str, begin: str) -> None:
    if begun_at is not None and ended_at is not None and ended_at < begun_at:
        raise Untranslatable(f"{end} {ended_at} is before {begin} {begun_at}")


def _identity(row: Row, name: str, what: str = "its number") -> int:
    number = row.get(name)
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= _MOST_ID:
        raise Untranslatable(f"{what} {number!r} is not from 1 to {_MOST_ID}")
    return number


def _count(row: Row, name: str) -> int | None:
    """A number above zero; 0 and less say nothing."""
    number = row.get(name)
    if number is None:
        return None
    if not isinstance(number, int) or isinstance(number, bool) or number > _MOST_INTEGER:
        raise Untranslatable(f"its {name} {number!r} is no number up to {_MOST_INTEGER}")
    return number if number > 0 else None


def _text(row: Row, name: str) -> str | None:
    given = row.get(name)
    return None if given is None or given == "" else str(given)


def _line(row: Row, name: str) -> str | None:
    """A text that a person reads, or a name."""
    text = _path(row, name)
    if text is not None and len(text) > _MOST_NAME:
        raise Untranslatable(f"its {name} is longer than {_MOST_NAME} characters")
    return text


def _path(row: Row, name: str) -> str | None:
    text = _text(row, name)
    if text is not None and _CONTROL.search(text):
        raise Untranslatable(f"its {name} {text!r} has a line end or another control character")
    return text


def _word(given: Any) -> str:
    """Some drivers wrote an enumeration's member with its class: JobState.PENDING."""
    return "" if given is None else str(given).rpartition(".")[2].strip()


def _environment(given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise Untranslatable("its environment is no object of names and values")
    for name in given:
        if not _VARIABLE.fullmatch(name):
            raise Untranslatable(f"its environment names {name!r}, which no variable can be called")
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
