"""The original system's paths, described."""

from collections.abc import Mapping
from typing import Any

from api.document.description import CONFLICT, Body, Description, ok
from api.endpoints.acting import ActQuery
from api.endpoints.jobs import Why
from api.requests.submission import Submission, WrappedSubmission
from conductor.wire.cluster import Stats
from conductor.wire.original import OriginalChanged, OriginalChangedTasks, OriginalJob
from conductor.wire.submitting import Submitted

_FIVE = (
    (
        "As the original system answered, with its five states: `RESERVED` shows as `PENDING`, the ends it did not "
        "know as `FAILED` with the reason."
    ),
    "按原系统的方式应答，只有五种状态：`RESERVED` 显示为 `PENDING`；它所没有的结局显示为 `FAILED` 并附原因。",
)


def _query(name: str) -> Description:
    return Description(
        name=name, tag="original", summary=("One job", "单个作业"), detail=_FIVE, answers=ok(OriginalJob)
    )


def _cancel(name: str) -> Description:
    done: Any = OriginalChanged | OriginalChangedTasks
    return Description(
        name=name,
        tag="original",
        summary=("Cancel", "取消"),
        detail=_FIVE,
        query=ActQuery,
        body=Body(shape=Why, required=False, examples={"because": {"reason": "not needed any more"}}),
        answers=ok(done),
        problems=CONFLICT,
    )


ORIGINAL: Mapping[str, Description] = {
    "POST /jobs/submit": Description(
        name="original_submit",
        tag="original",
        summary=("Submit a job", "提交作业"),
        detail=(
            (
                'Also as `{"job": {...}}`, and with the original system\'s own fields of `job`. '
                "As `POST /api/v1/jobs/submit`, but answers 200."
            ),
            '也可写作 `{"job": {...}}`，并接受原系统 `job` 的字段。与 `POST /api/v1/jobs/submit` 相同，但应答 200。',
        ),
        body=Body(
            shape=Submission | WrappedSubmission,
            examples={"wrapped": {"job": {"script": "true\n", "cpus": 1}}},
        ),
        headers=("Idempotency-Key",),
        answers=ok(Submitted),
    ),
    "GET /jobs/query/{job_id}": _query("original_query"),
    "GET /api/v1/jobs/query/{job_id}": _query("original_query_v1"),
    "POST /jobs/cancel/{job_id}": _cancel("original_cancel"),
    "POST /api/v1/jobs/cancel/{job_id}": _cancel("original_cancel_v1"),
    "GET /jobs/stats": Description(
        name="original_stats",
        tag="original",
        summary=("The system in numbers", "系统统计"),
        detail=_FIVE,
        answers=ok(Stats),
    ),
}
