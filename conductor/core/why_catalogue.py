"""Every sentence about why a job waits, or what came of it: its code, in both languages.

The only place where these sentences stand: the API and the command line both say them. Codes are stable and never
translated; those of a waiting job are the words of `reason`, Slurm's where there is one. Refuses to know how an
answer is found.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from conductor.core.sentences import Language, filled, here

# What is said of a job: code -> English, Chinese
SENTENCES: Mapping[str, tuple[str, str]] = {
    # waiting, by the job's own events
    "JobHeldUser": ("It is held, and starts only when somebody lets it.", "它被挂起，放行后才会启动。"),
    "JobHoldMaxRequeue": (
        "It is held: its nodes failed it {requeues} times in a row. Look at them before you let it go on.",
        "它被挂起：所在节点已连续 {requeues} 次故障。请先检查节点再放行。",
    ),
    "BeginTime": ("It was asked not to start before {begin_time}.", "提交时要求不早于 {begin_time} 启动。"),
    "Dependency": ("It waits for other jobs: {dependency}.", "它在等待其他作业：{dependency}。"),
    # waiting, by what is true of the cluster
    "NoNodes": ("No node is registered.", "没有已注册的节点。"),
    "BadConstraints": (
        "It asks for {wanted}, and no registered node ({count}) could ever give that.",
        "它要求 {wanted}，已注册的 {count} 个节点都不可能满足。",
    ),
    "BadConstraints_removed": (
        (
            "It asks for {wanted}, and no registered node ({count}) could ever give that; those that could were "
            "removed: {nodes}."
        ),
        "它要求 {wanted}，已注册的 {count} 个节点都不可能满足；原本能满足的节点已被移除：{nodes}。",
    ),
    "ReqNodeNotAvail": (
        "Every node that could run it takes no jobs now: {nodes}.",
        "能运行它的节点目前都不接受作业：{nodes}。",
    ),
    "Resources": (
        (
            "It asks for {wanted}, and no node that could run it ({count}) has that free now. Nearest is "
            "{node_name}: {short}."
        ),
        (
            "它要求 {wanted}，能运行它的 {count} 个节点目前都没有足够空闲；"
            "最接近的是 {node_name}：{short}。"
        ),
    ),
    # what is short on a node; parts of the sentence above
    "short_cpus": ("{free} of {total} CPUs free", "CPU 空闲 {free} / {total} 个"),
    "short_memory": ("memory: {free_mb} of {total_mb} MiB free", "内存空闲 {free_mb} / {total_mb} MiB"),
    "short_gres": ("{name}: {free} of {total} free", "{name} 空闲 {free} / {total} 个"),
    "short_alone": ("not empty, {used} of {total} CPUs in use", "节点非空，{total} 个 CPU 中已用 {used} 个"),
    "short_closed": ("an exclusive job has all of it", "被独占作业占用"),
    "Priority": (
        "There would be room for it, but what is free goes first to jobs that stand before it ({ahead}).",
        "本来有空闲资源，但先分配给排在它前面的作业（{ahead} 个）。",
    ),
    "Priority_backfill": (
        (
            "There would be room for it, but it could delay job {head_name}, which is the first in the queue and has "
            "{head_node} planned from {starts_at} on."
        ),
        "本来有空闲资源，但可能推迟队首作业 {head_name}：后者计划自 {starts_at} 起使用 {head_node}。",
    ),
    "Priority_guard": (
        (
            "There would be room for it, but it could delay job {head_name}, which has waited so long that nothing may "
            "overtake it any more; {head_node} is planned for it from {starts_at} on."
        ),
        (
            "本来有空闲资源，但可能推迟作业 {head_name}：后者等待过久，已不允许被超越；"
            "计划自 {starts_at} 起使用 {head_node}。"
        ),
    ),
    "Priority_strict_fifo": (
        "There would be room for it, but the policy is strict_fifo, and job {head_name} before it has no room yet.",
        "本来有空闲资源，但策略为 strict_fifo，而它前面的作业 {head_name} 尚无足够资源。",
    ),
    "QOSMaxCpuPerUserLimit": (
        "The cap on CPUs of {user_name} at a time is {limit}; {held} are held, and it asks for {wanted}.",
        "{user_name} 同时最多可占用 {limit} 个 CPU，现已占用 {held} 个；它要求 {wanted} 个。",
    ),
    "QOSMaxJobsPerUserLimit": (
        "The cap on jobs of {user_name} at a time is {limit}; so many hold CPUs now: {held}.",
        "{user_name} 同时最多可运行 {limit} 个作业，现有 {held} 个。",
    ),
    "JobArrayTaskLimit": (
        "The limit on tasks of array {array_job_id} at a time is {limit}; so many hold CPUs now: {held}.",
        "数组 {array_job_id} 同时最多可运行 {limit} 个任务，现有 {held} 个。",
    ),
    "Licenses": (
        "It asks for {wanted} of the licence {name}; {held} of {limit} are in use.",
        "它要求 {wanted} 个许可证 {name}；共 {limit} 个，已用 {held} 个。",
    ),
    "QOSMaxCpuPerUserLimit_never": (
        (
            "It asks for more CPUs ({wanted}) than {user_name} may have at a time ({limit}): under it, it can never "
            "start, whatever else ends."
        ),
        "它要求 {wanted} 个 CPU，而 {user_name} 同时最多可占用 {limit} 个：在此上限下它永远无法启动。",
    ),
    "QOSMaxJobsPerUserLimit_never": (
        "The cap on jobs of {user_name} at a time is {limit}: under this cap none can ever start.",
        "{user_name} 同时最多可运行 {limit} 个作业：在此上限下，任何作业都无法启动。",
    ),
    "Licenses_never": (
        (
            "It asks for {wanted} of the licence {name}, and the policy has {limit} in all: it can never start while "
            "that is so, whatever else ends."
        ),
        "它要求 {wanted} 个许可证 {name}，而策略总共只有 {limit} 个：只要如此，无论其他作业何时结束，它都无法启动。",
    ),
    "Starting": (
        ("There is room on {node_name}; it starts at the scheduler's next pass. If that does not come, look whether "
        "a scheduler runs: `GET /health`."),
        "{node_name} 上有空闲资源；调度器下一轮就会启动它。若迟迟不启动，请检查调度器是否在运行：`GET /health`。",
    ),
    # not waiting
    "reserved": (
        ("A place on {node_name} was reserved for it at {since} (CPUs: {cpus}); its process begins by {expires_at}, "
        "or it returns to the queue."),
        "已于 {since} 在 {node_name} 上为它预留 {cpus} 个 CPU；进程将在 {expires_at} 前启动，否则它回到队列。",
    ),
    "running": (
        "It has run on {node_name} since {since} (CPUs: {cpus}), without a time limit.",
        "它自 {since} 起在 {node_name} 上运行，使用 {cpus} 个 CPU，没有时限。",
    ),
    "running_limited": (
        "It has run on {node_name} since {since} (CPUs: {cpus}), until {ends_by} at the latest.",
        "它自 {since} 起在 {node_name} 上运行，使用 {cpus} 个 CPU，最迟至 {ends_by}。",
    ),
    "ending": (
        "It has run on {node_name} since {since} (CPUs: {cpus}); at {cancel_requested_at} it was asked to end.",
        "它自 {since} 起在 {node_name} 上运行，使用 {cpus} 个 CPU；已于 {cancel_requested_at} 被要求结束。",
    ),
    "NodeDown": (
        "It has run on {node_name} since {since} (CPUs: {cpus}), as far as the log knows; the node is not heard from.",
        "据日志，它自 {since} 起在 {node_name} 上运行，使用 {cpus} 个 CPU；但该节点没有音讯。",
    ),
    "Cleanup": (
        "It is over, but something of it cannot be killed on {node_name}: it keeps its CPUs ({cpus}, from {since} on).",
        "它已结束，但在 {node_name} 上有进程无法杀死，因此仍占用 {cpus} 个 CPU（自 {since} 起）。",
    ),
    "ended": (
        "It ended at {ended_at} as {state} ({how}), after running on {node_name} since {since}.",
        "它已于 {ended_at} 以 {state} 结束（{how}），此前自 {since} 起在 {node_name} 上运行。",
    ),
    "ended_before_start": (
        "It ended at {ended_at} as {state} ({how}), before it began.",
        "它已于 {ended_at} 以 {state} 结束（{how}），尚未启动。",
    ),
    # how it ended; parts of the sentences above
    "how_exit_code": ("exit code {exit_code}", "退出码 {exit_code}"),
    "how_signal": ("signal {exit_signal}", "信号 {exit_signal}"),
    # when it starts at the latest
    "starts_by": (
        "By the time limits it starts at {at} at the latest, unless something new goes before it.",
        "按各作业的时限，它最迟于 {at} 启动，除非有新作业排到它前面。",
    ),
    "no_time_limit": (
        "When it starts cannot be told: what it needs is held, now or by then, without a time limit ({names}).",
        "无法预计启动时间：所需资源被（或届时将被）没有时限的作业占用（{names}）。",
    ),
    "never_by_itself": (
        "Nothing that is known to end lets it start.",
        "已知会结束的作业都结束后，它仍无法启动。",
    ),
    "too_far": (
        "When it starts lies too far ahead to be worked out.",
        "启动时间过于久远，无法推算。",
    ),
    # the job that nothing may delay is told so
    "protected_at": (
        (
            "It is first in line and protected ({because}): planned on {node_name} at {starts_at}; nothing may delay "
            "that."
        ),
        "它排在最前并受保护（{because}）：计划于 {starts_at} 在 {node_name} 上启动，其他作业不得推迟。",
    ),
    "protected_open": (
        "It is first in line and protected ({because}): {node_name} is kept for it until there is room.",
        "它排在最前并受保护（{because}）：{node_name} 为它保留，直到有足够资源。",
    ),
    "protected_first": (
        "It is first in line, and by {because} nothing starts before it.",
        "它排在最前，按 {because} 其他作业不会先于它启动。",
    ),
    "guard_from": (
        "Until {at} others may overtake it; then the guard keeps room for it, if it is the first that finds none.",
        "在 {at} 之前其他作业可以超越它；之后若它是首个得不到资源的作业，则为它保留资源。",
    ),
    # what people said when they held it, or drained its nodes
    "held_by": ("{actor} held it at {at}.", "{actor} 于 {at} 将其挂起。"),
    "held_because": ("{actor} held it at {at}: {because}", "{actor} 于 {at} 将其挂起：{because}"),
    "drained_by": ("{actor} drained {node_name} at {at}.", "{actor} 于 {at} 排空 {node_name}。"),
    "drained_because": (
        "{actor} drained {node_name} at {at}: {because}",
        "{actor} 于 {at} 排空 {node_name}：{because}",
    ),
    # what a job that depends on others waits for
    "awaited_waiting": ("{condition} is open.", "{condition}：尚未满足。"),
    "awaited_waiting_array": (
        "{condition} is open: {ended} of {jobs} have ended.",
        "{condition}：尚未满足，{jobs} 个中已结束 {ended} 个。",
    ),
    "awaited_met": ("{condition} has come true.", "{condition}：已满足。"),
    "awaited_never": ("{condition} cannot come true any more.", "{condition}：已不可能满足。"),
    # what would let it start now
    "unhold": ("when it is let go:", "放行："),
    "unhold_then": ("when it is let go; then it goes on waiting. {then}", "放行；之后仍会等待。{then}"),
    "register_node": ("when a node registers; on a machine of the cluster:", "有节点注册；在集群的机器上执行："),
    "register_again": ("when {node_name} registers again; on that machine:", "{node_name} 重新注册；在该机器上执行："),
    "resume_node": ("when {node_name} takes jobs again:", "{node_name} 恢复接受作业："),
    "node_back": (
        "when {node_name} is heard from again; look at its executor:",
        "{node_name} 恢复联系；请检查其执行器：",
    ),
    "fewer_cpus": (
        "with fewer CPUs ({cpus}): submit it again with {option} (and its other options), then cancel this one",
        "减少 CPU（{cpus} 个）：以 {option}（及其他原有选项）重新提交，再取消本作业",
    ),
    "fewer_gres": (
        "with fewer of {name} ({count}): submit it again with {option} (and its other options), then cancel this one",
        "减少 {name}（{count} 个）：以 {option}（及其他原有选项）重新提交，再取消本作业",
    ),
    "less_memory": (
        "with less memory ({free_mb} MiB): submit it again with {option} (and its other options), then cancel this one",
        "减少内存（{free_mb} MiB）：以 {option}（及其他原有选项）重新提交，再取消本作业",
    ),
    "not_exclusive": (
        "beside others: submit it again without --exclusive (with its other options), then cancel this one",
        "与其他作业共用节点：去掉 --exclusive（保留其他选项）重新提交，再取消本作业",
    ),
    "could_run": (
        (
            "with as many CPUs as {node_name} has ({cpus}): submit it again with {option} (and its other options), "
            "then cancel this one"
        ),
        "CPU 不超过 {node_name} 所有（{cpus} 个）：以 {option}（及其他原有选项）重新提交，再取消本作业",
    ),
    "shorter_limit": (
        (
            "with a time limit of at most {minutes} min: submit it again with {option} (and its other options), "
            "then cancel this one"
        ),
        "时限不超过 {minutes} 分钟：以 {option}（及其他原有选项）重新提交，再取消本作业",
    ),
    "higher_priority": ("with priority {priority}:", "优先级改为 {priority}："),
    "raise_cap": ("if {name} were {value}:", "将 {name} 设为 {value}："),
    "raise_to_start_ever": (
        "so that it can ever start, {name} must be {value} at least:",
        "要使它终能启动，{name} 至少须为 {value}：",
    ),
    "raise_licence": ("if there were {value} of the licence {name}:", "许可证 {name} 增至 {value} 个："),
    "job_ends": ("when job {job_name} ends (it has no time limit)", "作业 {job_name} 结束（它没有时限）"),
    "job_ends_by": ("when job {job_name} ends, at {ends_by} at the latest", "作业 {job_name} 结束（最迟 {ends_by}）"),
}  # fmt: skip


# Gaps that are filled with times; in JSON they are texts.
TIMES = frozenset(
    {"at", "begin_time", "cancel_requested_at", "ended_at", "ends_by", "expires_at", "since", "starts_at"}
)


def sentence(code: str, parameters: Mapping[str, Any], language: Language, *, local: bool = False) -> str:
    """In words; times as they are, or as this machine's clock shows them. Raises `KeyError` for a code or a gap that is
    not known.
    """
    english, chinese = SENTENCES[code]
    values = {name: _value(name, value, language, local=local) for name, value in parameters.items()}
    return filled(english, chinese, values, language)


def _value(name: str, value: Any, language: Language, *, local: bool) -> Any:
    """Sentences within it, by `code` and `parameters`, and times in words."""
    match value:
        case {"code": str(code), "parameters": Mapping() as parameters}:
            return sentence(code, parameters, language, local=local)
        case list() | tuple():
            return [_value(name, one, language, local=local) for one in value]
        case int() if name.endswith("_mb"):
            return f"{value:,}"
        case str() | datetime() if name in TIMES:
            instant = datetime.fromisoformat(value) if isinstance(value, str) else value
            return here(instant) if local else instant
        case _:
            return value
