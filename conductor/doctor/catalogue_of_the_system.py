"""What is said of a system that runs: level, English, Chinese, and a command that mends it."""

from collections.abc import Mapping

OF_THE_SYSTEM: Mapping[str, tuple[str, ...]] = {
    "leader_ok": ("ok", "{leader} leads, for {age}", "{leader} 主导，已 {age}"),
    "leader_never": (
        "wrong",
        "No scheduler has ever led here: jobs wait. Start one",
        "从未有调度器主导：作业会一直等待。请启动一个",
        "conductor scheduler",
    ),
    "leader_gone": (
        "wrong",
        "No scheduler leads; {leader} did until {seconds} s ago. Jobs wait. Start one",
        "没有调度器主导；{leader} 的租约在 {seconds} 秒前到期。作业会一直等待。请启动一个",
        "conductor scheduler",
    ),
    "nodes_ok": ("ok", "{count} in touch", "{count} 个在线"),
    "nodes_none": (
        "warning",
        "No node is registered: jobs wait. On each machine that is to run them",
        "没有注册的节点：作业会一直等待。在每台要运行作业的机器上执行",
        "conductor executor",
    ),
    "node_silent": (
        "warning",
        "{node_name} has been silent for {age}: its executor is down, or cannot reach the database",
        "{node_name} 已失联 {age}：其执行器已停止，或连不上数据库",
        "conductor node {node_name}",
    ),
    "nodes_lost": (
        "warning",
        "Declared lost and not back: {names}",
        "已宣告失联且未恢复：{names}",
        "conductor audit",
    ),
    "node_clocks_ok": (
        "ok",
        "{count} told theirs; at most {seconds} s from the database's",
        "{count} 个节点已报告；与数据库最多相差 {seconds} 秒",
    ),
    "node_clocks_none": ("ok", "No node to ask", "没有可询问的节点"),
    "node_clocks_untold": ("note", "No node has told its clock yet", "还没有节点报告其时钟"),
    "node_clock_off": (
        "warning",
        "{node_name}'s clock is {seconds} s from the database's: times in jobs' outputs mislead. On {node_name}",
        "{node_name} 的时钟与数据库相差 {seconds} 秒：作业输出中的时间会误导人。在 {node_name} 上执行",
        "timedatectl set-ntp true",
    ),
    "releases_ok": ("ok", "Every executor is of {release}", "所有执行器均为 {release}"),
    "releases_differ": (
        "warning",
        "This is {release}, and executors are of {others}; upgrade the older ones (running jobs go on)",
        "此处为 {release}，而执行器为 {others}；请升级较旧者（运行中的作业不受影响）",
    ),
    "log_ok": ("ok", "Position {position}, {age} ago", "位置 {position}，{age} 前"),
    "log_empty": ("ok", "Empty", "为空"),
    "log_stands_still": (
        "warning",
        (
            "{waiting} jobs wait, {free} CPUs are free, and nothing has happened for {age}; `conductor why ID` says of "
            "each job why it waits"
        ),
        "{waiting} 个作业在等待，{free} 个 CPU 空闲，而 {age} 内没有任何事件；`conductor why ID` 说明每个作业为何等待",
        "conductor jobs --state PENDING",
    ),
    "api_ok": ("ok", "{url} answers and takes the token", "{url} 有应答并接受令牌"),
    "api_unreachable": (
        "unknown",
        "Could not look: nothing usable answers at {url} ({cause}); start it, or set CONDUCTOR_URL",
        "无法查看：{url} 没有可用的应答（{cause}）；请启动，或设置 CONDUCTOR_URL",
        "conductor up",
    ),
    "api_away": (
        "wrong",
        "A system runs on this home, and nothing usable answers at {url} ({cause}). Is CONDUCTOR_URL another's?",
        "本目录上有系统在运行，但 {url} 没有可用的应答（{cause}）。CONDUCTOR_URL 是否属于其他系统？",
    ),
    "api_token_refused": (
        "wrong",
        (
            "{url} refuses the token: it belongs to another home. Set CONDUCTOR_HOME to that system's, or "
            "CONDUCTOR_API_TOKEN to what its `conductor token show` prints"
        ),
        (
            "{url} 拒绝了令牌：它属于另一个目录。请将 CONDUCTOR_HOME 设为该系统的目录，"
            "或将 CONDUCTOR_API_TOKEN 设为其 `conductor token show` 的输出"
        ),
    ),
    "api_token_untried": (
        "unknown",
        "{url} answers; the token was not tried, see above",
        "{url} 有应答；未尝试令牌，原因见上",
    ),
    "api_no_token": (
        "wrong",
        (
            "{url} answers, and there is no token here. Set CONDUCTOR_HOME to that system's, or CONDUCTOR_API_TOKEN to "
            "what its `conductor token show` prints"
        ),
        (
            "{url} 有应答，但此处没有令牌。请将 CONDUCTOR_HOME 设为该系统的目录，"
            "或将 CONDUCTOR_API_TOKEN 设为其 `conductor token show` 的输出"
        ),
    ),
    "api_refused": ("wrong", "{url} answers {status}: {what}", "{url} 返回 {status}：{what}"),
    "api_other_database": (
        "wrong",
        "The API at {url} works on another database: its log is at {theirs}, the one named here at {ours}",
        "{url} 的 API 使用另一个数据库：其日志位置为 {theirs}，此处所指为 {ours}",
    ),
    "api_plain": (
        "warning",
        "The token goes to {url} unencrypted; use https:// there",
        "令牌以明文发送到 {url}；请使用 https://",
    ),
    "proxies_none": ("ok", "None", "无"),
    "proxies_unused": ("ok", "{names} set, not used for the API", "设有 {names}，访问 API 时不使用"),
    "proxied": (
        "warning",
        "Requests to {url} go through a proxy, which sees the token: {names}",
        "到 {url} 的请求经过代理，代理能看到令牌：{names}",
        'export NO_PROXY="$NO_PROXY,{host}"',
    ),
    "see_api": ("unknown", "Could not look: the API does not tell", "无法查看：API 没有告知"),
    "audit_ok": ("ok", "No findings", "没有发现问题"),
    "audit_warnings": (
        "warning",
        "The quick audit has {warnings} warnings",
        "快速审计有 {warnings} 条警告",
        "conductor audit --quick",
    ),
    "audit_errors": (
        "wrong",
        "The quick audit has {errors} errors and {warnings} warnings",
        "快速审计有 {errors} 个错误和 {warnings} 条警告",
        "conductor audit --quick",
    ),
}
