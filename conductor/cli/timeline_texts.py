"""What the steps of a job's life are called, in each language of the command line.

Promises: both languages for every `what` of `conductor.core.timeline`, with the same placeholders.
"""

from collections.abc import Mapping

# `by` is who did it, `ran` and the like a time; in Chinese they end with a blank where one belongs.
# `why` begins with a colon, `exit` and `usage` with a comma, or they are empty.
STEPS: Mapping[str, tuple[str, str]] = {
    "submitted": (
        "submitted by {by}{owner}: {name}, {cpus}{task}{held}{waits}",
        "由 {by}提交{owner}：{name}，{cpus}{task}{held}{waits}",
    ),
    "held": ("held by {by}{why}", "由 {by}挂起{why}"),
    "held_automatically": ("held by the system{why}", "由系统挂起{why}"),
    "unheld": ("let go by {by}{why}", "由 {by}放行{why}"),
    "reprioritized": ("given priority {priority} by {by}", "由 {by}将优先级设为 {priority}"),
    "reserved": (
        "{cpus} ({numbers}) promised on {node} for {seconds} by {by}",
        "由 {by}在 {node} 上预留 {cpus}（{numbers}），时限 {seconds}",
    ),
    "started": ("started as PID {pid} on {node}{reporter}", "在 {node} 上启动，PID {pid}{reporter}"),
    "cancel_requested": ("cancelled by {by}{why}", "由 {by}取消{why}"),
    "requeue_requested": (
        "requeue asked for by {by}{why}; what runs is ended first",
        "由 {by}要求重新排队{why}；先结束正在运行的进程",
    ),
    "cleanup_blocked": (
        "cannot be killed on {node}: PID {pids}{why}; its CPUs stay in use",
        "在 {node} 上无法杀死：PID {pids}{why}；其 CPU 仍被占用",
    ),
    "dependency_met": ("dependency met: {dependency}", "依赖已满足：{dependency}"),
    "never_starts": (
        "can never start: {unmet} cannot come true any more",
        "永远无法启动：{unmet} 已不可能满足",
    ),
    "cancelled_waiting": ("cancelled by {by} while it waited{why}", "等待中被 {by}取消{why}"),
    "cancelled_reserved": (
        "reservation taken back by {by} before it started{why}",
        "启动之前由 {by}收回预留{why}",
    ),
    "cancelled_running": (
        "SIGTERM to group {pid} on {node}, group empty {after} later{exit}",
        "向 {node} 上的进程组 {pid} 发送 SIGTERM，{after}后进程组已空{exit}",
    ),
    "finished": ("ended after {ran}{exit}{usage}", "运行 {ran}后结束{exit}{usage}"),
    "timed_out": (
        "time limit of {limit} reached: SIGTERM to group {pid} on {node}, group empty {ran} after its start{exit}",
        "达到时限 {limit}：向 {node} 上的进程组 {pid} 发送 SIGTERM，启动 {ran}后进程组已空{exit}",
    ),
    "out_of_memory": (
        "out of memory on {node} after {ran}: killed{exit}{usage}",
        "在 {node} 上运行 {ran}后内存超限，已被杀死{exit}{usage}",
    ),
    "launch_failed": ("could not be started on {node}{why}", "无法在 {node} 上启动{why}"),
    "expired": (
        "reservation expired after {held_for}, nobody started it; back in the queue",
        "预留 {held_for}后过期，无人启动；回到队列",
    ),
    "reservation_lost": (
        "node {node} cannot start it any more{why}; reservation taken back, back in the queue",
        "节点 {node} 已无法启动它{why}；收回预留，回到队列",
    ),
    "node_lost": ("ended with its node {node} after {ran}{why}", "运行 {ran}后随节点 {node} 一同终止{why}"),
    "repaired": ("taken back from {node} by {by}{why}", "由 {by}从 {node} 收回{why}"),
    "requeued": ("put back into the queue by {by}{why}", "由 {by}重新排队{why}"),
    "requeued_as_asked": (
        "put back into the queue, as asked by {asker}{why}",
        "按 {asker}的要求重新排队{why}",
    ),
    "requeued_automatically": ("put back into the queue by the system{why}", "由系统重新排队{why}"),
    "late_report": (
        "reported too late by {node}, incarnation {incarnation}: {outcome}{exit}; it changes nothing",
        "{node}（第 {incarnation} 代）迟到的报告：{outcome}{exit}；不改变任何结果",
    ),
    "imported": (
        "imported from the original system ({name}), where it was {there}{where}{exit}{leak}{why}",
        "从原系统（{name}）导入，当时为 {there}{where}{exit}{leak}{why}",
    ),
    "imported_closed": (
        "allocation {allocation} of the original system closed by {by}{why}",
        "由 {by}关闭原系统的分配 {allocation}{why}",
    ),
    "other": ("{type} {values}", "{type} {values}"),
}

PARTS: Mapping[str, tuple[str, str]] = {
    "through_api": ("{actor} through the API", "{actor} 通过 API"),
    "through_cli": ("{actor} through the command line", "{actor} 通过命令行"),
    "through": ("{actor} through {channel}", "{actor} 通过 {channel}"),
    "nobody": ("nobody known", "未知者"),
    "owner": (" for {user}", "，代 {user}"),
    "held": (", held", "，挂起"),
    "task": (", task {task_id} of array {array}", "，作业数组 {array} 的任务 {task_id}"),
    "waits": (", waits for {on}", "，等待 {on}"),
    "reporter": (", told by {by}", "，由 {by} 上报"),
    "one_cpu": ("1 CPU", "1 个 CPU"),
    "cpus": ("{count} CPUs", "{count} 个 CPU"),
    "why": (": {reason}", "：{reason}"),
    "exit_code": (", exit code {code}", "，退出码 {code}"),
    "exit_signal": (", killed by {name}", "，被 {name} 杀死"),
    "exit_unknown": (", how is not known", "，方式未知"),
    "cpu_time": (", {seconds} of CPU", "，CPU {seconds}"),
    "memory": (", {memory} MB at most", "，内存峰值 {memory} MB"),
    "there_submitted": (", submitted {at}", "，提交于 {at}"),
    "there_started": (", started {at}", "，开始于 {at}"),
    "there_ended": (", ended {at}", "，结束于 {at}"),
    "there_on": (" on {node}", "，节点 {node}"),
    "there_pid": (" as PID {pid}", "，PID {pid}"),
    "leak": ("; its CPUs were never given back", "；其 CPU 从未归还"),
    "seconds": ("{seconds} s", "{seconds} 秒"),
    "unknown": ("?", "?"),
}
