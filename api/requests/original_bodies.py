"""The original system's bodies: its words for a submission in ours, and ours for a job in its words beside them.

Promises: every field that its clients send is understood; what it took and never enforced (partition, memory, a whole
node) is kept as words in `comment`, for a job that ran there must not fail here. Refuses to know HTTP.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

# Its fields of `job` -> ours, where they mean the same under another name
_RENAMED = {
    "current_working_directory": "work_dir",
    "standard_output": "stdout_path",
    "standard_error": "stderr_path",
}
# Its field -> the word for it in a comment
_UNENFORCED = {"partition": "partition", "memory_per_node": "memory", "exclusive": "exclusive"}
_HOURS = re.compile(r"(?:(\d{1,6})-)?(\d{1,6}):(\d{1,6})(?::\d{1,6})?", re.ASCII)
_CANCELLED = {"en": "cancelled", "zh": "取消成功"}


def submission_of_original(value: Any) -> Any:
    """`{"job": {...}}`, its script inside or beside it, as a submission of ours; anything else as it came."""
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("job"), dict)
        or value.keys() - {"job", "script"}
    ):
        return value
    job: dict[str, Any] = {**value["job"], **{key: value[key] for key in ("script",) if key in value}}
    if not job.keys() & {*_RENAMED, "memory_per_node", "partition"}:
        return job  # our own fields under its `job`
    found = {_RENAMED.get(name, name): given for name, given in job.items() if name not in _UNENFORCED}
    words = [f"{word} {job[name]}" for name, word in _UNENFORCED.items() if isinstance(job.get(name), str)]
    words += ["exclusive"] if job.get("exclusive") is True else []
    if words:
        found.setdefault("comment", ", ".join(words))
    if isinstance(found.get("time_limit"), str):
        found["time_limit"] = _minutes(found["time_limit"])
    return found


def _minutes(text: str) -> int | str:
    """Its `2:30` was two hours and a half (Slurm's, and ours, is two minutes and a half); seconds it ignored."""
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        return text
    days, hours, minutes = (int(number or 0) for number in found.groups())
    return (days * 24 + hours) * 60 + minutes


def with_original_words(job: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """The same document with what its query answered: `error_msg`, `time`, `job_log`, `detail`."""
    held = job.get("resource_allocation") or {}
    return {
        **job,
        "job_id": job["id"],
        "error_msg": job["reason"] if job["state"] == "FAILED" else None,
        "time": {
            "submit_time": job["submit_time"],
            "eligible_time": job["eligible_time"],
            "start_time": job["start_time"],
            "end_time": job["end_time"],
            "elapsed_time": _elapsed(job, now),
            "limit_time": _limit(job["time_limit"]),
        },
        "job_log": {"stdout": job["stdout"], "stderr": job["stderr"]},
        "detail": {
            "job_name": job["name"],
            "user": job["user_name"],
            "account": job["account"] or "",
            "partition": "",
            "allocated_cpus": job["allocated_cpus"] or 0,
            "allocated_nodes": 1,
            "node_list": held.get("node_name") or "",
            "exit_code": _exit(job),
            "work_dir": job["work_dir"] or "",
            "data_source": "API",
        },
    }


def with_original_message(cancelled: Mapping[str, Any], language: str) -> dict[str, Any]:
    return {**cancelled, "msg": _CANCELLED[language]}


def _elapsed(job: Mapping[str, Any], now: datetime) -> str:
    if job["start_time"] is None:
        return "0-00:00:00"
    return _days(_instant(job["end_time"] or now) - _instant(job["start_time"]))


def _instant(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value).astimezone(UTC)


def _days(passed: timedelta) -> str:
    minutes, seconds = divmod(passed.seconds, 60)
    return f"{passed.days}-{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"


def _limit(minutes: int | None) -> str:
    if minutes is None:
        return "UNLIMITED"
    days, rest = divmod(minutes, 24 * 60)
    hours, left = divmod(rest, 60)
    return f"{days}-{hours:02d}:{left:02d}:00" if days else f"{hours}:{left:02d}:00"


def _exit(job: Mapping[str, Any]) -> str:
    """`code:signal`; a lone colon while there is none."""
    if job["exit_code"] is None and job["exit_signal"] is None:
        return ":"
    return f"{job['exit_code'] or 0}:{job['exit_signal'] or 0}"
