"""Every metric there is: its name, kind, labels, and what it means in both languages.

`docs/metrics.md` has the same, and a test holds the two together. Metrics of a process carry the labels `process`,
`node` and `pid` before their own. Label values are from closed lists (states, codes, routes) or few by nature (nodes).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from conductor.telemetry.instruments import Kind

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_WAITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400)
_RUNS = (0.01, 0.1, 1, 5, 15, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 259_200, 604_800)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """`of_process`: every process has its own; else it is one of the whole system, made when it is scraped."""

    kind: Kind
    labels: tuple[str, ...] = ()
    en: str
    zh: str
    bounds: Sequence[float] = ()
    of_process: bool = True


def _counter(en: str, zh: str, *labels: str) -> Metric:
    return Metric(kind="counter", labels=labels, en=en, zh=zh)


def _gauge(en: str, zh: str, *labels: str) -> Metric:
    return Metric(kind="gauge", labels=labels, en=en, zh=zh)


def _histogram(bounds: Sequence[float], en: str, zh: str, *labels: str) -> Metric:
    return Metric(kind="histogram", labels=labels, en=en, zh=zh, bounds=bounds)


def _of_all(en: str, zh: str, *labels: str) -> Metric:
    return Metric(kind="gauge", labels=labels, en=en, zh=zh, of_process=False)


_OF_PROCESSES: Mapping[str, Metric] = {
    "conductor_commands_total": _counter(
        "Commands decided: accepted, unchanged (it was so already), or the code they were refused with.",
        "已裁决的命令：accepted 接受、unchanged 本已如此，或拒绝代码。",
        "command",
        "outcome",
    ),
    "conductor_events_total": _counter("Events appended to the log.", "写入日志的事件数。", "type"),
    "conductor_batch_commands": _histogram(
        _SIZES, "Commands decided together in one batch.", "一个批次中一起裁决的命令数。"
    ),
    "conductor_batch_events": _histogram(
        _SIZES, "Events committed in one batch.", "一个批次中提交的事件数。"
    ),
    "conductor_append_seconds": _histogram(
        _FAST, "Time of the call that commits a batch.", "提交一个批次的调用所用的时间。"
    ),
    "conductor_batches_retried_total": _counter(
        "Batches decided again: conflict (lost a race at the door), cpus_taken, database_away.",
        "重新裁决的批次：conflict 在入口处竞争失败，cpus_taken CPU 已被占用，database_away 数据库不可达。",
        "why",
    ),
    "conductor_job_submit_to_reserve_seconds": _histogram(
        _WAITS,
        "From when a job could run (submitted, its begin time, its dependency met) to its reservation.",
        "作业从可以运行（提交、到达开始时间、依赖满足）到预留资源的时间。",
    ),
    "conductor_job_reserve_to_start_seconds": _histogram(
        _WAITS, "From reservation to the start of the process.", "从预留资源到进程启动的时间。"
    ),
    "conductor_job_submit_to_start_seconds": _histogram(
        _WAITS,
        "From when a job could run to the start of its process.",
        "作业从可以运行到进程启动的时间。",
    ),
    "conductor_job_run_seconds": _histogram(
        _RUNS,
        "From start to end of those that ran, by how they ended.",
        "作业从启动到结束的时间，按结束状态。",
        "state",
    ),
    "conductor_jobs_submitted_total": _counter("Jobs taken in.", "接收的作业数。"),
    "conductor_jobs_ended_total": _counter(
        "Ends of jobs, by state and reason; requeued ones end once an attempt.",
        "作业结束的次数，按状态与原因；重新排队的作业每次尝试各计一次。",
        "state",
        "reason",
    ),
    "conductor_jobs_requeued_total": _counter(
        "Attempts that begin after an end: by a person, or automatic.",
        "重新排队的次数：person 人工，automatic 自动。",
        "by",
    ),
    "conductor_reservations_lost_total": _counter(
        "Reservations that led back to the queue, by why.", "未能启动而退回队列的预留，按原因。", "reason"
    ),
    "conductor_wake_ups_total": _counter(
        "How often a waiting loop was woken since the start of its process, by a notification or by the poll interval.",
        "自进程启动以来等待循环被唤醒的次数：notification 通知，poll 轮询。",
        "loop",
        "by",
    ),
    "conductor_follower_position": _gauge(
        "The position of the log up to which a follower has read.", "跟随者已读到的日志位置。", "follower"
    ),
    "conductor_follower_lag_events": _gauge(
        "Events behind the head of the log, when the process last told of itself.",
        "落后于日志末端的事件数（以进程最近一次上报时为准）。",
        "follower",
    ),
    "conductor_scheduler_leads": _gauge("1 for the scheduler that leads.", "主导的调度器为 1。"),
    "conductor_scheduler_waiting_jobs": _gauge(
        "Jobs in the memory of the scheduler that leads, not yet placed.",
        "主导的调度器所知、尚未放置的作业数。",
    ),
    "conductor_scheduler_pass_seconds": _histogram(
        _FAST, "Time of planning in one pass.", "一轮规划所用的时间。"
    ),
    "conductor_scheduler_placements_total": _counter("Jobs placed on a node.", "放置到节点上的作业数。"),
    "conductor_executor_held": _gauge(
        "Allocations that an executor's supervisor answers for.", "执行器的监管进程所负责的分配数。"
    ),
    "conductor_http_requests_total": _counter(
        "Requests answered, by method, route (its template) and status.",
        "已应答的请求，按方法、路由模板与状态码。",
        "method",
        "route",
        "status",
    ),
    "conductor_http_request_seconds": _histogram(
        _FAST,
        "Time to the end of the answer; long polls and followed outputs are as long as was asked.",
        "到应答结束的时间；长轮询与跟随输出的时长由请求决定。",
        "route",
    ),
    "conductor_http_requests_in_progress": _gauge(
        "Answers under way; of a stream: who follows it.",
        "正在发送的应答数；对于流，即跟随者的数量。",
        "route",
    ),
    "conductor_http_problems_total": _counter(
        "Requests refused, by the code of the problem.", "被拒绝的请求，按问题代码。", "code"
    ),
    "conductor_output_bytes_total": _counter("Bytes of jobs' output served.", "已提供的作业输出字节数。"),
    "conductor_database_pool_connections": _gauge(
        "Connections of the pool: in use, idle.", "连接池中的连接：in_use 使用中，idle 空闲。", "state"
    ),
    "conductor_database_pool_waiting": _gauge(
        "Tasks that wait for a connection.", "等待数据库连接的任务数。"
    ),
    "conductor_log_lines_total": _counter(
        "Log lines written, by level.", "写出的日志行数，按级别。", "level"
    ),
    "conductor_process_cpu_seconds_total": _counter("CPU time used.", "进程已用的 CPU 时间。"),
    "conductor_process_resident_memory_bytes": _gauge("Memory in use.", "进程占用的内存。"),
    "conductor_process_open_fds": _gauge("Open descriptors.", "进程打开的描述符数。"),
    "conductor_process_start_time_seconds": _gauge(
        "Start of the process, in seconds since 1970.", "进程启动的时刻（自 1970 年起的秒数）。"
    ),
    "conductor_build_info": _gauge(
        "1, of the release that runs.", "恒为 1，标注运行的版本。", "version", "python"
    ),
}

_OF_THE_SYSTEM: Mapping[str, Metric] = {
    "conductor_database_up": _of_all(
        "1 when the database answered this scrape; 0: only processes are told of.",
        "数据库应答了本次抓取为 1；为 0 时只有进程指标。",
    ),
    "conductor_jobs": _of_all("Jobs by state.", "作业数，按状态。", "state"),
    "conductor_nodes": _of_all("Nodes by state.", "节点数，按状态。", "state"),
    "conductor_cpus": _of_all(
        "CPUs by node and status: used, reserved, available, unavailable.",
        "CPU 数，按节点与状态：used 使用中，reserved 已预留，available 可用，unavailable 不可用。",
        "node",
        "status",
    ),
    "conductor_queue_oldest_seconds": _of_all(
        "Age of the job that has waited longest; 0 when none waits.",
        "等待最久的作业的等待时间；无等待作业时为 0。",
    ),
    "conductor_log_position": _of_all("The head of the log.", "日志末端的位置。"),
    "conductor_projection_lag_events": _of_all(
        "Events that the tables lag behind the log: 0, because rows are written in the call that appends.",
        "表落后于日志的事件数：恒为 0，因为行与事件在同一次调用中写入。",
    ),
    "conductor_notification_queue_usage_ratio": _of_all(
        "How full PostgreSQL's queue of notifications is, 0 to 1.", "PostgreSQL 通知队列的占用比例，0 到 1。"
    ),
    "conductor_node_lease_age_seconds": _of_all(
        "Since the node was last heard from.", "距节点最近一次续租的时间。", "node"
    ),
    "conductor_node_lease_remaining_seconds": _of_all(
        "Until the node's lease ends; negative: it is silent.",
        "节点租约的剩余时间；为负表示节点失联。",
        "node",
    ),
    "conductor_leader_term": _of_all("The term of the last elected scheduler.", "最近当选的调度器的任期。"),
    "conductor_leader_lease_remaining_seconds": _of_all(
        "Until the leader's lease ends; negative: nobody leads.", "主导者租约的剩余时间；为负表示无人主导。"
    ),
    "conductor_audit_findings": _of_all(
        "What the quick audit found, by code; no series: nothing of that kind.",
        "快速审计的发现，按代码；没有该序列即没有此类发现。",
        "code",
    ),
    "conductor_audit_age_seconds": _of_all(
        "Since that audit looked; it looks again when it is older than five minutes.",
        "距该审计的时间；超过五分钟即重新审计。",
    ),
    "conductor_processes": _of_all(
        "Processes that this scrape tells of.", "本次抓取所含的进程数。", "process"
    ),
}

METRICS: Mapping[str, Metric] = {**_OF_PROCESSES, **_OF_THE_SYSTEM}
