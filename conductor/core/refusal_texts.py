"""What is said when a wish is refused, in English and Chinese: code -> (English, Chinese)."""

from collections.abc import Mapping

REFUSALS: Mapping[str, tuple[str, str]] = {
    # where a job could ever run
    "too_wide": (
        "The job asks for {cpus} CPUs on one node, but the widest node has {widest}. Ask for {widest} or fewer.",
        "作业要求在一个节点上使用 {cpus} 个 CPU，而最宽的节点只有 {widest} 个。请要求不超过 {widest} 个。",
    ),
    "beyond_cap": (
        ("The job asks for {cpus} CPUs, but the policy lets a user have {most} at a time (user_max_cpus). "
        "Ask for {most} or fewer, or have the policy changed."),
        ("作业要求 {cpus} 个 CPU，而策略限制每个用户同时最多 {most} 个（user_max_cpus）。"
        "请要求不超过 {most} 个，或请人更改策略。"),
    ),
    "whole_beyond_cap": (
        ("The job asks for a whole node, and the narrowest that could take it has {cpus} CPUs, but the policy lets "
        "a user have {most} at a time (user_max_cpus). Ask for {most} or fewer, or have the policy changed."),
        ("作业要求独占节点，可用的最窄节点有 {cpus} 个 CPU，而策略限制每个用户同时最多 {most} 个（user_max_cpus）。"
        "请要求不超过 {most} 个，或请人更改策略。"),
    ),
    "few_licences": (
        ("The job asks for {name}:{count}, but the policy has {most} licences of {name}. Ask for {most} or fewer, or "
        "have the policy changed."),
        "作业要求 {name}:{count}，而策略只有 {most} 个 {name} 许可证。请要求不超过 {most} 个，或请人更改策略。",
    ),
    "no_licences": (
        ("The job asks for {name}:{count}, but the policy has 0 licences of {name}. Leave it out, or have the policy "
        "changed."),
        "作业要求 {name}:{count}，而策略中没有 {name} 许可证。请去掉它，或请人更改策略。",
    ),
    "too_much_memory": (
        "The job asks for {memory_mb} MB on one node, but no node has more than {most} MB. Ask for {most} MB or less.",
        "作业要求在一个节点上使用 {memory_mb} MB，而没有节点超过 {most} MB。请要求不超过 {most} MB。",
    ),
    "few_gres": (
        "The job asks for {name}:{count}, but no node has more than {most}. Ask for {most} or fewer.",
        "作业要求 {name}:{count}，而没有节点超过 {most} 个。请要求不超过 {most} 个。",
    ),
    "no_gres": (
        "The job asks for {name}:{count}, but no node has any{known}.",
        "作业要求 {name}:{count}，而没有节点拥有它{known}。",
    ),
    "no_label": (
        "The job asks for a node with {name}={value}, but no node has that label{known}.",
        "作业要求带有 {name}={value} 的节点，而没有节点有此标签{known}。",
    ),
    "no_named_node": (
        "The job asks for {names}, but no node of that name is registered{near}",
        "作业要求 {names}，而没有该名称的已注册节点{near}",
    ),
    "known": ("; there are {names}", "；现有 {names}"),
    "near": ("; did you mean {name}?", "；是否想写 {name}？"),
    "nodes_are": ("; `conductor nodes` lists them.", "；`conductor nodes` 列出全部节点。"),
    "together": (
        ("No node has all that the job asks for together ({wish}). The nearest is {node}, where it cannot run: "
        "{clauses}."),
        "没有节点同时具备作业的全部要求（{wish}）。最接近的是 {node}，但无法在其上运行：{clauses}。",
    ),
    "not_named": ("it asked for {names}", "作业要求 {names}"),
    "other_label": (
        "it asked for a node with {name}={value}, this one has {has}",
        "作业要求 {name}={value} 的节点，该节点为 {has}",
    ),
    "without_label": (
        "it asked for a node with {name}={value}, this one has none",
        "作业要求 {name}={value} 的节点，该节点没有此标签",
    ),
    "fewer_cpus": ("it asked for {cpus} CPUs, the node has {has}", "作业要求 {cpus} 个 CPU，该节点有 {has} 个"),
    "less_memory": ("it asked for {memory_mb} MB, the node has {has}", "作业要求 {memory_mb} MB，该节点有 {has} MB"),
    "fewer_gres": (
        "it asked for {name}:{count}, the node has {has}",
        "作业要求 {name}:{count}，该节点有 {has} 个",
    ),
    # jobs
    "no_subject": ("There is no {subject}. Check the number.", "没有 {subject}。请核对编号。"),
    "no_awaited_job": (
        "There is no job {name} to wait for. Look for its number with `conductor jobs --all`.",
        "没有可等待的作业 {name}。请用 `conductor jobs --all` 查找其编号。",
    ),
    "cannot_hold": (
        "Job {job} is {state}; only a waiting job can be held. Cancel or requeue it instead.",
        "作业 {job} 为 {state}；只有等待中的作业才能挂起。请改为取消或重新排队。",
    ),
    "cannot_reprioritize": (
        "Job {job} is {state}; priority matters only while it waits.",
        "作业 {job} 为 {state}；优先级只在等待时起作用。",
    ),
    "version_differs": (
        "It is at version {version}, not {expected}. Read it again and decide anew.",
        "它的版本是 {version}，而不是 {expected}。请重新读取后再决定。",
    ),
    # tokens, and what those who carry them may do
    "token_name": (
        "A token's name is a letter or digit, then up to 62 letters, digits, . _ -.",
        "令牌名称以字母或数字开头，其后最多 62 个字母、数字或 . _ -。",
    ),
    "token_reserved": (
        "The name {name} belongs to the system itself. Choose another.",
        "名称 {name} 由系统自身使用。请另选一个。",
    ),
    "token_taken": (
        ("There is, or was, a token {name}, and names are never given again. Choose another; a token whose secret "
        "nobody has is ended by `conductor token revoke {name}`."),
        ("已有或曾有令牌 {name}，名称不可重复使用。请另选一个；若密钥已丢失，请用 `conductor token revoke {name}` "
        "吊销该令牌。"),
    ),
    "token_node": (
        "An executor's token is for one node, which it names; no other names one.",
        "executor 角色的令牌须指定一个节点；其他角色的令牌不能指定节点。",
    ),
    "token_past": ("That time has passed. Name one to come.", "该时间已过去。请给出将来的时间。"),
    "token_digest": ("The digest of the secret is 64 hexadecimal digits.", "密钥摘要须为 64 位十六进制数字。"),
    "no_token": (
        "There is no token {name}. `conductor token list` lists them.",
        "没有令牌 {name}。`conductor token list` 可列出全部令牌。",
    ),
    "role_forbids": (
        ("A token of the role {role} may not send {command}. Ask an administrator for one that may "
        "(`conductor token create`)."),
        "角色为 {role} 的令牌无权发送 {command}。请向管理员申请有权限的令牌（`conductor token create`）。",
    ),
    "anothers_job": (
        "Job {job} is {owner}'s; this token acts for {user}. An operator may.",
        "作业 {job} 属于 {owner}，而此令牌代表 {user}。请由 operator 角色操作。",
    ),
    "own_user_only": (
        "This token submits as {user} only. Leave user_name out, or ask an operator.",
        "此令牌只能以 {user} 的身份提交。请省去 user_name，或请 operator 角色代为提交。",
    ),
    "own_priority": (
        "Only operators give priorities above 0. Lower ones let your other jobs go first.",
        "只有 operator 角色才能给出大于 0 的优先级。更低的优先级可让你的其他作业先行。",
    ),
    "own_node_only": (
        "This token is for the node {node} and for nothing beyond it.",
        "此令牌仅用于节点 {node}，不能用于其他操作。",
    ),
    "no_acknowledging": (
        "{finding} cannot be acknowledged. Run `conductor audit`: it prints what mends it.",
        "{finding} 不能标记为已知。请运行 `conductor audit`，它会给出处理办法。",
    ),
    # nodes
    "never_registered": ("No node {node} ever registered.", "节点 {node} 从未注册。"),
    "still_heard": (
        "Node {node} was heard from a moment ago: its lease lives. Drain it to keep new jobs away.",
        "节点 {node} 刚刚还有消息：其租约仍有效。如不想分配新作业，请将其排空。",
    ),
    "cannot_become": (
        ("Node {node} is {state} and cannot become {wanted}. A lost or removed node comes back when its executor "
        "registers again."),
        "节点 {node} 为 {state}，不能变为 {wanted}。失联或已移除的节点在其执行器重新注册后恢复。",
    ),
    # the policy
    "no_policy_value": (
        "There is no policy value {name}. There are: {known}.",
        "策略没有取值 {name}。可用的有：{known}。",
    ),
    "policy_choice": ("{name} is one of {known}.", "{name} 须为 {known} 之一。"),
    "policy_licences": (
        "licences are names (a letter, then letters, digits, . _ -) with counts: matlab:5.",
        "licences 由名称（字母开头，其后为字母、数字、. _ -）和数量组成：matlab:5。",
    ),
    "policy_count": ("{name} is a whole number from 1 on, or none.", "{name} 须为不小于 1 的整数，或 none。"),
    "policy_number": ("{name} is a number.", "{name} 须为数字。"),
    "policy_range": ("{name} is from {least:g} to {most:g}.", "{name} 须在 {least:g} 与 {most:g} 之间。"),
}  # fmt: skip
