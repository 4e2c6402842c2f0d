"""What the command line says of jobs that come from the original system.

Part of the catalogue in `texts`, under the same promises.
"""

from collections.abc import Mapping

TEXTS_OF_THE_IMPORT: Mapping[str, tuple[str, str]] = {
    "importing": ("Reading, then writing", "先读取，再写入"),
    "import_found": (
        "Database {name}: {jobs:job|jobs}, {allocations:allocation|allocations}.",
        "数据库 {name}：{jobs:,} 个作业，{allocations:,} 个分配。",
    ),
    "import_times": ("Submitted from {oldest} to {newest}.", "提交时间从 {oldest} 到 {newest}。"),
    "state_there": ("STATE THERE", "原状态"),
    "state_here": ("STATE HERE", "导入后状态"),
    "jobs_count": ("JOBS", "作业数"),
    "import_leaks": (
        "Never given back there: {count:allocation|allocations} with {cpus:CPU|CPUs}. Nothing is held here for them.",
        "原系统从未归还：{count:,} 个分配，共 {cpus:,} 个 CPU。它们在此不占用任何资源。",
    ),
    "import_leak": (
        "allocation {allocation_id}: job {job_id} ({state}), {status}, {cpus:CPU|CPUs} of {node}, PID {pid}",
        "分配 {allocation_id}：作业 {job_id}（{state}），{status}，{node} 的 {cpus} 个 CPU，PID {pid}",
    ),
    "import_more": ("... and {count} more; --json lists all", "…… 另有 {count} 个；--json 列出全部"),
    "import_bad": (
        "Rows that cannot be understood: {count}. Mend them there, or leave them out with --skip-bad.",
        "无法理解的行：{count}。请在原数据库中修正，或用 --skip-bad 略过。",
    ),
    "import_left_out": ("Rows that were left out: {count}.", "已略过的行：{count}。"),
    "import_would": (
        "{count:job|jobs} would be imported; nothing was written.",
        "将导入 {count:,} 个作业；尚未写入任何内容。",
    ),
    "import_done": (
        "Imported {count:job|jobs} under the original numbers, up to position {position} of the log.",
        "已按原编号导入 {count:,} 个作业，日志至位置 {position}。",
    ),
    "import_nothing": ("There was nothing to import.", "没有需要导入的内容。"),
    "import_before": (
        "{count:job|jobs} had been imported before: nothing changes there.",
        "{count:,} 个作业此前已导入，保持不变。",
    ),
    "import_changed": (
        ("{count:job is|jobs are} otherwise there than at the import (or --timezone or --user is); "
        "here everything stays as it was imported: {numbers}"),
        "{count:,} 个作业在原数据库中（或 --timezone、--user）与导入时不同；此处保持导入时的内容：{numbers}",
    ),
    "import_audit": (
        "`conductor audit --quick` names what was never given back, with the command that closes each.",
        "`conductor audit --quick` 会列出从未归还的分配，以及关闭每一项的命令。",
    ),
    "import_waiting": (
        "Jobs that waited there are held: look at each, then `conductor unhold ID` lets it run.",
        "原本在等待的作业已挂起：请逐一检查，再用 `conductor unhold ID` 放行。",
    ),
    "bad_timezone": (
        "{given} is no time zone: write UTC, or a name such as Asia/Shanghai",
        "{given} 不是时区：请写 UTC，或 Asia/Shanghai 这样的名称",
    ),
}  # fmt: skip
