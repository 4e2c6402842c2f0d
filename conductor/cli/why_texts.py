"""What the command line says around the sentences of `why_catalogue`. Part of the catalogue in `texts`."""

from collections.abc import Mapping

WHY_TEXTS: Mapping[str, tuple[str, str]] = {
    "why_title": ("Job {job_id} is {state}{reason}.", "作业 {job_id} 的状态为 {state}{reason}。"),
    "why_array": ("Array {job_id}: {states}.", "数组 {job_id}：{states}。"),
    "why_until": (", until {at} at the latest", "，最迟至 {at}"),
    "why_reason": (": {reason}", "：{reason}"),
    "why_holders": ("Who holds it ({count}):", "占用者（{count} 个）："),
    "why_ahead": ("Before it in the queue: {count} ({job_ids}).", "排在它前面：{count} 个（{job_ids}）。"),
    "why_helps": ("What would help:", "可行的办法："),
    "why_no_leases": (
        "Who was heard from at that time is not in the log: every node that was up counts.",
        "日志中没有当时的心跳信息：凡状态为 UP 的节点均视为在线。",
    ),
    "holds": ("HOLDS", "占用"),
    "ends_by": ("ENDS BY", "最迟结束"),
    "no_limit": ("no limit", "无时限"),
}
