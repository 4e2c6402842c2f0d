"""What is said of tokens, roles and limits, in English and Chinese."""

from collections.abc import Mapping

TITLES: Mapping[str, tuple[str, str]] = {
    "token_expired": ("The token has expired", "令牌已过期"),
    "token_revoked": ("The token was revoked", "令牌已被吊销"),
    "too_many_requests": ("Too many requests", "请求过多"),
    "too_many_failures": ("Too many wrong tokens", "错误令牌过多"),
    "queue_full": ("Too many jobs waiting", "等待的作业过多"),
    "busy": ("Too much at once", "同时处理的请求过多"),
    "too_slow": ("The body did not come", "请求体未按时到达"),
}

DETAILS: Mapping[str, tuple[str, str]] = {
    "token_expired": (
        "This token has expired. Ask an administrator for another (`conductor token create`).",
        "此令牌已过期。请向管理员申请新的令牌（`conductor token create`）。",
    ),
    "token_revoked": (
        "This token was revoked. Ask an administrator for another (`conductor token create`).",
        "此令牌已被吊销。请向管理员申请新的令牌（`conductor token create`）。",
    ),
    "too_many_requests": (
        (
            "The token {name} sends more requests than one token may. Wait for Retry-After; send many jobs in a batch, "
            "and wait for a job with ?wait= instead of asking again and again."
        ),
        (
            "令牌 {name} 发送的请求超过了单个令牌的上限。请按 Retry-After 等待；"
            "大量作业请用批量提交，等待作业请用 ?wait= 而非反复查询。"
        ),
    ),
    "too_many_failures": (
        "Too many wrong tokens came from this address. Wait for Retry-After; a right token is let in at once.",
        "来自此地址的错误令牌过多。请按 Retry-After 等待；使用正确的令牌可立即通过。",
    ),
    "queue_full": (
        (
            "{user} would have more than {most} jobs waiting (this request brings {more}). Send them when some have "
            "started, or ask the site for a higher CONDUCTOR_API_QUEUE_LIMIT."
        ),
        (
            "{user} 等待中的作业将超过 {most} 个（本请求含 {more} 个）。请在部分作业开始后再提交，"
            "或请站点提高 CONDUCTOR_API_QUEUE_LIMIT。"
        ),
    ),
    "busy": (
        "The server has as many requests in hand as it can hold. Try again in a moment.",
        "服务器正在处理的请求已达上限。请稍后重试。",
    ),
    "too_slow": (
        "The body of the request did not arrive within {seconds} seconds. Send it again, faster or in smaller parts.",
        "请求体未在 {seconds} 秒内到达。请更快地、或分成更小的部分重新发送。",
    ),
    "too_many_of_one": (
        (
            "The token {name} follows the log {most} times already. Follow it once and share what comes, or read it "
            "with `GET /api/v1/events`."
        ),
        "令牌 {name} 已在同时跟踪日志 {most} 次。请只跟踪一次并共享所得，或用 `GET /api/v1/events` 读取。",
    ),
    "output_full": (
        "Of each output of a job {limit_mib} MiB are kept (CONDUCTOR_OUTPUT_LIMIT_MB). Send no more of this one.",
        "作业的每个输出最多保留 {limit_mib} MiB（CONDUCTOR_OUTPUT_LIMIT_MB）。请勿再发送此输出。",
    ),
    "another_node": (
        "This token is for the node {node} and for what is allocated there.",
        "此令牌仅用于节点 {node} 及分配到该节点的作业。",
    ),
    "anothers_environment": (
        "The job is {user}'s, and environments may hold secrets. Its user or an operator may read it.",
        "该作业属于 {user}，而环境变量可能含有机密。只有该用户或操作员可以读取。",
    ),
}
