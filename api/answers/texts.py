"""Every sentence that the API says to a person, in English and Chinese.

Promises: codes never change; texts may. A sentence says what is wrong and what to do. Refuses to know when it
is said.
"""

from collections.abc import Mapping
from typing import Literal

from api.answers import security_texts

Language = Literal["en", "zh"]

# Problems as wholes: code -> title
TITLES: Mapping[str, tuple[str, str]] = {
    "broken_json": ("The body is not JSON", "请求体不是 JSON"),
    "unauthorized": ("No valid token", "缺少有效令牌"),
    "forbidden": ("Not allowed", "不允许"),
    "foreign_host": ("Unknown host name", "未知的主机名"),
    "cross_site": ("Cross-site request", "跨站请求"),
    "not_found": ("Not found", "未找到"),
    "no_such_path": ("No such path", "没有这个路径"),
    "method_not_allowed": ("Method not allowed", "不支持的方法"),
    "too_large": ("Too large", "内容过大"),
    "unsupported_media_type": ("Not JSON", "内容类型不是 JSON"),
    "invalid": ("Some fields are wrong", "某些字段有误"),
    "database_unavailable": ("The database does not answer", "数据库没有响应"),
    "position_not_reached": ("Not that far yet", "尚未到达该位置"),
    "server_ending": ("The server ends", "服务即将停止"),
    "internal": ("A mistake of ours", "服务内部错误"),
    "wrong_state": ("Not possible in this state", "当前状态下不可行"),
    "version_conflict": ("It has changed meanwhile", "期间已被更改"),
    "cpus_taken": ("CPUs are taken", "CPU 已被占用"),
    "node_unknown": ("No such node", "没有这个节点"),
    "node_drained": ("The node takes no jobs", "节点不接受作业"),
    "stale_incarnation": ("The node was registered anew", "节点已重新注册"),
    "reservation_expired": ("The reservation has expired", "预留已过期"),
    "cancelled": ("The job was cancelled", "作业已取消"),
    "attempt_closed": ("The attempt is over", "该次运行已结束"),
    "output_missing": ("There is no such output", "没有该输出"),
    "output_gap": ("Not where the output ends", "与已有输出不衔接"),
    "node_silent": ("The node does not answer", "节点没有应答"),
    "replay_failed": ("The log could not be replayed", "无法重放日志"),
    "why_busy": ("Too many ask why at once", "同时询问原因的请求过多"),
    "past_busy": ("Too many look back at once", "同时回溯的请求过多"),
    "log_unreadable": ("The log cannot be folded", "日志无法折叠"),
    "history_forked": ("History has become another", "历史已不同"),
    "too_many_followers": ("Too many follow the log", "跟踪日志的客户端过多"),
    **security_texts.TITLES,
}

