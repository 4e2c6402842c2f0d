"""What the command line says of the policy.

Part of the catalogue in `texts`, under the same promises.
"""

from collections.abc import Mapping

TEXTS_OF_THE_POLICY: Mapping[str, tuple[str, str]] = {
    "policy_never_changed": (
        "Nobody has changed the policy yet; these are the defaults.",
        "尚无人更改过策略；以下为默认值。",
    ),
    "policy_since": (
        "Since {at} (position {position}), changed by {by}{why}.",
        "自 {at}（位置 {position}）起，由 {by} 更改{why}。",
    ),
    "policy_from_setting": (
        "Since {at} (position {position}), as the setting CONDUCTOR_POLICY of {by} says.",
        "自 {at}（位置 {position}）起，依 {by} 的设置 CONDUCTOR_POLICY。",
    ),
    "policy_setting_is_over": (
        "From now on only commands change it: CONDUCTOR_POLICY is read once, at the beginning.",
        "此后只能用命令更改：CONDUCTOR_POLICY 只在最初读取一次。",
    ),
    "policy_why": (": {reason}", "：{reason}"),
    "policy_unchanged": ("It was so already; nothing was changed.", "原本已是如此；未作更改。"),
    "policy_changed": ("Changed at position {position}: {changes}", "已在位置 {position} 更改：{changes}"),
    "policy_no_changes": ("Nobody has changed the policy yet.", "尚无人更改过策略。"),
    "policy_usage": (
        "{given} is no change of the policy: write NAME=VALUE, such as order=backfill or guard_seconds=none",
        "{given} 不是对策略的更改：请写 NAME=VALUE，例如 order=backfill 或 guard_seconds=none",
    ),
    "policy_licence_twice": (
        "licences has {name} twice; give each name once",
        "licences 中 {name} 出现了两次；每个名称只写一次",
    ),
    "policy_bad_licences": (
        "{given} are no licences: write names with counts, matlab:5,abaqus:2, or none",
        "{given} 不是许可证：请写名称与数量，如 matlab:5,abaqus:2，或 none",
    ),
    "policy_change_or_look": (
        "changes go without --history, --fair-share and --as-of: the past cannot be changed",
        "更改不能与 --history、--fair-share、--as-of 同时使用：过去无法更改",
    ),
    "policy_one_view": (
        "--history and --fair-share go one at a time, and --history without --as-of",
        "--history 与 --fair-share 不能同时使用，--history 也不能与 --as-of 同时使用",
    ),
    "policy_reason_alone": (
        "--reason goes with a change: conductor policy order=backfill --reason TEXT",
        "--reason 须与更改一起使用：conductor policy order=backfill --reason TEXT",
    ),
    "fair_share_off": (
        "Fair share has no weight now; `conductor policy fair_share_weight=1000` would give it some.",
        "公平份额目前没有权重；`conductor policy fair_share_weight=1000` 可赋予权重。",
    ),
    "fair_share_weighs": (
        "A factor of 1 is worth {weight} points of priority. Half-life: {hours} h. Counted until {at}.",
        "因子 1 相当于优先级 {weight} 分。半衰期：{hours} 小时。计至 {at}。",
    ),
    "fair_share_nobody": ("No account has used anything that still counts.", "没有账户有仍计入的用量。"),
    # headings
    "policy_name": ("NAME", "名称"),
    "value": ("VALUE", "取值"),
    "meaning": ("MEANING", "含义"),
    "cpu_seconds": ("CPU SECONDS", "CPU 秒"),
    "part": ("PART", "占比"),
    "running_cpus": ("RUNNING CPUS", "运行中 CPU"),
    "factor": ("FACTOR", "因子"),
    # what the values mean
    "policy_order": (
        "first_fit, strict_fifo or backfill",
        "队列顺序：first_fit、strict_fifo、backfill",
    ),
    "policy_node_choice": (
        "least_loaded, pack or by_name",
        "节点选择：least_loaded、pack、by_name",
    ),
    "policy_guard_seconds": (
        "wait after which first_fit protects the head",
        "first_fit 队首等待超过此秒数后受保护",
    ),
    "policy_aging_per_hour": ("points of priority for each hour of waiting", "每等待一小时增加的优先级"),
    "policy_fair_share_weight": (
        "priority between a factor of 1 and one of 0",
        "因子 1 与因子 0 之间的优先级差",
    ),
    "policy_half_life_hours": ("after which use counts half", "用量计半所需的小时数"),
    "policy_user_max_cpus": ("CPUs of one user, reserved and running", "每用户预留和运行的 CPU 上限"),
    "policy_user_max_jobs": ("jobs of one user, reserved and running", "每用户预留和运行的作业上限"),
    "policy_licences": ("resources of the whole cluster", "整个集群的资源"),
}  # fmt: skip
