"""What the fields of jobs, submissions and allocations mean: by name, or by shape and name where one name has two
meanings.
"""

from collections.abc import Mapping

from api.document.description import Both

NAMES_OF_JOBS: Mapping[str, Both] = {
    # jobs
    "account": ("Account or project that it counts for.", "所属的账户或项目。"),
    "allocated_cpus": ("CPUs that it holds or held in this attempt.", "本次尝试持有或曾持有的 CPU 数。"),
    "array": ("Of an array: its tasks, and how they stand.", "若为作业数组：其任务及状态。"),
    "array_job_id": ("The array that it belongs to.", "所属的作业数组。"),
    "array_spec": (
        "The whole array, as it was asked for: `0-99:2%10`.",
        "整个作业数组，按提交时的写法：`0-99:2%10`。",
    ),
    "array_task_id": ("Its number within the array.", "在作业数组中的序号。"),
    "array_tasks": ("Of an array: how many tasks it has.", "若为作业数组：任务数。"),
    "attempt": (
        "Which try at running it, from 1; only a requeue makes it grow.",
        "第几次尝试，从 1 起；只有重新排队会使其增加。",
    ),
    "begin_time": ("It may not start earlier.", "不得早于该时刻启动。"),
    "cancel_requested_at": ("When its processes were asked to end.", "要求其进程结束的时刻。"),
    "comment": ("Text for people.", "说明文字。"),
    "cpus_per_task": ("CPUs a task.", "每个任务的 CPU 数。"),
    "dependency": (
        "What must have happened first: `afterok:41:42_7`.",
        "启动前须满足的依赖：`afterok:41:42_7`。",
    ),
    "eligible_time": (
        "Since when it may start, as far as holds and `begin_time` go.",
        "就暂缓和 `begin_time` 而言可以启动的时刻。",
    ),
    "end_time": (
        "When it was recorded that it has ended and holds nothing any more.",
        "记录到其已结束且资源全部释放的时刻。",
    ),
    "environment": (
        "Environment variables: names and values, at most 128 KiB.",
        "环境变量：名称与值，最多 128 KiB。",
    ),
    "environment_id": ("Names its environment variables.", "其环境变量的标识。"),
    "exclusive": ("All CPUs of its node, and nobody beside it.", "独占节点的全部 CPU。"),
    "exit_code": (
        "Exit code of the script; null when a signal ended it, or nobody could know.",
        "脚本的退出码；被信号终止或无从得知时为 null。",
    ),
    "exit_signal": ("Number of the signal that ended the script.", "终止脚本的信号编号。"),
    "final": (
        "It has ended; only a requeue makes this false again.",
        "作业已结束；只有重新排队会使其变回假。",
    ),
    "folded_task_ids": ("Which tasks this line stands for: `20-99`.", "该行代表的任务：`20-99`。"),
    "folded_tasks": ("How many tasks this line stands for.", "该行代表的任务数。"),
    "gres": ("Generic resources by name.", "通用资源，按名称。"),
    "held": ("Somebody keeps it from starting.", "被人为暂缓启动。"),
    "job": ("The submission.", "提交的作业。"),
    "job_id": ("The job's number.", "作业编号。"),
    "path.job_id": (
        "`42`; `42_7` for a task of an array; to act on several, `42_[1-5]`.",
        "`42`；作业数组的任务写作 `42_7`；操作多个任务写作 `42_[1-5]`。",
    ),
    "job_name": ("The job's name.", "作业名称。"),
    "jobs": ("In their order.", "按顺序排列。"),
    "labels": ("Labels by name, with their values.", "标签：名称与值。"),
    "memory_mb": ("Memory in MiB.", "内存，单位 MiB。"),
    "name": ("Name.", "名称。"),
    "path.name": ("The node's name.", "节点名称。"),
    "nice": ("Lowers the priority by this much.", "将优先级降低该数值。"),
    "nodelist": (
        "One of these nodes: names, or `n1,node[1-3]`.",
        "限定的节点：名称列表，或 `n1,node[1-3]`。",
    ),
    "ntasks_per_node": ("Tasks; multiplied by `cpus_per_task`.", "任务数；与 `cpus_per_task` 相乘。"),
    "priority": ("Higher goes first.", "数值大者优先。"),
    "process_id": ("PID of the script on its node.", "脚本在节点上的进程号。"),
    "requeue": ("A new attempt when its node fails.", "节点故障后允许重新尝试。"),
    "resource_allocation": (
        "What it holds or held last (when one job is asked for).",
        "当前或最后一次的资源分配（查询单个作业时）。",
    ),
    "run_seconds": (
        "How long it has run, in seconds (when one job is asked for).",
        "已运行的秒数（查询单个作业时）。",
    ),
    "script_sha256": ("Digest of the script.", "脚本的摘要。"),
    "signal": (
        "A signal before the time limit: `[B:]SIGNAL[@SECONDS]`.",
        "时限之前发送的信号：`[B:]SIGNAL[@SECONDS]`。",
    ),
    "start_time": ("When it began to run.", "开始运行的时刻。"),
    "stderr": (
        "The end of its error output (when one job is asked for).",
        "标准错误的末尾（查询单个作业时）。",
    ),
    "stderr_bytes": ("Length of the whole error output.", "整个标准错误的字节数。"),
    "stderr_note": ("Why there is nothing to show.", "无内容可显示的原因。"),
    "stderr_path": ("Where its error output goes.", "标准错误的路径。"),
    "stderr_truncated": ("The beginning is left out.", "省略了开头部分。"),
    "stdout": ("The end of its output (when one job is asked for).", "标准输出的末尾（查询单个作业时）。"),
    "stdout_bytes": ("Length of the whole output.", "整个标准输出的字节数。"),
    "stdout_note": ("Why there is nothing to show.", "无内容可显示的原因。"),
    "stdout_path": (
        "Where its output goes, with patterns such as `%j`.",
        "标准输出的路径，可含 `%j` 等模式。",
    ),
    "stdout_truncated": ("The beginning is left out.", "省略了开头部分。"),
    "submit_time": ("When it was submitted.", "提交时刻。"),
    "submitted_by": ("Whose token submitted it.", "提交者的令牌名称。"),
    "time_limit": ("Minutes, rounded up; null is none.", "运行时限，单位分钟，向上取整；null 表示不限。"),
    "time_limit_seconds": ("The limit that is enforced, in seconds.", "实际执行的运行时限，单位秒。"),
    "total_cpus_required": ("CPUs that it needs, all on one node.", "所需 CPU 总数（在同一节点上）。"),
    "user_name": ("Whose job it is.", "作业所属用户。"),
    "wait_seconds": (
        "How long it has waited, in seconds (when one job is asked for).",
        "已等待的秒数（查询单个作业时）。",
    ),
    "warnings": (
        "What of the script's own lines is ignored, a sentence each.",
        "脚本自身被忽略的行，每行一句说明。",
    ),
    "work_dir": (
        "The folder it runs in, absolute; null: one of its own.",
        "工作目录，绝对路径；null 表示为其单独建立的目录。",
    ),
    # submissions
    "Submission.array": (
        "As many jobs: `0-99`, `1-10:2`, `3,7`, with `%10` for ten at a time.",
        "作业数组：`0-99`、`1-10:2`、`3,7`，`%10` 表示同时最多十个。",
    ),
    "Submit.array": ("Not in commands.", "命令中不可用。"),
    "begin": ("The same as `begin_time`.", "与 `begin_time` 相同。"),
    "cpus": ("CPUs on one node.", "同一节点上的 CPU 数。"),
    "Submission.gres": ('`{"gpu": 2}`, or `gpu:2,licence:1`.', '`{"gpu": 2}`，或 `gpu:2,licence:1`。'),
    "hold": ("Waits until it is let go.", "提交后暂缓启动。"),
    "Submission.labels": (
        'Its node has them all: `{"zone": "a"}`, or `zone=a&arch=aarch64`.',
        '节点须具有全部标签：`{"zone": "a"}`，或 `zone=a&arch=aarch64`。',
    ),
    "Submission.name": ("`job_ID` when left out.", "省略时为 `job_编号`。"),
    "script": (
        "The whole script: UTF-8, line feeds only, at most 1 MiB.",
        "完整脚本：UTF-8，仅用换行符（LF），最多 1 MiB。",
    ),
    "Submission.time_limit": (
        "Minutes, or `MM:SS`, `HH:MM:SS`, `D-HH`, `D-HH:MM`, `D-HH:MM:SS`.",
        "分钟数，或 `MM:SS`、`HH:MM:SS`、`D-HH`、`D-HH:MM`、`D-HH:MM:SS`。",
    ),
    "user": ("The same as `user_name`.", "与 `user_name` 相同。"),
    "Batch.jobs": ("The submissions.", "要提交的作业。"),
    # what is asked of jobs, and what comes of it
    "changed": ("How many tasks it made a difference to.", "实际受影响的任务数。"),
    "refused": ("Tasks that would not, the first hundred.", "拒绝的任务，最多列出一百个。"),
    # allocations
    "allocation_id": ("The allocation's number.", "分配编号。"),
    "allocation_time": (
        "When the process was recorded, before the script's first line ran.",
        "登记进程的时刻，早于脚本首行执行。",
    ),
    "allocations": ("In their order.", "按顺序排列。"),
    "boot_id": ("Boot of the machine, as its kernel names it.", "机器的启动标识。"),
    "cpu_ids": ("Which CPUs of the node.", "节点上的 CPU 编号。"),
    "cpu_seconds": ("CPU time, in seconds.", "CPU 时间，单位秒。"),
    "expires_at": ("Until when it holds.", "有效期限。"),
    "Allocation.gres": (
        "Which pieces of generic resources it holds, from 0, by name.",
        "持有的通用资源编号（从 0 起），按名称。",
    ),
    "id": ("Its number.", "编号。"),
    "memory_peak_mb": (
        "Largest resident memory of any one of its processes, in MiB.",
        "单个进程的最大常驻内存，单位 MiB。",
    ),
    "pid_namespace": ("PID namespace in which the PID counts.", "进程号所在的 PID 命名空间。"),
    "process_start_ticks": (
        "Start of the process in clock ticks since boot.",
        "进程启动时间：自开机起的时钟滴答数。",
    ),
    "release_reason": (
        "`finished`, `cancelled`, `timed_out`, `expired`, `launch_failed`, `node_lost`, `out_of_memory` or `repaired`.",
        (
            "`finished`、`cancelled`、`timed_out`、`expired`、`launch_failed`、`node_lost`、`out_of_memory` "
            "或 `repaired` 之一。"
        ),
    ),
    "release_time": ("When the CPUs were free again.", "CPU 释放的时刻。"),
    "reservation_time": ("When the CPUs were promised.", "预留 CPU 的时刻。"),
    "start_ticks": (
        "Start of the process in clock ticks since boot: field 22 of /proc/PID/stat.",
        "进程启动时间：自开机起的时钟滴答数，即 /proc/PID/stat 第 22 项。",
    ),
    "tasks": ("How many tasks it has.", "任务数。"),
    "WholeArray.tasks": ("How many tasks are in which state.", "各状态的任务数。"),
}