# Problems as wholes: code -> detail
DETAILS: Mapping[str, tuple[str, str]] = {
    "broken_json": (
        "The body cannot be read as JSON: {why}. Send one JSON value in UTF-8.",
        "无法将请求体解析为 JSON：{why}。请发送 UTF-8 编码的单个 JSON 值。",
    ),
    "unauthorized": (
        "Send `Authorization: Bearer TOKEN`. `conductor token show` prints the token.",
        "请发送 `Authorization: Bearer TOKEN`。`conductor token show` 可显示令牌。",
    ),
    "role_lacks": (
        "A token of the role {role} may not do this. Ask an administrator for one that may (`conductor token create`).",
        "角色为 {role} 的令牌无权执行此操作。请向管理员申请有权限的令牌（`conductor token create`）。",
    ),
    "foreign_host": (
        (
            "This server does not answer to that host name. Use localhost, 127.0.0.1 or [::1], or have the "
            "site name it in CONDUCTOR_API_HOSTS."
        ),
        "本服务不响应该主机名。请使用 localhost、127.0.0.1 或 [::1]，或请站点在 CONDUCTOR_API_HOSTS 中列出该名称。",
    ),
    "cross_site": (
        "A page of another site sent this request. Call the API from a program, or from its own pages.",
        "该请求来自其他网站的页面。请从程序或本服务自己的页面调用 API。",
    ),
    "no_such_path": (
        "There is nothing at this path. Check its spelling; `GET /api/v1/jobs` is a good start.",
        "该路径下没有内容。请检查拼写；可从 `GET /api/v1/jobs` 开始。",
    ),
    "method_not_allowed": (
        "This path does not take {method}. It takes {allowed}.",
        "该路径不支持 {method}，支持 {allowed}。",
    ),
    "body_too_large": (
        (
            "The body is larger than {limit_mib} MiB. A script may have at most 1 MiB; keep data in files and send "
            "many jobs in several batches."
        ),
        "请求体超过 {limit_mib} MiB。脚本最多 1 MiB；请将数据放在文件中，大量作业请分批提交。",
    ),
    "unsupported_media_type": (
        "Send the body with `Content-Type: {wanted}`.",
        "请使用 `Content-Type: {wanted}` 发送请求体。",
    ),
    "encoded_body": (
        "The body has a Content-Encoding. Send it as it is, uncompressed.",
        "请求体带有 Content-Encoding。请直接发送未压缩的内容。",
    ),
    "invalid": (
        "Mend what `errors` lists and send the request again. Nothing was done.",
        "请按 `errors` 所列修改后重新发送。尚未执行任何操作。",
    ),
    "database_unavailable": (
        (
            "PostgreSQL cannot be reached or did not answer, so it is not known whether a write happened. Try again; "
            "with an Idempotency-Key or a command_id a repeat is safe."
        ),
        (
            "无法连接 PostgreSQL 或其没有响应，无法确定写入是否完成。请重试；"
            "带有 Idempotency-Key 或 command_id 的重复请求是安全的。"
        ),
    ),
    "database_silent": (
        "PostgreSQL cannot be reached or did not answer. Try again in a moment.",
        "无法连接 PostgreSQL 或其没有响应。请稍后重试。",
    ),
    "database_away": (
        "PostgreSQL cannot be reached. Check that it runs and that CONDUCTOR_DATABASE_URL names it.",
        "无法连接 PostgreSQL。请检查其是否在运行，以及 CONDUCTOR_DATABASE_URL 是否正确。",
    ),
    "no_schema": (
        "The database has no schema of Conductor's yet. Run `conductor migrate`.",
        "数据库中尚无 Conductor 的表结构。请运行 `conductor migrate`。",
    ),
    "server_ending": (
        "The server ends, or begins anew. Send the request again in a moment; what it has done stays done.",
        "服务正在停止或重启。请稍后重新发送请求；已完成的操作仍然有效。",
    ),
    "position_not_reached": (
        (
            "The log ends at position {head}; position {wanted} was asked for. Try again, or check that the position "
            "comes from this system."
        ),
        "日志目前到位置 {head}，而请求的是位置 {wanted}。请稍后重试，或确认该位置来自本系统。",
    ),
    "internal": (
        "The server failed to answer. Its log has the cause under the request id {request_id}.",
        "服务器未能响应。原因见服务器日志，请求编号为 {request_id}。",
    ),
    "no_such_job": (
        "There is no job {job_id}. Check the number; `conductor jobs` lists them.",
        "没有作业 {job_id}。请检查编号；`conductor jobs` 可列出作业。",
    ),
    "several_jobs": (
        "{job_id} names several jobs, and only one can be read here. Ask for one of them, as in 42_7.",
        "{job_id} 指多个作业，而此处只能读取一个。请指定其中一个，如 42_7。",
    ),
    "no_job_then": (
        "There was no job {job_id} yet at position {position}. `GET /api/v1/jobs/{job_id}/events` has its first event.",
        "在位置 {position} 时还没有作业 {job_id}。其首个事件见 `GET /api/v1/jobs/{job_id}/events`。",
    ),
    "why_busy": (
        "Several explanations of why jobs wait are being worked out already. Try again in a moment.",
        "已有若干等待原因正在计算。请稍后重试。",
    ),
    "past_busy": (
        "Several answers about the past are being folded from the log already. Try again in a moment.",
        "已有若干关于过去的请求正在从日志折叠。请稍后重试。",
    ),
    "history_forked": (
        (
            "What stands at position {position} of the log is not what you have read: it was restored from an earlier "
            "state, or is another system's. It ends at position {head} now. Forget what you read and begin anew, with "
            "after=0."
        ),
        (
            "日志位置 {position} 处的内容与您读到的不同：日志已恢复到较早的状态，或属于另一系统。"
            "日志目前到位置 {head}。请放弃已读内容，从 after=0 重新开始。"
        ),
    ),
    "too_many_followers": (
        "{most} clients follow the log already. Try again later, or read it with `GET /api/v1/events`.",
        "已有 {most} 个客户端在跟踪日志。请稍后重试，或用 `GET /api/v1/events` 读取。",
    ),
    "log_unreadable": (
        "{why}",
        "日志有误，无法折叠（{why}）",
    ),
    "no_such_node": (
        "No node {node_name} is registered. `conductor nodes` lists them.",
        "没有注册名为 {node_name} 的节点。`conductor nodes` 可列出节点。",
    ),
    "lease_refused": (
        (
            "Incarnation {incarnation} of node {node_name} may not renew its lease: it has passed, or a newer "
            "incarnation took over. Register the node again."
        ),
        "节点 {node_name} 的第 {incarnation} 代不能续租：租约已过期，或已被新一代接管。请重新注册节点。",
    ),
    "output_missing": (
        "The output of job {job_id} cannot be read: {why}.",
        "无法读取作业 {job_id} 的输出：{why}。",
    ),
    "node_silent": (
        "The output of job {job_id} lies on its node and cannot be read now: {why}. Try again when the node is back.",
        "作业 {job_id} 的输出在其节点上，目前无法读取：{why}。请在节点恢复后重试。",
    ),
    "output_before_start": (
        "That attempt of job {job_id} has not started, so it has no output. Send `Allocate` first.",
        "作业 {job_id} 的该次运行尚未开始，没有输出。请先发送 `Allocate`。",
    ),
    "output_is_served": (
        "The executor of node {node} serves the output of job {job_id} itself; it need not be sent.",
        "节点 {node} 的执行器自行提供作业 {job_id} 的输出，无须发送。",
    ),
    "output_gap": (
        "What was sent as {stream} of job {job_id} does not continue what is there. Go on from byte {offset}.",
        "发送的作业 {job_id} 的 {stream} 与已有内容不衔接。请从第 {offset} 字节继续。",
    ),
    "replay_failed": (
        "The log could not be replayed: {why}. `?replay=false` or `conductor audit --quick` leaves that part out.",
        "无法重放日志：{why}。`?replay=false` 或 `conductor audit --quick` 可跳过审计的这一部分。",
    ),
    "piece_too_large": (
        "The piece is larger than {limit_mib} MiB. Send the output in smaller pieces, one after the other.",
        "该片段超过 {limit_mib} MiB。请将输出分成较小的片段依次发送。",
    ),
    **security_texts.DETAILS,
}

