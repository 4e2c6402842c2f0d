"""What is read of jobs, described."""

from collections.abc import Mapping

from api.document.description import (
    BYTES,
    CONFLICT,
    NOT_MODIFIED,
    TAGGED,
    TEXT,
    Answer,
    Body,
    Description,
    ok,
)
from api.endpoints.events import JobEventsQuery
from api.endpoints.jobs import JobQuery, ListQuery, MomentQuery, ReadQuery
from api.endpoints.receiving import PutQuery
from api.endpoints.stats import AllocationsQuery
from api.endpoints.streaming import OutputQuery
from conductor.wire.events import EventPage
from conductor.wire.jobs import AllocationPage, Job, JobEnvironment, JobPage, OutputTaken
from conductor.wire.why import Explanation

JOBS: Mapping[str, Description] = {
    "GET /api/v1/jobs": Description(
        name="list_jobs",
        tag="jobs",
        summary=("List jobs, newest first", "列出作业，新的在前"),
        detail=(
            (
                "`next` is the `cursor` of the next page, null on the last. `fold=array` shows the waiting tasks of an "
                "array as one line, with `folded_tasks` and `folded_task_ids`."
            ),
            (
                "`next` 是下一页的 `cursor`，最后一页为 null。`fold=array` 将作业数组中等待的任务合为一行，"
                "并给出 `folded_tasks` 和 `folded_task_ids`。"
            ),
        ),
        query=ListQuery,
        answers=ok(JobPage),
    ),
    "GET /api/v1/jobs/{job_id}": Description(
        name="get_job",
        tag="jobs",
        summary=("One job", "单个作业"),
        detail=(
            (
                "Every column, its allocation, its times, and the last 64 KiB of both outputs. Of an array's number: "
                "its first task, and `array`. With `wait` the answer is held until the job is in one of these states, "
                "has ended, or `timeout` seconds have passed."
            ),
            (
                "包括所有列、资源分配、时间以及两个输出各自最后的 64 KiB。若为作业数组的编号：其首个任务以及 `array`。"
                "给出 `wait` 时，直到作业进入其中某个状态、已结束或超过 `timeout` 秒才应答。"
            ),
        ),
        query=JobQuery,
        answers={200: Answer(shape=Job, headers=TAGGED), **NOT_MODIFIED},
        headers=("If-None-Match",),
    ),
    "GET /api/v1/jobs/{job_id}/script": Description(
        name="get_script",
        tag="jobs",
        summary=("The script", "作业脚本"),
        detail=("As it was submitted.", "与提交时一致。"),
        query=ReadQuery,
        answers={200: Answer(media_type=TEXT)},
    ),
    "GET /api/v1/jobs/{job_id}/environment": Description(
        name="get_environment",
        tag="jobs",
        summary=("Environment variables", "环境变量"),
        detail=("Those that the submission brought.", "提交时附带的环境变量。"),
        query=ReadQuery,
        answers=ok(JobEnvironment),
    ),
    "GET /api/v1/jobs/{job_id}/events": Description(
        name="list_job_events",
        tag="jobs",
        summary=("A job's history", "作业的历史"),
        detail=("Its events in the order of the log.", "按日志顺序列出其事件。"),
        query=JobEventsQuery,
        answers=ok(EventPage),
    ),
    "GET /api/v1/jobs/{job_id}/why": Description(
        name="explain_job",
        tag="jobs",
        summary=("Why a job waits", "作业为何等待"),
        detail=(
            (
                "Who holds what it needs, who stands before it, when it starts at the latest, what would help; of a "
                "job that does not wait, what came of it."
            ),
            "谁占用了它所需的资源、谁排在它前面、最迟何时启动、如何改善；若作业不在等待，则说明其结果。",
        ),
        query=MomentQuery,
        answers=ok(Explanation),
    ),
    "GET /api/v1/jobs/{job_id}/output": Description(
        name="get_output",
        tag="jobs",
        summary=("What a job has written", "作业输出"),
        detail=(
            (
                "Bytes as the job wrote them, from whatever node has them; with `follow` until the job has ended. "
                "`Conductor-Output-Bytes` is the whole length, and is left out when following."
            ),
            (
                "作业写出的原始字节，取自其所在节点；给出 `follow` 时持续到作业结束。"
                "`Conductor-Output-Bytes` 为总长度，跟随时没有该头。"
            ),
        ),
        query=OutputQuery,
        answers={200: Answer(media_type=TEXT, headers=("Conductor-Output-Bytes",))},
    ),
    "PUT /api/v1/jobs/{job_id}/output": Description(
        name="send_output",
        tag="executors",
        summary=("Send what a job has written", "上传作业输出"),
        detail=(
            (
                "For executors without a spool that the API can read. Pieces of at most 4 MiB follow each other "
                "without gaps; the answer has the next `offset`, and so has the refusal `output_gap`."
            ),
            (
                "供 API 无法读取其 spool 的执行器使用。每个片段最多 4 MiB，依次衔接；应答给出下一个 `offset`，"
                "拒绝 `output_gap` 时亦然。"
            ),
        ),
        query=PutQuery,
        body=Body(others={BYTES: "hello\n"}),
        answers=ok(OutputTaken),
        problems=CONFLICT,
    ),
    "GET /api/v1/allocations": Description(
        name="list_allocations",
        tag="executors",
        summary=("Who holds which CPUs", "CPU 的占用情况"),
        detail=(
            (
                "Live ones unless `status` says otherwise, newest first. `wait` holds the answer until there is one: "
                "so an executor learns of its reservations; with `launch` also how to start each."
            ),
            (
                "除非 `status` 另有指定，仅列出有效的分配，新的在前。`wait` 使应答等到有分配为止：执行器由此得知其预留"
                "；给出 `launch` 时还说明如何启动。"
            ),
        ),
        query=AllocationsQuery,
        answers=ok(AllocationPage),
    ),
}
