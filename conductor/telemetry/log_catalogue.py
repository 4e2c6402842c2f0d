"""Every log line there is: its name, level, fields, and what it means in both languages. `docs/logs.md` has the same.

Every line also has `timestamp`, `level`, `event` (its name) and `process`; lines of an executor `node`; lines about a
request `correlation`, by which the log's events name it too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Level = Literal["debug", "info", "warning", "error"]

# What is beside a line's own fields, where it is known.
ALWAYS = ("timestamp", "level", "event", "process")
OF_A_JOB = ("job", "attempt", "allocation", "node", "position", "correlation", "trace_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    level: Level
    fields: tuple[str, ...]
    en: str
    zh: str


def _line(level: Level, fields: str, en: str, zh: str) -> Line:
    return Line(level=level, fields=tuple(fields.split()), en=en, zh=zh)


def _of_job(fields: str, en: str, zh: str, level: Level = "info") -> Line:
    return Line(level=level, fields=(*OF_A_JOB, *fields.split()), en=en, zh=zh)


def _of_node(fields: str, en: str, zh: str, level: Level = "info") -> Line:
    return _line(level, f"node position correlation trace_id {fields}", en, zh)


_OF_JOBS: Mapping[str, Line] = {
    "job.submitted": _of_job("user cpus by", "A job was taken in.", "接收了一个作业。"),
    "job.scheduled": _of_job("cpus", "CPUs of a node were reserved for it.", "已在某节点上为其预留 CPU。"),
    "job.unscheduled": _of_job(
        "state reason",
        "Its reservation was given back before anything ran; it waits again.",
        "预留在运行之前被归还；作业重新等待。",
    ),
    "job.started": _of_job("pid", "Its process was recorded and may run.", "其进程已记录，可以运行。"),
    "job.ended": _of_job(
        "state reason exit_code exit_signal",
        "It ended, and its CPUs are free.",
        "作业结束，CPU 已释放。",
    ),
    "job.cancel_asked": _of_job("", "A running job was asked to end.", "请求结束一个运行中的作业。"),
    "job.held": _of_job("automatic", "It was held.", "作业被挂起。"),
    "job.unheld": _of_job("", "It is no longer held.", "作业不再挂起。"),
    "job.requeued": _of_job("automatic", "Its next attempt begins.", "开始下一次尝试。"),
    "job.reprioritized": _of_job("", "Its priority was changed.", "优先级已更改。"),
    "job.dependency_met": _of_job("", "What it waited for has happened.", "所等待的条件已满足。"),
    "job.cleanup_blocked": _of_job(
        "", "Something of it cannot be killed; it keeps its CPUs.", "有进程无法终止；CPU 仍被占用。"
    ),
    "batch.more_lines": _line(
        "info",
        "of count first last position",
        "So many more lines of this name, from one batch, are left out; the streams of the first and the last of them.",
        "同一批次中省略的同名日志行数，以及其中首尾的流。",
    ),
    "job.not_scheduled": _line(
        "info",
        "job command code why",
        "A command of the scheduler was refused, because something else came first.",
        "调度器的命令被拒绝，因为已有其他变化。",
    ),
    "job.signalled": _of_job(
        "signal why", "A signal is on its way to its processes.", "正在向其进程发送信号。"
    ),
    "job.not_started": _of_job(
        "code why",
        "Its gated process was ended without having run anything.",
        "闸门前的进程未运行任何内容即被结束。",
    ),
    "process.gone": _of_job(
        "reason exit exit_signal", "Its process has ended, and the log has it.", "其进程已结束，日志已记录。"
    ),
    "job.late_report": _of_job(
        "code why",
        "An end that came too late to change anything.",
        "结束的报告来得太晚，不改变任何状态。",
        "warning",
    ),
    "job.not_ours": _of_job(
        "",
        "It still runs here and was closed meanwhile; it is ended.",
        "在此仍运行，但已被关闭；将其结束。",
        "warning",
    ),
    "allocation.missing": _of_job(
        "", "In use by the log, and its process is not here.", "日志认为在用，但本机没有其进程。", "warning"
    ),
    "allocation.of_another_spool": _of_job(
        "spool",
        "In use by another folder's executor; a person knows.",
        "属于另一目录的执行器；需人工判断。",
        "warning",
    ),
    "allocation.row_wrong": _of_job(
        "", "A row says that it is closed, the log that it is not.", "行称其已关闭，而日志并非如此。", "error"
    ),
    "process.stray": _line(
        "warning",
        "pid mark",
        "A process with a job's mark belongs to no live allocation.",
        "带作业标记的进程不属于任何有效分配。",
    ),
}

_OF_NODES: Mapping[str, Line] = {
    "node.resources": _of_node("cpus memory_mb incarnation", "A node registered.", "节点注册。"),
    "node.drained": _of_node("", "A node gets no new jobs.", "节点不再接收新作业。"),
    "node.resumed": _of_node("", "A node takes jobs again.", "节点恢复接收作业。"),
    "node.lost": _of_node("reason jobs_lost", "A node is out of touch.", "节点失联。"),
    "node.removed": _of_node("", "A node was removed.", "节点被移除。"),
    "node.not_observed": _line(
        "warning", "error", "What is on the machine could not be looked at.", "无法查看本机情况。"
    ),
    "executor.started": _line("info", "pid node", "An executor began.", "执行器启动。"),
    "executor.database_away": _line(
        "warning", "error", "The database does not answer; it is tried again.", "数据库无应答；将重试。"
    ),
    "executor.session_lost": _line(
        "warning",
        "error",
        "Lease or supervisor are lost; the node registers anew.",
        "租约或监管进程丢失；节点重新注册。",
    ),
    "executor.superseded": _line(
        "error",
        "error",
        "Another executor has this node now; this one ends.",
        "另一执行器已接管本节点；本进程退出。",
    ),
    "memory.not_kept": _line(
        "warning", "error", "The event to remember could not be written.", "无法写入要记住的事件。"
    ),
    "memory.refused": _line(
        "error", "file why", "The remembered event is damaged; put aside.", "所记事件已损坏；已另存。"
    ),
    "history.forked": _line(
        "error",
        "position remembered_hash found_hash log_ends_at",
        "The log is another one than the executor remembers: rewritten, restored or cut.",
        "日志与执行器所记不符：被改写、恢复或截断。",
    ),
    "history.followed_again": _line(
        "info",
        "position acknowledged",
        "That was acknowledged; the log is followed again.",
        "已确认；继续跟随日志。",
    ),
    "output.not_served": _line(
        "error", "exc_info exception", "Serving outputs failed; tried again.", "提供输出失败；将重试。"
    ),
    "output.not_answered": _line(
        "error", "job exc_info exception", "One request for output failed.", "一次输出请求失败。"
    ),
    "spool.swept": _line("info", "spool deleted left", "Old outputs were deleted.", "已删除旧输出。"),
    "spool.not_swept": _line(
        "warning", "spool error", "Old outputs could not be deleted.", "无法删除旧输出。"
    ),
}

_OF_SERVICES: Mapping[str, Line] = {
    "scheduler.started": _line("info", "pid", "A scheduler began; it stands by.", "调度器启动，处于待命。"),
    "scheduler.leads": _line("info", "term waiting", "It leads now.", "开始主导。"),
    "scheduler.stands_by": _line("info", "term", "It leads no more.", "不再主导。"),
    "scheduler.policy_was_changed": _line(
        "info", "order setting what", "The policy in force is not the setting's.", "现行策略与设置不同。"
    ),
    "scheduler.database_away": _line(
        "warning", "error", "The database does not answer; it stands by.", "数据库无应答；转为待命。"
    ),
    "scheduler.history_forked": _line(
        "error",
        "error",
        "The log was restored or failed over; everything is read anew.",
        "日志被恢复或切换；全部重新读取。",
    ),
    "policy.changed": _line(
        "info", "node position correlation trace_id", "The policy was changed.", "策略已更改。"
    ),
    "api.listening": _line("info", "host port", "The API answers here.", "API 在此地址应答。"),
    "auth.off": _line("warning", "meaning", "No token is asked for.", "不要求令牌。"),
    "database.unavailable": _line(
        "warning",
        "error correlation",
        "A request failed because the database is away.",
        "数据库不可达，请求失败。",
    ),
    "request.failed": _line(
        "error",
        "path error correlation exc_info exception",
        "A mistake of ours; the answer was 500.",
        "内部错误；应答为 500。",
    ),
    "tokens.unreadable": _line(
        "error",
        "error",
        "The tokens in the log cannot be read; those known so far go on.",
        "无法读取日志中的令牌；已知的令牌继续有效。",
    ),
    "picture.failed": _line(
        "warning", "error", "Reasons of waiting jobs were left out of a listing.", "列表中未包含等待原因。"
    ),
    "audit.replay_failed": _line(
        "error", "code why", "The replay of an audit ended badly.", "审计的重放异常结束。"
    ),
    "audit.not_looked": _line(
        "warning",
        "error",
        "The audit for the metrics failed; the last one stays.",
        "用于指标的审计失败；保留上次结果。",
    ),
    "process.died": _line(
        "error",
        "exc_info exception",
        "A process ended by an error that nothing caught.",
        "进程因未捕获的错误而终止。",
    ),
    "telemetry.failed": _line(
        "error",
        "exc_info exception",
        "What a batch did could not be told; it was done.",
        "无法报告一个批次的结果；该批次已完成。",
    ),
    "traces.not_sent": _line(
        "warning", "why", "Traces were asked for and cannot be made.", "要求了链路追踪但无法生成。"
    ),
    "supervisor.said": _line(
        "info",
        "message",
        "What the supervisor tells, in a log of its own.",
        "监管进程的说明，写在其自己的日志中。",
    ),
    "library.said": _line(
        "warning",
        "logger message exc_info exception",
        "What a library said (uvicorn, psycopg, Python's warnings), at its own level.",
        "第三方库的输出（uvicorn、psycopg、Python 警告），保持其原有级别。",
    ),
}

LINES: Mapping[str, Line] = {**_OF_JOBS, **_OF_NODES, **_OF_SERVICES}
