"""What the parameters of reads mean, and the fields of commands."""

from collections.abc import Mapping

from api.document.description import Both

NAMES_OF_QUESTIONS: Mapping[str, Both] = {
    # parameters
    "after": ("Events after this position.", "该位置之后的事件。"),
    "ListQuery.array_job_id": ("Tasks of this array.", "该作业数组的任务。"),
    "as_of": ("The moment of the past that is shown.", "所显示的过去时刻。"),
    **{
        f"{query}.as_of": (
            "As it stood at a position of the log, or at a time.",
            "日志某位置或某时刻的状态。",
        )
        for query in ("ListQuery", "JobQuery", "MomentQuery", "AllocationsQuery")
    },
    "PidsQuery.at": ("Alive at this time.", "该时刻存活的进程。"),
    "at_least": ("Show at least this position of the log.", "至少看到日志的该位置。"),
    "OutputQuery.attempt": (
        "Of this attempt; else of the last one that ran.",
        "该次尝试的输出；默认为最后一次。",
    ),
    "cursor": ("The last answer's `next`.", "上一页应答的 `next`。"),
    "file": ("Name of a file of the page.", "网页文件的名称。"),
    "fold": (
        "`array`: the waiting tasks of an array as one line.",
        "`array`：将作业数组中等待的任务合为一行。",
    ),
    "follow": ("Go on until the job has ended.", "持续到作业结束。"),
    "lang": ("Of the texts, instead of `Accept-Language`.", "文本的语言，代替 `Accept-Language`。"),
    "limit": ("The most that comes at once.", "一次最多返回的数量。"),
    "OutputQuery.limit": ("At most so many bytes.", "最多返回的字节数。"),
    "ListQuery.name": ("Jobs of this name.", "该名称的作业。"),
    "ListQuery.node_name": ("Jobs that are or were last on this node.", "当前或最后在该节点上的作业。"),
    "AllocationsQuery.node_name": ("Of this node.", "该节点的分配。"),
    "PidsQuery.node_name": ("On this node.", "该节点上的进程。"),
    "offset": ("Where to begin, in bytes.", "起始字节位置。"),
    "OutputTaken.offset": ("Where the next piece begins.", "下一个片段的起始位置。"),
    "ProblemDocument.offset": ("Where to go on with an output.", "应继续上传输出的位置。"),
    "pid": ("The PID.", "进程号。"),
    "replay": ("With what only the whole log can tell.", "包括需要重放整个日志的检查。"),
    "ListQuery.since": ("Submitted at this time or later.", "该时刻或之后提交。"),
    "ListQuery.state": (
        "In one of these states; `final` stands for every end.",
        "处于其中某个状态；`final` 表示所有结局。",
    ),
    "AllocationsQuery.status": ("With one of these.", "处于其中某个状态。"),
    "EventsQuery.stream": (
        "Of this stream: `job-42`, `node-n1`, `scheduler`, `policy`.",
        "该流的事件：`job-42`、`node-n1`、`scheduler`、`policy`。",
    ),
    "stream": ("`stdout` or `stderr`.", "`stdout` 或 `stderr`。"),
    "timeout": ("How long to wait, in seconds.", "最多等待的秒数。"),
    "EventsQuery.type": ("Of these types.", "这些类型的事件。"),
    "JobEventsQuery.type": ("Of these types.", "这些类型的事件。"),
    "until": ("Submitted before this time.", "该时刻之前提交。"),
    "ListQuery.user_name": ("Of this user.", "该用户的作业。"),
    "wait": ("Hold the answer for at most so many seconds.", "最多等待该秒数后应答。"),
    "JobQuery.wait": (
        "Answer once it is in one of these states, or has ended.",
        "作业进入其中某个状态或已结束时应答。",
    ),
    # commands
    "atomic": ("All or none.", "全部执行或全部不执行。"),
    "changes": (
        "Values of the policy by name; what is left out stays.",
        "按名称给出的策略取值；省略的保持不变。",
    ),
    "command_id": (
        "A UUID: the same command sent again changes nothing more.",
        "UUID：重复发送同一命令不会再次生效。",
    ),
    "commands": ("In their order.", "按顺序排列。"),
    "detail": ("What more there is to say.", "补充说明。"),
    "expected_version": ("Refused unless its stream is at this version.", "仅当其事件流处于该版本时执行。"),
    "expires_in_seconds": ("How long the reservation holds.", "预留的有效秒数。"),
    "finding": ("The audit's code.", "审计发现的代码。"),
    "Reserve.gres": (
        "Which pieces, by name; else the lowest free ones.",
        "按名称指定编号；默认取编号最小的空闲资源。",
    ),
    "Reserve.cpu_ids": ("Which CPUs; else they are chosen.", "指定 CPU 编号；默认自动选择。"),
    "Lease.allocations": ("Allocations that the node holds.", "节点持有的分配。"),
    "jobs_lost": (
        "The sender vouches that nothing runs there any more.",
        "发送者确认该节点上已无任何进程运行。",
    ),
    "process": ("The process that was started.", "已启动的进程。"),
    "reason": ("Why.", "原因。"),
    "Release.reason": ("How it ended.", "结束方式。"),
    "spool_id": ("Random name of the node's spool folder.", "节点 spool 目录的随机标识。"),
    "AcknowledgeFinding.code": ("The finding's code.", "审计发现的代码。"),
    "subject": ("What it is about.", "所涉及的对象。"),
    "type": ("Which command it is.", "命令类型。"),
    "unless_set": ("Only while nobody has ever changed the policy.", "仅当策略从未被更改时执行。"),
    # executors of any make, tokens, the queue
    "accepting": (
        "false: new jobs are not to come; those it has go on.",
        "false：不再接受新作业，已有作业继续。",
    ),
    "launch": (
        "true: each with what it takes to start it; of an answer: that.",
        "true：各项附带启动所需的信息；在应答中即该信息。",
    ),
    "EventsQuery.node": (
        "Events of this node, and of jobs that it holds or held.",
        "该节点及其承载过的作业的事件。",
    ),
    "StreamQuery.node": (
        "Events of this node, and of jobs that it holds or held.",
        "该节点及其承载过的作业的事件。",
    ),
    "role": ("What its holder may do.", "持有者的权限。"),
}
