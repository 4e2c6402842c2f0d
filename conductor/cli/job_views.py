"""How jobs look: as rows of a table, and one of them as a whole sheet."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from conductor.cli.numbers import number_ranges, signal_name
from conductor.cli.screen import Screen
from conductor.cli.tables import FIXED, FLEXIBLE, MOMENT, NUMBER, Cell, Column
from conductor.cli.timeline_views import NO_NAMES, show_timeline
from conductor.cli.times import duration, local
from conductor.cli.visible import visible
from conductor.client import Job
from conductor.core.output_path import output_path, pattern_values
from conductor.core.resource_texts import gres_text, labels_text
from conductor.core.timeline import Step

LAST_LINES = 10
LONGEST_NAME = 24  # of several tasks in one line
_COLUMNS = (
    ("id", NUMBER),
    ("name", FLEXIBLE),
    ("user", Column(least=6)),
    ("state", FIXED),
    ("cpus", NUMBER),
    ("time", NUMBER),
    ("limit", NUMBER),
    ("node_or_reason", FLEXIBLE),
)
_ALLOCATION_COLUMNS = (
    ("job", NUMBER),
    ("attempt", NUMBER),
    ("node", FLEXIBLE),
    ("status", FIXED),
    ("cpus", FLEXIBLE),
    ("process", NUMBER),
    ("since", MOMENT),
)


def job_table(
    jobs: Sequence[Job], screen: Screen, *, wide: bool = False, now: datetime | None = None
) -> None:
    """`now`: until when running jobs have run, if not until this moment."""
    for line in job_lines(jobs, screen, wide=wide, now=now or datetime.now(UTC)):
        print(line)


def job_lines(jobs: Sequence[Job], screen: Screen, *, now: datetime, wide: bool = False) -> list[str]:
    return screen.table_lines(_COLUMNS, [_row(job, now, wide=wide) for job in jobs], wide=wide)


def _row(job: Job, now: datetime, *, wide: bool) -> Sequence[Cell]:
    where = f"({job.reason})" if job.reason and (job.node is None or job.final) else job.node
    return (
        job.called if wide else shortened(job.called),
        job.name,
        job.user_name,
        job.state,
        job.allocated_cpus or job.total_cpus_required,
        _ran(job, now),
        duration(job.time_limit_seconds) if job.time_limit_seconds is not None else "",
        where,
    )


def shortened(called: str) -> str:
    """`42_[1,3,5,...%2]` for very many tasks."""
    if len(called) <= LONGEST_NAME:
        return called
    ids, percent, limit = called.removesuffix("]").partition("%")
    first, _, tasks = ids.partition("[")
    end = f"...{percent}{limit}]"
    kept = tasks[: max(0, LONGEST_NAME - len(first) - len(f"[{end}"))].rpartition(",")
    return f"{first}[{kept[0]}{kept[1]}{end}"


def _ran(job: Job, now: datetime) -> str:
    if job.start_time is None:
        return ""
    return duration(((job.end_time or now) - job.start_time).total_seconds())


def allocation_table(rows: Sequence[Mapping[str, Any]], screen: Screen, *, wide: bool = False) -> None:
    """Allocations under the API's keys."""
    cells = [
        (row["job_id"], row["attempt"], row["node_name"], row["status"], number_ranges(row["cpu_ids"]),
         row["process_id"], _since(row))
        for row in rows
    ]  # fmt: skip
    screen.table(_ALLOCATION_COLUMNS, cells, wide=wide)


def _since(row: Mapping[str, Any]) -> str:
    return local(datetime.fromisoformat(row["allocation_time"] or row["reservation_time"]))


def job_sheet(job: Job, steps: Sequence[Step], screen: Screen, names: Mapping[str, str] = NO_NAMES) -> None:
    """All that is known of a job. `names`: of streams that caused a step, where they are tasks of arrays."""
    screen.say("job_title", job_id=job.called, name=job.name)
    screen.pairs([(f"label_{label}", value) for label, value in _facts(job, screen) if value], wrap=True)
    screen.line("")
    show_timeline(job.id, steps, screen, names)
    if job.stdout_note and job.start_time is not None:
        screen.line("")
        for line in screen.lines_of(job.stdout_note):
            screen.line(line)
    if job.stdout:
        screen.line("")
        screen.say("last_output", job_id=job.called)
        for line in job.stdout.splitlines()[-LAST_LINES:]:
            screen.line(f"  {visible(line)}")


