"""The log, the audit, processes, the policy: described."""

from collections.abc import Mapping

from api.document.description import CONFLICT, EVENT_STREAM, NDJSON, Answer, Body, Description, ok
from api.endpoints.auditing import AuditQuery
from api.endpoints.event_stream import StreamQuery
from api.endpoints.events import EventsQuery
from api.endpoints.jobs import MomentQuery
from api.endpoints.pids import PidsQuery
from api.requests.policy_changes import PolicyChange
from conductor.wire.audit import Audit, ProcessPage
from conductor.wire.events import EventPage
from conductor.wire.policy import FairShare, PolicyInForce

LOG: Mapping[str, Description] = {
    "GET /api/v1/events": Description(
        name="list_events",
        tag="log",
        summary=("Read the log", "读取日志"),
        detail=(
            (
                "Events after a position. `next` is the next `after`; `head` is the end of the log, by which anybody "
                "can tell later whether the past was changed."
            ),
            "某位置之后的事件。`next` 为下一次的 `after`；`head` 为日志末尾，日后可据此判断历史是否被更改。",
        ),
        query=EventsQuery,
        answers={
            200: Answer(
                shape=EventPage, others=(NDJSON,), headers=("Conductor-Head-Position", "Conductor-Head-Hash")
            )
        },
        problems=CONFLICT,
    ),
    "GET /api/v1/events/stream": Description(
        name="follow_events",
        tag="log",
        summary=("Follow the log", "跟踪日志"),
        detail=(
            (
                "Server-sent events from now on, or after a position: `id` is the position, `event` the type, `data` "
                "the event as it is listed. Resumed by `Last-Event-ID`. A history that became another is told by a "
                "last `event: problem`."
            ),
            (
                "自当前或某位置起的服务器推送事件：`id` 为位置，`event` 为类型，`data` 与列表中的事件相同。"
                "以 `Last-Event-ID` 续读。若历史已不同，最后会收到 `event: problem`。"
            ),
        ),
        query=StreamQuery,
        headers=("Last-Event-ID",),
        answers={200: Answer(media_type=EVENT_STREAM)},
        problems=CONFLICT,
    ),
    "GET /api/v1/audit": Description(
        name="audit",
        tag="log",
        summary=("What is wrong, and what mends it", "发现的问题及修复办法"),
        detail=(
            "Worst first. `replay=false` leaves out what needs the whole log.",
            "严重的在前。`replay=false` 跳过需要重放整个日志的检查。",
        ),
        query=AuditQuery,
        answers=ok(Audit),
    ),
    "GET /api/v1/pids": Description(
        name="list_processes",
        tag="log",
        summary=("Which job ran as a PID", "进程号对应的作业"),
        detail=(
            "Every process that was ever recorded, newest first, and by whose commands it was started and ended.",
            "曾登记的所有进程，新的在前，以及由谁的命令启动和结束。",
        ),
        query=PidsQuery,
        answers=ok(ProcessPage),
    ),
    "GET /api/v1/policy": Description(
        name="get_policy",
        tag="policy",
        summary=("How the queue is worked through", "队列策略"),
        detail=("And since when, by whom and why.", "以及自何时起、由谁、为何如此设定。"),
        query=MomentQuery,
        answers=ok(PolicyInForce),
    ),
    "POST /api/v1/policy": Description(
        name="change_policy",
        tag="policy",
        summary=("Change the policy", "更改策略"),
        detail=(
            "Some of its values, by name; the answer is the policy as it is from now on.",
            "按名称更改其中一些取值；应答为此后生效的策略。",
        ),
        body=Body(
            shape=PolicyChange,
            examples={"backfill": {"changes": {"order": "backfill"}, "reason": "short jobs wait too long"}},
        ),
        answers=ok(PolicyInForce),
        problems=CONFLICT,
    ),
    "GET /api/v1/policy/fair-share": Description(
        name="get_fair_share",
        tag="policy",
        summary=("Each account's use and factor", "各账户的用量与系数"),
        detail=("Computed from the log.", "由日志计算得出。"),
        query=MomentQuery,
        answers=ok(FairShare),
    ),
}
