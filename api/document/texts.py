"""What the API's document says besides operations and fields: of itself, its groups, statuses and headers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from api.document.description import Both

TITLE: Both = ("Conductor", "Conductor")
INFO: Both = (
    (
        "Runs batch scripts on a set of machines. Every change of state is one event in an append-only log.\n\n"
        "Times are ISO 8601 with an offset; numbers are integers below 2^53 unless said otherwise. Every write answers "
        "with the `position` in the log that it made; with `at_least=POSITION` a read shows at least that. Refusals "
        "are problem documents (RFC 9457) whose `detail` says what to do. Codes, keys and states are never translated."
    ),
    (
        "在一组机器上运行批处理脚本。每次状态变化都是只追加日志中的一个事件。\n\n"
        "时间为带时区偏移的 ISO 8601；除另有说明外，数字均为小于 2^53 的整数。"
        "每次写入的应答都含其在日志中的 `position`；读取时加 `at_least=POSITION` 可保证至少看到该位置。"
        "拒绝以问题文档（RFC 9457）给出，其 `detail` 说明应如何处理。代码、键名和状态从不翻译。"
    ),
)
SECURITY: Both = (
    "`conductor token show` prints the token that was made at first start; `conductor token create` makes others.",
    "`conductor token show` 可显示首次启动时生成的令牌；`conductor token create` 可另行创建。",
)

TAGS: Mapping[str, Both] = {
    "submitting": ("New jobs", "提交作业"),
    "jobs": ("What is known of jobs", "查询作业"),
    "acting": ("What can be asked of jobs", "操作作业"),
    "nodes": ("Nodes", "节点"),
    "executors": ("What executors of any make need", "供各类执行器使用"),
    "policy": ("How the queue is worked through", "队列策略"),
    "log": ("The log and what it proves", "日志与审计"),
    "tokens": ("Who may what", "令牌与角色"),
    "system": ("The system as a whole", "系统整体"),
    "original": ("The original system's paths", "原系统的路径"),
}

STATUSES: Mapping[int, Both] = {
    400: ("The body is not JSON.", "请求体不是 JSON。"),
    401: ("No valid token.", "缺少有效令牌。"),
    403: (
        "Not allowed: the role, the host name, or a page of another site.",
        "不允许：角色、主机名不符，或来自其他网站的页面。",
    ),
    404: ("There is no such thing.", "没有该对象。"),
    408: ("The body did not come in time.", "请求体未按时到达。"),
    409: (
        "Not possible in its state, which `state` and `version` tell.",
        "当前状态下不可行；`state` 和 `version` 说明当前状态。",
    ),
    413: ("The body, or a part of it, is too large.", "请求体或其中一部分过大。"),
    415: ("The body is of another media type.", "请求体的媒体类型不符。"),
    422: (
        "Some fields are wrong; `errors` names each. Nothing was done.",
        "某些字段有误，见 `errors`。未执行任何操作。",
    ),
    429: (
        "Too many requests; try again after `Retry-After` seconds.",
        "请求过多；请在 `Retry-After` 秒后重试。",
    ),
    500: ("A mistake of ours; the server's log has the cause.", "服务内部错误；原因见服务器日志。"),
    503: (
        "The database, or the node that has an output, does not answer; try again after `Retry-After` seconds.",
        "数据库或存有输出的节点没有应答；请在 `Retry-After` 秒后重试。",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """`asked`: of a request; else of an answer."""

    meaning: Both
    asked: bool = False
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


HEADERS: Mapping[str, Header] = {
    "Accept-Language": Header(
        asked=True,
        meaning=("`zh` gives Chinese texts, `en` English ones.", "`zh` 得到中文文本，`en` 得到英文文本。"),
    ),
    "X-Request-Id": Header(
        asked=True,
        meaning=(
            "A UUID, kept in the events that come of the request; made when left out.",
            "UUID，保留在由该请求产生的事件中；未给出时自动生成。",
        ),
    ),
    "Idempotency-Key": Header(
        asked=True,
        meaning=(
            (
                "Up to 255 visible characters. A repeat with the same key answers with the first jobs and makes no new "
                "ones; the same key with another body is 422."
            ),
            "至多 255 个可见字符。相同键的重复请求得到首次提交的作业，不会新建；相同键而请求体不同则为 422。",
        ),
        schema={"type": "string", "pattern": "^[!-~]{1,255}$"},
    ),
    "If-Match": Header(
        asked=True,
        meaning=(
            "An `ETag`: only if it is still so; else 409 `version_conflict`.",
            "`ETag`：仅当未变化时执行；否则为 409 `version_conflict`。",
        ),
        schema={"type": "string", "examples": ['"3"']},
    ),
    "If-None-Match": Header(
        asked=True,
        meaning=("An `ETag`: 304 if it is still so.", "`ETag`：若未变化则为 304。"),
        schema={"type": "string", "examples": ['"3"']},
    ),
    "Last-Event-ID": Header(
        asked=True,
        meaning=(
            "The position of the last event that was read; it goes before `after`.",
            "最后读到的事件的位置；优先于 `after`。",
        ),
        schema={"type": "string", "pattern": "^[0-9]{1,16}$"},
    ),
    "ETag": Header(meaning=("The version.", "版本。")),
    "Conductor-Head-Position": Header(
        meaning=("Where the log ended, of lines.", "日志末尾的位置，按行输出时给出。"),
        schema={"type": "integer", "minimum": 0},
    ),
    "Conductor-Head-Hash": Header(meaning=("The hash there, of lines.", "该处的哈希，按行输出时给出。")),
    "Retry-After": Header(
        meaning=("After how many seconds to try again.", "多少秒后重试。"),
        schema={"type": "integer", "minimum": 0},
    ),
    "WWW-Authenticate": Header(meaning=("`Bearer`.", "`Bearer`。")),
    "Conductor-Output-Bytes": Header(
        meaning=("Length of the whole output, in bytes.", "整个输出的长度，单位字节。"),
        schema={"type": "integer", "minimum": 0},
    ),
}