def _facts(job: Job, screen: Screen) -> list[tuple[str, str | None]]:
    return [
        ("state", _state(job, screen)),
        ("exit", exit_text(job, screen)),
        ("user", job.user_name),
        ("account", job.account),
        ("cpus", _cpus(job, screen)),
        ("memory", f"{job.memory_mb} MB" if job.memory_mb else None),
        ("gres", _gres(job, screen)),
        ("exclusive", screen.text("exclusive_node") if job.exclusive else None),
        ("labels", labels_text(job.labels) or None),
        ("nodelist", ", ".join(job.nodelist) or None),
        ("priority", str(job.priority) if job.priority else None),
        ("limit", duration(job.time_limit_seconds) if job.time_limit_seconds is not None else None),
        ("array", _array(job, screen)),
        ("dependency", job.dependency),
        ("begin", local(job.begin_time) if job.begin_time else None),
        ("attempt", str(job.attempt) if job.attempt > 1 else None),
        ("submitted", local(job.submit_time) if job.submit_time else None),
        ("started", _after(job.start_time, job.wait_seconds, "after_wait", screen)),
        ("ended", _after(job.end_time, job.run_seconds, "after_run", screen)),
        ("node", job.node),
        ("process", str(job.resource_allocation.process_id or "") if job.resource_allocation else None),
        ("usage", _usage(job, screen)),
        ("folder", job.work_dir),
        ("stdout", _file(job, job.stdout_path, job.stdout_bytes, screen)),
        ("stderr", _file(job, job.stderr_path, job.stderr_bytes, screen)),
        ("comment", job.comment),
    ]


def _array(job: Job, screen: Screen) -> str | None:
    if job.array_job_id is None:
        return None
    told = screen.text(
        "array_task", job_id=job.id, task=job.array_task_id, array=job.array_job_id, spec=job.array_spec
    )
    whole = job.raw.get("array")
    if not isinstance(whole, dict):
        return told
    states = ", ".join(f"{count} {state}" for state, count in whole["jobs_by_state"].items())
    return screen.text(
        "array_whole", task=told, tasks=screen.text("array_tasks", tasks=whole["tasks"], states=states)
    )


def _state(job: Job, screen: Screen) -> str:
    state = f"{job.state} ({job.reason})" if job.reason else job.state
    if job.cancel_requested_at is None or job.final:
        return state
    return screen.text("asked_to_end", state=state, at=local(job.cancel_requested_at))


def exit_text(job: Job, screen: Screen) -> str | None:
    """How its process ended, when there was one."""
    if not job.final or job.start_time is None:
        return None
    if job.exit_code is not None:
        return screen.text("exit_code", code=job.exit_code)
    if job.exit_signal is not None:
        return screen.text("exit_signal", signal=job.exit_signal, name=signal_name(job.exit_signal))
    return screen.text("exit_unknown")


def _cpus(job: Job, screen: Screen) -> str:
    numbers = job.resource_allocation.cpu_ids if job.resource_allocation else ()
    if numbers:
        return screen.text("cpu_numbers", count=len(numbers), numbers=number_ranges(numbers))
    if job.ntasks_per_node > 1:
        return screen.text(
            "tasks_of", count=job.total_cpus_required, tasks=job.ntasks_per_node, cpus=job.cpus_per_task
        )
    return str(job.total_cpus_required)


def _gres(job: Job, screen: Screen) -> str | None:
    """What it asked for, and which of the node's it got."""
    asked = gres_text(job.gres)
    got = job.resource_allocation.gres if job.resource_allocation else {}
    numbers = "; ".join(f"{name} {number_ranges(ids)}" for name, ids in sorted(got.items()))
    return screen.text("gres_numbers", asked=asked, numbers=numbers) if numbers else asked or None


def _after(at: datetime | None, seconds: float | None, key: str, screen: Screen) -> str | None:
    if at is None or seconds is None:
        return None if at is None else local(at)
    return screen.text(key, at=local(at), time=duration(seconds))


def _usage(job: Job, screen: Screen) -> str | None:
    held = job.resource_allocation
    if held is None or held.cpu_seconds is None:
        return None
    memory = "?" if held.memory_peak_mb is None else f"{held.memory_peak_mb} MB"
    return screen.text("used_by_job", cpu=f"{held.cpu_seconds:.2f} s", memory=memory)


def _file(job: Job, pattern: str | None, size: int | None, screen: Screen) -> str | None:
    if pattern is None and not size:
        return None
    if pattern is None:
        shown = screen.text("in_spool")
    elif job.work_dir is None or job.node is None:
        shown = pattern
    else:
        values = pattern_values(
            job_id=job.id,
            name=job.name,
            node_name=job.node,
            user_name=job.user_name,
            array_job_id=job.array_job_id,
            array_task_id=job.array_task_id,
        )
        shown = output_path(pattern, job.work_dir, values)
    return shown if size is None else screen.text("bytes", path=shown, bytes=f"{size:,}")