# Pieces of sentences, and notes: code -> text
PHRASES: Mapping[str, tuple[str, str]] = {
    "script_line": ("{field} line {line}: {option}", "{field} 第 {line} 行：{option}"),
    "ignored": ("line {line}: {option} is ignored: {why}", "第 {line} 行：忽略 {option}：{why}"),
    "nearest": ("; did you mean `{name}`?", "；是否想写 `{name}`？"),
    "refused": ("{message}", "{title}。（{message}）"),
    "output_missing": ("{path} is not on node {node}", "节点 {node} 上没有 {path}"),
    "output_not_a_file": (
        "{path} on node {node} is no ordinary file that can be read",
        "节点 {node} 上的 {path} 不是可读取的普通文件",
    ),
    "output_forbidden": (
        "{path} on node {node} does not belong to the job's user, or may not be read",
        "节点 {node} 上的 {path} 不属于作业用户，或无权读取",
    ),
    "output_expired": (
        "{path} was deleted {days} days after the job's end",
        "{path} 在作业结束 {days} 天后已被删除",
    ),
    "output_silent": ("node {node} has not answered in time", "节点 {node} 未及时应答"),
    "output_not_served": (
        "the executor of node {node} does not run, or does not reach the database",
        "节点 {node} 的执行器未运行，或无法连接数据库",
    ),
    "output_joined": ("joined with stdout in {path}", "与 stdout 合并在 {path} 中"),
}


def say(texts: Mapping[str, tuple[str, str]], code: str, language: Language, **values: object) -> str:
    english, chinese = texts[code]
    return (chinese if language == "zh" else english).format(**values)


def language_of(accept_language: str | None, otherwise: Language) -> Language:
    """The best of ours in an Accept-Language header, regions and scripts aside. Where it wishes for neither,
    `otherwise`, unless that is the one that it refuses (`q=0`).
    """
    wishes: dict[str, float] = {}
    for part in (accept_language or "").lower().split(","):
        tag, _, parameter = part.strip().partition(";")
        primary = tag.strip().partition("-")[0]
        wishes[primary] = max(wishes.get(primary, 0.0), _quality(parameter))
    languages: tuple[Language, Language] = ("en", "zh") if otherwise == "en" else ("zh", "en")
    wished = [one for primary in wishes for one in languages if one == primary and wishes[one] > 0]
    if wished:
        return max(wished, key=wishes.__getitem__)  # of equals, the first of the header
    return languages[1] if wishes.get(otherwise) == 0 and languages[1] not in wishes else otherwise


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
