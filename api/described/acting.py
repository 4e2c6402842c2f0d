"""What is asked of jobs, and commands, described."""

from collections.abc import Mapping
from typing import Any

from api.document.description import CONFLICT, Answer, Body, Both, Description, ok
from api.endpoints.acting import ActQuery, NewPriority
from api.endpoints.commanding import CommandList
from api.endpoints.jobs import Why
from api.requests.wire import Command
from conductor.wire.commands import CommandAccepted, CommandAnswers, CommandRejected
from conductor.wire.jobs import Changed, ChangedTasks

_SEVERAL = (
    "May be repeated. `42_[1-5]`, or an array's number, is asked of each task: then the answer has all of them.",
    "可以重复执行。`42_[1-5]` 或作业数组编号表示对每个任务执行，此时应答包含所有这些任务。",
)
_DONE = Answer(shape=Changed | ChangedTasks)
_BECAUSE = {"because": {"reason": "not needed any more"}}


def _act(
    name: str,
    summary: Both,
    detail: Both,
    *,
    shape: Any = Why,
    required: bool = False,
    examples: Mapping[str, Any] = _BECAUSE,
) -> Description:
    return Description(
        name=f"{name}_job",
        tag="acting",
        summary=summary,
        detail=(f"{detail[0]} {_SEVERAL[0]}", f"{detail[1]}{_SEVERAL[1]}"),
        query=ActQuery,
        body=Body(shape=shape, required=required, examples=examples),
        answers={200: _DONE, 202: _DONE},
        headers=("If-Match",),
        problems=CONFLICT,
    )


ACTING: Mapping[str, Description] = {
    "POST /api/v1/jobs/{job_id}/hold": _act(
        "hold", ("Hold", "暂缓"), ("Keeps a waiting job from starting.", "使等待中的作业暂不启动。")
    ),
    "POST /api/v1/jobs/{job_id}/unhold": _act(
        "unhold", ("Let it start", "解除暂缓"), ("Lets a held job start.", "允许被暂缓的作业启动。")
    ),
    "POST /api/v1/jobs/{job_id}/reprioritize": _act(
        "reprioritize",
        ("Change the priority", "更改优先级"),
        ("Of a job that waits; higher goes first.", "仅限等待中的作业；数值大者优先。"),
        shape=NewPriority,
        required=True,
        examples={"higher": {"priority": 10}},
    ),
    "POST /api/v1/jobs/{job_id}/requeue": _act(
        "requeue",
        ("Begin the next attempt", "重新排队"),
        (
            "A running job is ended first: 202, or with `wait` once that is done.",
            "运行中的作业会先被结束：应答 202；给出 `wait` 时等其完成。",
        ),
    ),
    "POST /api/v1/jobs/{job_id}/cancel": _act(
        "cancel",
        ("Cancel", "取消"),
        (
            "At once what waits: 200. A running job is asked to end: 202, or with `wait` once it has ended.",
            "等待中的作业立即取消：200。运行中的作业会被要求结束：202；给出 `wait` 时等其结束。",
        ),
    ),
    "POST /api/v1/commands": Description(
        name="send_commands",
        tag="executors",
        summary=("One command, or a list", "执行一条或多条命令"),
        detail=(
            (
                "What the other paths do and what executors and schedulers need, in the words of the core. Alone, a "
                "rejection has the status of its code; in a list every answer stands in its place and the status is "
                "200. Each command has roles of its own."
            ),
            (
                "其他路径所做的一切，以及执行器和调度器所需的操作，均可用核心命令表达。单条命令被拒绝时，"
                "状态码由其代码决定；多条命令时各应答按顺序给出，状态码为 200。每种命令有各自允许的角色。"
            ),
        ),
        body=Body(
            shape=Command | CommandList,
            examples={
                "priority": {"type": "Reprioritize", "job_id": 1, "priority": 10},
                "list": {"commands": [{"type": "Hold", "job_id": 1}, {"type": "Unhold", "job_id": 1}]},
                "node": {
                    "type": "RegisterNode",
                    "node_name": "node-7",
                    "spool_id": "b7d2c1f0",
                    "boot_id": "7c1f4e0a",
                    "total_cpus": 8,
                    "memory_mb": 16000,
                },
            },
        ),
        answers={
            **ok(CommandAccepted | CommandAnswers),
            **dict.fromkeys((403, 404, 409, 422), Answer(shape=CommandRejected)),
        },
        problems=CONFLICT,
    ),
}
