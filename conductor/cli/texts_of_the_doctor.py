"""What is said around the checks of `conductor doctor` and by the operators' small tools. Part of the catalogue in
`texts`, under the same promises; the checks' own sentences are in `conductor/doctor`.
"""

from collections.abc import Mapping

TEXTS_OF_THE_DOCTOR: Mapping[str, tuple[str, str]] = {
    "doctor_ok": ("ok", "正常"),
    "doctor_note": ("note", "提示"),
    "doctor_warning": ("warning", "警告"),
    "doctor_wrong": ("wrong", "错误"),
    "doctor_unknown": ("unknown", "未知"),
    "doctor_group_machine": ("Machine", "机器"),
    "doctor_group_folders": ("Settings and folders", "设置与目录"),
    "doctor_group_database": ("Database", "数据库"),
    "doctor_group_system": ("System", "系统"),
    "doctor_also": ("The same: {names}", "同上：{names}"),
    "doctor_all_well": ("{checks} checks, nothing to mend.", "共 {checks} 项检查，无需处理。"),
    "doctor_sum": (
        "{checks} checks: {wrong} wrong, {warning} warnings, {unknown} could not look.",
        "共 {checks} 项检查：{wrong} 个错误，{warning} 条警告，{unknown} 项无法查看。",
    ),
    # scripts/verify_resource_status.py
    "verify_node": ("NODE", "节点"),
    "verify_state": ("STATE", "状态"),
    "verify_total": ("CPUS", "CPU 总数"),
    "verify_used": ("USED", "已用"),
    "verify_reserved": ("RESERVED", "预留"),
    "verify_free": ("FREE", "空闲"),
    "verify_contradiction": (
        "{what}: {told} CPUs by its own word, {counted} when they are added up",
        "{what}：自称 {told} 个 CPU，相加得 {counted} 个",
    ),
    "verify_agree": (
        "Jobs, allocations and nodes agree: {jobs} jobs run, position {position}.",
        "作业、分配与节点一致：{jobs} 个作业在运行，位置 {position}。",
    ),
    # scripts/cleanup.py
    "cleanup_expired": (
        "job {job_id}: its reservation on {node} expired; the job goes back to the queue",
        "作业 {job_id}：其在 {node} 上的预留已过期；作业将回到队列",
    ),
    "cleanup_gone": (
        "job {job_id}: PID {pid} is gone from {node}; its CPUs are given back, the job ends as FAILED",
        "作业 {job_id}：{node} 上的 PID {pid} 已不存在；将释放其 CPU，作业以 FAILED 结束",
    ),
    "cleanup_lives": (
        (
            "job {job_id}: runs for over {hours} h or its limit, and {node} does not say that PID {pid} is gone: left"
            " alone"
        ),
        "作业 {job_id}：已运行超过 {hours} 小时或其时限，而 {node} 并未报告 PID {pid} 已不存在；不作处理",
    ),
    "cleanup_lives_here": (
        "job {job_id}: {node} says that PID {pid} is gone, and it lives on this machine; left alone",
        "作业 {job_id}：{node} 报告 PID {pid} 已不存在，但它在本机上仍存活；不作处理",
    ),
    "cleanup_too_young": (
        "job {job_id}: its process is gone, but it has not run for {hours} h; `conductor audit` says what mends it",
        "作业 {job_id}：其进程已不存在，但运行未满 {hours} 小时；`conductor audit` 会给出修复方法",
    ),
    "cleanup_refused": ("job {job_id}: not done: {what}", "作业 {job_id}：未执行：{what}"),
    "cleanup_nothing": ("Nothing to clean up.", "没有需要清理的。"),
    "cleanup_would": ("{count} to clean up; do it with --apply.", "有 {count} 项可清理；加 --apply 执行。"),
    "cleanup_done": ("{count} cleaned up.", "已清理 {count} 项。"),
}
