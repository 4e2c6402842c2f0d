"""Submitting, described."""

from collections.abc import Mapping

from api.document.description import NDJSON, Answer, Body, Description
from api.requests.submission import Batch, Submission, WrappedSubmission
from conductor.wire.submitting import Submitted, SubmittedBatch

_HELLO = {"script": "#!/bin/bash\necho hello\n", "name": "hello", "cpus": 1}

SUBMITTING: Mapping[str, Description] = {
    "POST /api/v1/jobs/submit": Description(
        name="submit_job",
        tag="submitting",
        summary=("Submit a job, or an array of jobs", "提交一个作业或作业数组"),
        detail=(
            (
                "The script's own `#SBATCH` lines fill what the request leaves out. An unknown field is refused by "
                "name. `warnings` names what of the script is ignored. With `array`, `job_id` is the array's number."
            ),
            (
                "脚本自身的 `#SBATCH` 行补充请求中未给出的内容。未知字段会被指名拒绝。"
                "`warnings` 列出脚本中被忽略的内容。使用 `array` 时，`job_id` 是作业数组的编号。"
            ),
        ),
        body=Body(
            shape=Submission | WrappedSubmission,
            examples={
                "hello": _HELLO,
                "resources": {
                    "script": "#!/bin/bash\nsleep 1\n",
                    "cpus_per_task": 2,
                    "memory_mb": 500,
                    "time_limit": "0:30:00",
                    "environment": {"GREETING": "hello"},
                },
                "array": {"script": "echo $SLURM_ARRAY_TASK_ID\n", "array": "0-9%2"},
            },
        ),
        headers=("Idempotency-Key",),
        answers={201: Answer(shape=Submitted), 200: Answer(shape=Submitted)},
    ),
    "POST /api/v1/jobs/submit/batch": Description(
        name="submit_batch",
        tag="submitting",
        summary=("Submit many jobs at once", "批量提交作业"),
        detail=(
            (
                "One transaction: all of them, or none. At most 10,000 jobs, where an array counts its tasks, and 64 "
                "MiB. As `application/x-ndjson`, one submission a line."
            ),
            (
                "在同一事务中：全部提交或全部不提交。最多 10,000 个作业（作业数组按任务数计）和 64 MiB。"
                "也可用 `application/x-ndjson`，每行一个作业。"
            ),
        ),
        body=Body(
            shape=Batch,
            examples={
                "two": {"jobs": [_HELLO, {"script": "sleep 2\n", "cpus": 1}]},
            },
            others={NDJSON: '{"script": "true\\n"}\n{"script": "sleep 1\\n", "cpus": 2}\n'},
        ),
        headers=("Idempotency-Key",),
        answers={201: Answer(shape=SubmittedBatch)},
    ),
}
