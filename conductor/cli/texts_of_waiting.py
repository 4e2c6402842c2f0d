"""What is said while a command waits, follows or watches. Part of the catalogue in `texts`, under the same promises."""

from collections.abc import Mapping

# What a reason means, for a line that has little room; `conductor why` says more
REASONS: Mapping[str, tuple[str, str]] = {
    "Resources": ("no node has room now", "目前没有节点有空位"),
    "Priority": ("others go first", "其他作业优先"),
    "NoNodes": ("no node is registered", "没有已注册的节点"),
    "NodeDown": ("its node is silent", "其节点已失联"),
    "ReqNodeNotAvail": ("no node that could run it takes jobs", "能运行它的节点均不接收作业"),
    "BadConstraints": ("no node could ever run it", "没有节点能够运行它"),
    "JobHeldUser": ("held; `conductor unhold` lets it run", "已挂起；`conductor unhold` 可放行"),
    "JobHoldMaxRequeue": ("held after too many lost nodes", "因节点多次失联而挂起"),
    "Dependency": ("it depends on other jobs", "它依赖其他作业"),
    "BeginTime": ("not before its time", "尚未到开始时间"),
    "Starting": ("it is about to start", "即将启动"),
}

TEXTS_OF_WAITING: Mapping[str, tuple[str, str]] = {
    # run
    "status_reserved": ("starting on {node}", "正在 {node} 上启动"),
    "reason_told": (": {told}", "：{told}"),
    "reason_meant": (": {reason}, {means}", "：{reason}，{means}"),
    "let_go": (
        "conductor: job {job_id} goes on; `conductor logs -f {job_id}` follows, `conductor cancel {job_id}` ends it.",
        "conductor：作业 {job_id} 会继续。跟随：`conductor logs -f {job_id}`；结束：`conductor cancel {job_id}`。",
    ),
    "let_go_alone": (
        ("conductor: job {job_id} is left to itself, and the system that was brought up for it stops. "
        "`conductor up` takes it up again; then `conductor logs -f {job_id}`."),
        ("conductor：作业 {job_id} 交由其自身，为它启动的系统即将停止。"
        "用 `conductor up` 接管，再用 `conductor logs -f {job_id}` 跟随。"),
    ),
    # wait, submit --wait
    "one_ended": ("Job {job_id}: {state}{how}.", "作业 {job_id}：{state}{how}。"),
    "all_ended": ("{count:job has|jobs have} ended: {states}.", "{count} 个作业已结束：{states}。"),
    "no_such_task": (
        "array {array} has no task {task}; `conductor jobs --all --array {array}` lists those it has",
        "作业数组 {array} 没有任务 {task}；`conductor jobs --all --array {array}` 列出其任务",
    ),
    "goes_on": (
        "conductor: what was submitted goes on; `conductor wait {job_id}` waits for it again.",
        "conductor：已提交的作业会继续；`conductor wait {job_id}` 可再次等待。",
    ),
    "unknown_nodes": (
        "no node is registered as {names}; the job runs on another that it names (`conductor nodes` lists them)",
        "没有名为 {names} 的已注册节点；作业将在所列的其他节点上运行（`conductor nodes` 列出全部节点）",
    ),
    # submit --batch
    "submitted_batch": (
        "Submitted {count:batch job|batch jobs}: {first} to {last}",
        "已提交 {count} 个作业：{first} 至 {last}",
    ),
    "batch_alone": (
        "--batch takes each job's options from its own line; leave {option} out here",
        "--batch 中每个作业的选项写在各自的行里；请在此去掉 {option}",
    ),
    "batch_line": ("line {line} of {path}: {said}", "{path} 第 {line} 行：{said}"),
    "logs_wait": (
        "conductor: job {job_id} is {state}{why}; its output comes once it runs. Ctrl-C ends the watching alone.",
        "conductor：作业 {job_id} 为 {state}{why}；运行后即显示其输出。按 Ctrl-C 只结束观看，不影响作业。",
    ),
    "output_lost": (
        "conductor: standard output cannot be written: {why}. What was asked for is not all there.",
        "conductor：无法写入标准输出：{why}。输出不完整。",
    ),
    "batch_empty": ("{path} has no job: write one JSON object a line", "{path} 中没有作业：每行写一个 JSON 对象"),
    "batch_not_json": (
        'line {line} of {path} is no JSON object such as {{"script": "#!/bin/sh\\ntrue\\n", "cpus": 2}}: {why}',
        '{path} 第 {line} 行不是 JSON 对象，例如 {{"script": "#!/bin/sh\\ntrue\\n", "cpus": 2}}：{why}',
    ),
    "batch_field": (
        "line {line} of {path}: {field} is no field of a submission{nearest}",
        "{path} 第 {line} 行：{field} 不是提交的字段{nearest}",
    ),
    "batch_nearest": ("; did you mean {field}?", "；是否想写 {field}？"),
    # words that do not fit
    "usage": ("conductor: {said}; see `{command} --help`", "conductor：{said}；见 `{command} --help`"),
    "usage_missing": ("{name} is missing", "缺少 {name}"),
    "usage_option": ("there is no option {name}{nearest}", "没有选项 {name}{nearest}"),
    "usage_nearest": (" (did you mean {name}?)", "（是否想写 {name}？）"),
    "usage_command": ("there is no command {name}{nearest}", "没有命令 {name}{nearest}"),
    "usage_number": ("{name} must be a number", "{name} 必须是数字"),
    "usage_other": ("{message}", "用法有误：{message}"),
    # completion
    "unknown_shell": ("{shell} is no shell that is known here: {known}", "{shell} 不是可用的 shell：{known}"),
    "array_whole": ("{task}; {tasks}", "{task}；{tasks}"),
    # jobs --queue
    "place": ("PLACE", "位次"),
    "priority": ("PRIO", "优先级"),
    "effective": ("EFFECTIVE", "有效优先级"),
    "queue_alone": (
        "--queue shows the whole queue in its order; of other options it takes --limit, --wide and --json",
        "--queue 按次序显示整个队列；其他选项只能用 --limit、--wide 和 --json",
    ),
    "queue_empty": (
        "Nothing is in the queue; `conductor jobs` also shows what is held or waits for a time or another job.",
        "队列为空；`conductor jobs` 还会显示已挂起、等待时间或等待其他作业的作业。",
    ),
    "queue_more": ("{count:more waits|more wait} behind them.", "其后还有 {count} 个在等待。"),
    "licence_use": ("Licence {name}: {used} of {total} in use.", "许可证 {name}：已用 {used}/{total}。"),
    # jobs --watch
    "watch_alone": (
        "--watch shows what is now, as far as the screen goes; leave --json, --wide and --as-of out",
        "--watch 只在屏幕范围内显示当前状态；请去掉 --json、--wide 和 --as-of",
    ),
    "watch_no_terminal": (
        "--watch needs a terminal; in a pipe, ask again and again: `conductor jobs --json`",
        "--watch 需要终端；在管道中请反复查询：`conductor jobs --json`",
    ),
    "watch_asking": ("Asking ...", "正在查询 ……"),
    "watch_cpus": ("{used} of {total} CPUs in use", "CPU 已用 {used}/{total}"),
    "watch_no_jobs": ("No jobs yet.", "还没有作业。"),
    "watch_away": ("The server does not answer; this is of {at}.", "服务器没有应答；以上为 {at} 的状态。"),
    "watch_more": ("More jobs than lines.", "作业多于屏幕行数。"),
    "watch_keys": ("q ends", "按 q 结束"),
}  # fmt: skip
