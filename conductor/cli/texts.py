"""Every sentence and heading of the command line, in each of its languages.

Promises: both languages for every key, with the same placeholders. States, reasons, event types and keys are
names: they are never translated. Refuses to know when anything is said.
"""

from collections.abc import Mapping
from typing import Literal

from conductor.cli.texts_of_the_doctor import TEXTS_OF_THE_DOCTOR
from conductor.cli.texts_of_the_import import TEXTS_OF_THE_IMPORT
from conductor.cli.texts_of_the_log import TEXTS_OF_THE_LOG
from conductor.cli.texts_of_the_nodes import TEXTS_OF_THE_NODES
from conductor.cli.texts_of_the_policy import TEXTS_OF_THE_POLICY
from conductor.cli.texts_of_tokens import TEXTS_OF_TOKENS
from conductor.cli.texts_of_waiting import TEXTS_OF_WAITING
from conductor.cli.texts_of_whatif import TEXTS_OF_WHATIF
from conductor.cli.why_texts import WHY_TEXTS

Language = Literal["en", "zh"]

_EVERYDAY: Mapping[str, tuple[str, str]] = {
    # errors
    "error": ("conductor: {what}", "conductor：{what}"),
    "warning": ("conductor: warning: {what}", "conductor：警告：{what}"),
    "unreachable": (
        "conductor: no server answers at {url} ({cause}). Start one with `conductor up`, or set CONDUCTOR_URL.",
        "conductor：{url} 没有服务器应答（{cause}）。请用 `conductor up` 启动，或设置 CONDUCTOR_URL。",
    ),
    "unauthorized": (
        ("conductor: the server refused the token. Use the token of the system that answers there: "
        "set CONDUCTOR_HOME to its home, or CONDUCTOR_API_TOKEN to what its `conductor token show` prints."),
        ("conductor：服务器拒绝了令牌。请使用该系统的令牌：将 CONDUCTOR_HOME 设为它的目录，"
        "或将 CONDUCTOR_API_TOKEN 设为其 `conductor token show` 的输出。"),
    ),
    "no_token": (
        "conductor: there is no token in {home} yet. The API makes one when it first starts: `conductor up`.",
        "conductor：{home} 中还没有令牌。API 首次启动时会生成：`conductor up`。",
    ),
    # submitting
    "submitted": ("Submitted batch job {job_id}", "Submitted batch job {job_id}"),
    "no_script": (
        "give a script FILE, `-` to read it from standard input, or --wrap 'COMMAND'",
        "请给出脚本 FILE，用 `-` 从标准输入读取，或使用 --wrap 'COMMAND'",
    ),
    "script_and_wrap": ("give either FILE or --wrap, not both", "FILE 与 --wrap 只能给一个"),
    "script_arguments": (
        ("arguments for the script are not supported: {arguments}. Options go before FILE; "
        "put the script's own arguments into --wrap, or into the script"),
        "不支持脚本参数：{arguments}。选项要写在 FILE 之前；脚本自身的参数请写进 --wrap 或脚本里",
    ),
    "sbatch_option": (
        ("{option} is an option of sbatch that this version does not have; leave it out, "
        "or see `conductor {command} --help` for those it has"),
        "{option} 是 sbatch 的选项，但本版本不支持；请去掉它，可用选项见 `conductor {command} --help`",
    ),
    "sbatch_fault": ("{option} {said}", "{option}：{said}"),
    "sbatch_ignored": ("{option} is ignored: {why}", "忽略 {option}：{why}"),
    "unknown_option": (
        "there is no option {option}; see `conductor {command} --help`",
        "没有选项 {option}；见 `conductor {command} --help`",
    ),
    "unreadable_script": ("cannot read {path}: {why}", "无法读取 {path}：{why}"),
    "large_script": (
        ("{path} is larger than {limit} bytes, the most a script may have; "
        "move data into files that the script reads"),
        "{path} 超过脚本上限 {limit} 字节；请把数据放进脚本读取的文件中",
    ),
    "script_not_utf8": (
        ("{path} is not valid UTF-8 (byte {position}); convert it, "
        "for example: iconv -f GB18030 -t UTF-8 {path} > NEW"),
        "{path} 不是有效的 UTF-8（第 {position} 字节）；请转换，例如：iconv -f GB18030 -t UTF-8 {path} > NEW",
    ),
    "bad_memory": (
        "{given} is no amount of memory: write megabytes, or a number with K, M, G or T, such as 2G",
        "{given} 不是内存大小：请写兆字节数，或带 K、M、G、T 的数字，如 2G",
    ),
    "bad_begin": (
        "{given} is no time: write 2026-01-31T18:00, 18:00, now+1hour, now+30minutes or tomorrow",
        "{given} 不是时间：请写 2026-01-31T18:00、18:00、now+1hour、now+30minutes 或 tomorrow",
    ),
    "bad_export": (
        "{given} in --export is neither ALL, NONE nor NAME or NAME=VALUE",
        "--export 中的 {given} 不是 ALL、NONE，也不是 NAME 或 NAME=VALUE",
    ),
    "unset_export": (
        "--export names {name}, which is not set here; write {name}=VALUE, or leave it out",
        "--export 提到的 {name} 在此没有设置；请写 {name}=VALUE，或去掉它",
    ),
    "contradicting_tasks": (
        "--ntasks {ntasks} and --ntasks-per-node {per_node} contradict: a job has one node; give one of them",
        "--ntasks {ntasks} 与 --ntasks-per-node {per_node} 矛盾：一个作业只用一个节点；请只给一个",
    ),
    "not_utf8": (
        "the value of {name} is not valid UTF-8 and cannot be sent; give another one",
        "{name} 的值不是有效的 UTF-8，无法发送；请换一个",
    ),
    # running and following
    "bringing_up": (
        "Nothing runs here yet; bringing up a system in {home} for this job ...",
        "尚无系统在运行；正在 {home} 为此作业启动系统 ……",
    ),
    "status_waiting": ("job {job_id} waiting{time}{why}", "作业 {job_id} 等待中{time}{why}"),
    "status_running": ("job {job_id} running{where}: {time}", "作业 {job_id} 运行中{where}：{time}"),
    "status_limited": (
        "job {job_id} running{where}: {time} of {limit}",
        "作业 {job_id} 运行中{where}：{time} / {limit}",
    ),
    "status_away": (
        "job {job_id}: the server does not answer; trying again",
        "作业 {job_id}：服务器没有应答；正在重试",
    ),
    "lost_touch": (
        ("conductor: lost touch with the server; job {job_id} goes on without us. "
        "Follow it again with `conductor logs -f {job_id}`."),
        "conductor：与服务器失去联系；作业 {job_id} 会继续。重新跟随：`conductor logs -f {job_id}`。",
    ),
    "ask_cancel": ("Cancel job {job_id}? [Y/n] ", "取消作业 {job_id}？[Y/n] "),
    "cancelling": ("conductor: cancelling job {job_id} ...", "conductor：正在取消作业 {job_id} ……"),
    "left_behind": (
        "conductor: no longer waiting for job {job_id}, which was asked to end.",
        "conductor：不再等待作业 {job_id}，它已被要求结束。",
    ),
    "ended": ("conductor: job {job_id} {state}{why}", "conductor：作业 {job_id} {state}{why}"),
    # changing jobs and nodes
    "several_cancelled": ("Array {job_id}: {count:task is|tasks are} cancelled.",
                          "作业数组 {job_id}：{count} 个任务已取消。"),
    "several_cancel_requested": (
        "Array {job_id}: {count:task was|tasks were} asked to end; the nodes are ending them.",
        "作业数组 {job_id}：已要求 {count} 个任务结束；其节点正在结束它们。",
    ),
    "several_already_ended": (
        "Array {job_id}: {count:task|tasks} had ended already.",
        "作业数组 {job_id}：{count} 个任务早已结束。",
    ),
    "several_held": (
        "Array {job_id}: {changed:task is|tasks are} held now; `conductor unhold {job_id}` lets them run.",
        "作业数组 {job_id}：{changed} 个任务已挂起；`conductor unhold {job_id}` 可放行。",
    ),
    "several_unheld": (
        "Array {job_id}: {changed:task|tasks} may run now.",
        "作业数组 {job_id}：{changed} 个任务可以运行了。",
    ),
    "several_none_held": (
        "Array {job_id}: its tasks that wait were held already; `conductor unhold {job_id}` lets them run.",
        "作业数组 {job_id}：等待中的任务早已挂起；`conductor unhold {job_id}` 可放行。",
    ),
    "several_none_unheld": (
        "Array {job_id}: none of its waiting tasks ({count}) was held.",
        "作业数组 {job_id}：等待中的 {count} 个任务均未挂起。",
    ),
    "several_not_held": (
        "Array {job_id}: {count:task waits|tasks wait} no more; nothing holds them.",
        "作业数组 {job_id}：{count} 个任务已不在等待，无需放行。",
    ),
    "several_requeued": (
        "Array {job_id}: {count:task waits|tasks wait} again.",
        "作业数组 {job_id}：{count} 个任务重新等待。",
    ),
    "several_requeue_requested": (
        "Array {job_id}: {count:task was|tasks were} asked to end and will then be put back.",
        "作业数组 {job_id}：已要求 {count} 个任务结束，随后重新排队。",
    ),
    "several_reprioritized": (
        "Array {job_id}: {changed:task has|tasks have} priority {priority} now.",
        "作业数组 {job_id}：{changed} 个任务的优先级改为 {priority}。",
    ),
    "one_job_wanted": (
        "{given} names several jobs; give one: 42, or one task of an array as 42_7",
        "{given} 指多个作业；请只给一个：42，或数组中的一个任务，如 42_7",
    ),
    "array_not_followed": (
        "run follows one job; `conductor submit --array {array}` submits many, `conductor logs 42_7` shows one of them",
        "run 只跟随一个作业；请用 `conductor submit --array {array}` 提交，用 `conductor logs 42_7` 查看其中一个",
    ),
    "cancelled": ("Job {job_id} is cancelled.", "作业 {job_id} 已取消。"),
    "cancel_requested": (
        "Job {job_id} was asked to end; its node is ending it.",
        "已要求作业 {job_id} 结束；其节点正在结束它。",
    ),
    "already_ended": ("Job {job_id} had already ended: {state}.", "作业 {job_id} 早已结束：{state}。"),
    "held": ("Job {job_id} is held; `conductor unhold {job_id}` lets it run.",
             "作业 {job_id} 已挂起；`conductor unhold {job_id}` 可放行。"),
    "not_held": (
        "Job {job_id} is {state}: it does not wait, and nothing holds it.",
        "作业 {job_id} 为 {state}：它不在等待，无需放行。",
    ),
    "unheld": ("Job {job_id} may run.", "作业 {job_id} 可以运行。"),
    "requeued": ("Job {job_id} is put back: {state}.", "作业 {job_id} 已重新排队：{state}。"),
    "requeue_requested": (
        "Job {job_id} was asked to end and will then be put back.",
        "已要求作业 {job_id} 结束，随后重新排队。",
    ),
    "reprioritized": (
        "Job {job_id} has priority {priority}.",
        "作业 {job_id} 的优先级为 {priority}。",
    ),
    "drained": (
        "Node {name} is drained: nothing more is placed on it; what runs there runs on.",
        "节点 {name} 已排空：不再分配新作业；正在运行的继续运行。",
    ),
    "resumed": ("Node {name} takes jobs again.", "节点 {name} 恢复接收作业。"),
    # listings
    "no_jobs": (
        "No jobs are waiting or running; `conductor jobs --all` shows those that ended.",
        "没有等待或运行的作业；`conductor jobs --all` 可查看已结束的作业。",
    ),
    "no_such_jobs": ("No jobs match.", "没有符合条件的作业。"),
    "no_nodes": (
        "No nodes are registered; `conductor executor` on a machine registers it.",
        "没有已注册的节点；在机器上运行 `conductor executor` 即可注册。",
    ),
    "no_events": ("No events match.", "没有符合条件的事件。"),
    "more_jobs": ("More follow; --limit N shows more.", "还有更多；--limit N 可显示更多。"),
    "log_head": ("The log ends at position {position}, hash {hash}.", "日志末尾位置 {position}，哈希 {hash}。"),
    "no_processes": ("No process matches.", "没有符合条件的进程。"),
    "bad_at": (
        '{given} is no time: write "2026-11-17 14:02", 14:02, now-2hours, or ISO 8601 with its offset',
        '{given} 不是时间：请写 "2026-11-17 14:02"、14:02、now-2hours，或带时区偏移的 ISO 8601 时间',
    ),
    # headings
    "id": ("ID", "编号"),
    "name": ("NAME", "名称"),
    "user": ("USER", "用户"),
    "state": ("STATE", "状态"),
    "cpus": ("CPUS", "CPU"),
    "time": ("TIME", "时间"),
    "limit": ("LIMIT", "时限"),
    "node_or_reason": ("NODE (REASON)", "节点（原因）"),
    "reason": ("REASON", "原因"),
    "used": ("USED", "已用"),
    "reserved": ("RESERVED", "预留"),
    "free": ("FREE", "空闲"),
    "total": ("TOTAL", "总数"),
    "memory": ("MEMORY", "内存"),
    "memory_held": ("HELD", "已占用"),
    "gres": ("GRES", "通用资源"),
    "numa": ("NUMA", "NUMA 节点"),
    "labels": ("LABELS", "标签"),
    "log_position": ("POS", "位置"),
    "at": ("TIME", "时间"),
    "stream": ("STREAM", "流"),
    "event": ("EVENT", "事件"),
    "by": ("BY", "操作者"),
    "through": ("THROUGH", "途径"),
    "details": ("DETAILS", "详情"),
    "job": ("JOB", "作业"),
    "attempt": ("ATTEMPT", "尝试"),
    "node": ("NODE", "节点"),
    "status": ("STATUS", "状态"),
    "process": ("PROCESS", "进程"),
    "since": ("SINCE", "自"),
    "pid": ("PID", "进程号"),
    "account": ("ACCOUNT", "账户"),
    "started": ("STARTED", "开始"),
    "ended_at": ("ENDED", "结束"),
    "exit": ("EXIT", "退出"),
    "release": ("RELEASE", "释放原因"),
    "submitted_by": ("SUBMITTED BY", "提交者"),
    "boot": ("BOOT", "启动标识"),
    "ticks": ("START TICKS", "启动滴答数"),
    "pid_namespace": ("PID NAMESPACE", "PID 命名空间"),
    # one process
    "process_title": ("PID {pid} on {node}: job {job_id}", "{node} 上的进程 {pid}：作业 {job_id}"),
    "still_runs": ("it still runs", "仍在运行"),
    "label_name": ("Name", "名称"),
    "label_release": ("Released", "释放原因"),
    "label_submitted_by": ("Submitted by", "提交者"),
    "label_ended_by": ("Ended by", "结束者"),
    "label_boot": ("Boot id", "启动标识"),
    "label_ticks": ("Start ticks", "启动滴答数"),
    "label_pid_namespace": ("PID namespace", "PID 命名空间"),
    # one job
    "job_title": ("Job {job_id}: {name}", "作业 {job_id}：{name}"),
    "label_state": ("State", "状态"),
    "label_user": ("User", "用户"),
    "label_account": ("Account", "账户"),
    "label_cpus": ("CPUs", "CPU"),
    "label_memory": ("Memory", "内存"),
    "label_nodelist": ("Only on", "仅限节点"),
    "label_labels": ("Labels", "标签"),
    "label_exclusive": ("Exclusive", "独占"),
    "label_gres": ("Resources", "通用资源"),
    "exclusive_node": ("the whole node", "整个节点"),
    "gres_numbers": ("{asked} (numbers {numbers})", "{asked}（编号 {numbers}）"),
    "label_priority": ("Priority", "优先级"),
    "label_limit": ("Time limit", "时限"),
    "label_array": ("Array", "作业数组"),
    "array_task": (
        "job {job_id}, task {task} of array {array} ({spec})",
        "作业 {job_id}，作业数组 {array}（{spec}）的任务 {task}",
    ),
    "array_tasks": ("{tasks:task|tasks}: {states}", "共 {tasks} 个任务：{states}"),
    "label_dependency": ("Waits for", "依赖"),
    "label_begin": ("Not before", "不早于"),
    "label_submitted": ("Submitted", "提交"),
    "label_started": ("Started", "开始"),
    "label_ended": ("Ended", "结束"),
    "label_node": ("Node", "节点"),
    "label_process": ("Process", "进程"),
    "label_usage": ("Used", "用量"),
    "label_attempt": ("Attempt", "尝试"),
    "label_exit": ("Exit", "退出"),
    "label_folder": ("Folder", "目录"),
    "label_stdout": ("Output", "输出"),
    "label_stderr": ("Errors", "错误输出"),
    "label_comment": ("Comment", "备注"),
    "after_wait": ("{at}  (after {time})", "{at}（等待 {time}）"),
    "after_run": ("{at}  (after {time})", "{at}（运行 {time}）"),
    "cpu_numbers": ("{count} ({numbers})", "{count}（{numbers}）"),
    "tasks_of": ("{count} ({tasks} tasks of {cpus})", "{count}（{tasks} 个任务，每个 {cpus}）"),
    "bytes": ("{path}  ({bytes} bytes)", "{path}（{bytes} 字节）"),
    "in_spool": ("kept by the node", "由节点保存"),
    "used_by_job": ("{cpu} of CPU, {memory} at most", "CPU {cpu}，内存峰值 {memory}"),
    "exit_code": ("code {code}", "代码 {code}"),
    "exit_signal": ("signal {signal} ({name})", "信号 {signal}（{name}）"),
    "exit_unknown": ("not known", "未知"),
    "asked_to_end": ("{state}, asked to end at {at}", "{state}，已于 {at} 要求结束"),
    "timeline": ("Timeline", "时间线"),
    "timeline_causes": ("Timeline (← what caused it, where that is no request and not the step before)",
                        "时间线（← 起因；由请求引起或由上一步引起的不标）"),
    "attempt_line": ("Attempt {number}", "第 {number} 次尝试"),
    "steps_left_out": (
        "... {count} steps left out; `conductor events --stream job-{job_id} --limit {limit}` lists all",
        "…… 省略 {count} 步；`conductor events --stream job-{job_id} --limit {limit}` 列出全部",
    ),
    "last_output": ("Last lines of its output (`conductor logs {job_id}` shows all)",
                    "最后的输出（`conductor logs {job_id}` 显示全部）"),
    # the cluster
    "stats_cpus": ("CPUs", "CPU"),
    "stats_cpu_line": (
        "{total} = {used} used + {reserved} reserved + {available} free + {unavailable} unavailable",
        "{total} = 已用 {used} + 预留 {reserved} + 空闲 {available} + 不可用 {unavailable}",
    ),
    "stats_utilization": ("In use", "利用率"),
    "stats_jobs": ("Jobs", "作业"),
    "stats_oldest": ("Longest wait", "最长等待"),
    "stats_nodes": ("Nodes", "节点"),
    "stats_position": ("Log", "日志"),
    "stats_position_line": ("position {position}", "位置 {position}"),
    # services
    "migrated": ("{name} is applied.", "{name} 已应用。"),
    "up_to_date": ("The schema is up to date.", "数据库结构已是最新。"),
}  # fmt: skip

TEXTS: Mapping[str, tuple[str, str]] = {
    **_EVERYDAY,
    **TEXTS_OF_THE_LOG,
    **TEXTS_OF_THE_DOCTOR,
    **TEXTS_OF_THE_IMPORT,
    **TEXTS_OF_THE_NODES,
    **TEXTS_OF_THE_POLICY,
    **TEXTS_OF_TOKENS,
    **TEXTS_OF_WAITING,
    **TEXTS_OF_WHATIF,
    **WHY_TEXTS,
}


class Counted(int):
    """A number that brings its noun: `{count:task|tasks}` is `1 task` or `3 tasks`."""

    def __format__(self, spec: str) -> str:
        if "|" not in spec:
            return super().__format__(spec)
        one, several = spec.split("|")
        return f"{int(self):,} {one if self == 1 else several}"


def text(language: Language, key: str, **values: object) -> str:
    """The sentence in that language, filled in."""
    sentence = TEXTS[key][1 if language == "zh" else 0]
    counted = {name: Counted(value) if type(value) is int else value for name, value in values.items()}
    return sentence.format(**counted) if values else sentence
