"""What `conductor whatif` says. Part of the catalogue in `texts`, under the same promises."""

from collections.abc import Mapping

TEXTS_OF_WHATIF: Mapping[str, tuple[str, str]] = {
    "simulating": ("Simulating", "正在模拟"),
    "whatif_source": ("Jobs of", "作业来源"),
    "whatif_log": ("the log, positions {first} to {last}", "日志，位置 {first} 至 {last}"),
    "whatif_from": ("Begins", "开始"),
    "label_policy": ("Policy", "策略"),
    "whatif_policies": ("as it was, with its changes", "与当时相同，包括其变更"),
    "whatif_on": ("Nodes", "节点"),
    "whatif_real_nodes": ("as they were", "与当时相同"),
    "whatif_cpus": ("{nodes} (at most {cpus} CPUs)", "{nodes}（最多 {cpus} 个 CPU）"),
    "whatif_measure": ("MEASURE", "指标"),
    "whatif_policy_is": ("  Policy {number}: {policy}", "  策略 {number}：{policy}"),
    "whatif_numbered": ("POLICY {number}", "策略 {number}"),
    "whatif_one_chart": (
        "--chart draws one simulation; give one --policy",
        "--chart 只绘制一次模拟；请只给一个 --policy",
    ),
    "whatif_simulated": ("SIMULATED", "模拟"),
    "whatif_real": ("REALLY", "实际"),
    "whatif_jobs": ("jobs that ran", "运行的作业"),
    "whatif_cpu_hours": ("CPU hours", "CPU 小时"),
    "whatif_wait_mean": ("wait, mean", "等待时间，平均"),
    "whatif_wait_p50": ("wait, median (p50)", "等待时间，中位数（p50）"),
    "whatif_wait_p95": ("wait, 95th percentile", "等待时间，95% 分位"),
    "whatif_wait_max": ("wait, longest", "等待时间，最长"),
    "whatif_slowdown_mean": ("bounded slowdown, mean", "有界减速比，平均"),
    "whatif_slowdown_p95": ("bounded slowdown, 95th percentile", "有界减速比，95% 分位"),
    "whatif_slowdown_max": ("bounded slowdown, greatest", "有界减速比，最大"),
    "whatif_utilization": ("utilization", "利用率"),
    "whatif_makespan": ("makespan", "总完工时间"),
    "whatif_fairness": ("fairness between users (1 is best)", "用户间公平性（1 为最好）"),
    "whatif_most_waiting": ("most jobs waiting at once", "同时等待的最多作业数"),
    "whatif_nothing_ran": ("No job ran that could be measured.", "没有可以度量的作业运行过。"),
    "whatif_terms": (
        ("Bounded slowdown: (wait + run) / run, runs under {seconds} s counted as {seconds} s, at least 1. Fairness: "
        "Jain's index of the users' mean bounded slowdowns. docs/whatif.md has the formulae."),
        ("有界减速比：(等待 + 运行) / 运行，运行不足 {seconds} 秒按 {seconds} 秒计，最小为 1。"
        "公平性：各用户平均有界减速比的 Jain 指数。公式见 docs/whatif.md。"),
    ),
    "whatif_refused": (
        "Refused: {count:job|jobs} that no node could ever run.",
        "拒绝：{count:,} 个作业，没有节点能够运行。",
    ),
    "whatif_timed_out": (
        "Ended at the time limit: {count:job|jobs}.",
        "到达时间限制而结束：{count:,} 个作业。",
    ),
    "whatif_cancelled": (
        "Cancelled before the beginning: {count:job|jobs}.",
        "开始之前已取消：{count:,} 个作业。",
    ),
    "whatif_never_started": (
        "Never began: {count:job|jobs}; nothing that happened would have let them.",
        "始终未能开始：{count:,} 个作业；期间没有任何变化能让它们开始。",
    ),
    "whatif_never_ran": (
        "Left out: {count:job that has|jobs that have} not run yet; nobody knows for how long.",
        "未计入：{count:,} 个尚未运行的作业；无人知道它们会运行多久。",
    ),
    "whatif_still_running": (
        "Counted up to the end only: {count:job|jobs} that still ran.",
        "只计到结束时刻：{count:,} 个仍在运行的作业。",
    ),
    "whatif_requeued": (
        "Run once, as long as the last attempt: {count:job that was|jobs that were} requeued.",
        "只运行一次，时长取最后一次尝试：{count:,} 个被重新排队的作业。",
    ),
    "whatif_imported": (
        "Left out: {count:imported job|imported jobs} that ended in the original system; nobody noted its nodes.",
        "未计入：{count:,} 个已在原系统中结束的导入作业；无人记录原系统何时有哪些节点。",
    ),
    "whatif_carried_over": (
        "There from before: {count:job|jobs}, with the CPUs held, but no wait is measured.",
        "此前已存在：{count:,} 个作业；它们占用 CPU，但不度量其等待时间。",
    ),
    "whatif_part_of_another": (
        "Left out: {count:line that is part|lines that are parts} of another job.",
        "未计入：{count:,} 行，是其他作业的一部分。",
    ),
    "whatif_no_processors": (
        "Left out: {count:job|jobs} without a number of processors.",
        "未计入：{count:,} 个没有处理器数的作业。",
    ),
    "whatif_no_run_time": (
        "Left out: {count:job|jobs} without a run time.",
        "未计入：{count:,} 个没有运行时间的作业。",
    ),
    "whatif_without_limit": (
        ("Without a time limit: {count:job|jobs}. Backfill can plan with nothing but limits; "
        "--limits exact takes the true run times for them."),
        "没有时间限制：{count:,} 个作业。回填只能依据时间限制；--limits exact 以真实运行时间代替。",
    ),
    "whatif_without_wait": (
        "Not told by the trace: how long {count:job|jobs} really waited.",
        "跟踪文件没有记录：{count:,} 个作业实际等待了多久。",
    ),
    "whatif_not_drawn": ("Nothing is drawn, for nothing ran.", "没有作业运行，因此没有绘制图表。"),
    "whatif_drawn": ("Drawn: {path}", "已绘制：{path}"),
    "whatif_trace_only": (
        "--limits and --load are for a trace (--swf FILE); the log's jobs have limits and times of their own",
        "--limits 和 --load 只用于跟踪文件（--swf FILE）；日志中的作业有自己的限制和时间",
    ),
    "whatif_trace_times": (
        "a trace has no positions; give --from and --to as times: 1993-10-05",
        "跟踪文件没有日志位置；请用时间给出 --from 和 --to：1993-10-05",
    ),
    "whatif_backwards": (
        "nothing happened after --from and up to --to; give an earlier --from or a later --to",
        "--from 之后到 --to 为止什么也没有发生；请给出更早的 --from 或更晚的 --to",
    ),
    "whatif_nodes": ("--nodes {given}: {why}", "--nodes {given} 有误：{why}"),
    "whatif_policy": ("--policy {given}: {why}", "--policy {given} 有误：{why}"),
    "whatif_limits": (
        "--limits {given}: there are asked, exact and none",
        "--limits {given} 有误：可用 asked、exact 和 none",
    ),
    "whatif_load": (
        "--load {given}: a number from 0.001 to 1000; 2 submits the jobs twice as fast",
        "--load {given} 有误：应为 0.001 至 1000 的数；2 表示提交速度加倍",
    ),
    "chart_suffix": (
        "--chart {path}: its name must end in .svg or .png",
        "--chart {path} 有误：文件名须以 .svg 或 .png 结尾",
    ),
    "chart_library": (
        "--chart needs matplotlib, which is not installed: {python} -m pip install 'matplotlib>=3.9'",
        "--chart 需要 matplotlib，但尚未安装：{python} -m pip install 'matplotlib>=3.9'",
    ),
    "chart_use": ("CPUs in use", "使用中的 CPU"),
    "chart_queue": ("jobs waiting", "等待的作业"),
    "chart_there": ("CPUs there", "现有 CPU"),
    "chart_simulated": ("simulated", "模拟"),
    "chart_real": ("really", "实际"),
    "chart_title": ("{policy}; nodes: {nodes}", "{policy}；节点：{nodes}"),
    "chart_time": ("time ({zone})", "时间（{zone}）"),
    "chart_band": ("(line: mean, band: least to most)", "（线：均值；带：最小至最大）"),
}  # fmt: skip
