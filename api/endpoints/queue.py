"""`GET /api/v1/queue`: the waiting jobs in the order in which the scheduler looks at them.

The order is the scheduler's own, of the picture that the API keeps (`api/services/picture.py`).
"""

from typing import Annotated, Any

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.answers.reading import answer
from api.endpoints.jobs import QUERY
from api.engine import engine_of
from api.requests.fields import Count
from api.requests.validation import validated_query
from api.services.picture import Queued
from conductor.core.queue_order import InLine


class QueueQuery(BaseModel):
    model_config = QUERY

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    at_least: Count | None = None


async def get_queue(request: Request) -> Response:
    query = validated_query(QueueQuery, request)
    engine = engine_of(request)
    await engine.caught_up(query.at_least)
    return answer(_document(await engine.picture.queue(query.limit)))


def _document(found: Queued) -> dict[str, Any]:
    return {
        "jobs": [_job(place, one) for place, one in enumerate(found.first, 1)],
        "waiting": found.waiting,
        "licences": {one.name: {"total": one.total, "used": one.used} for one in found.licences},
        "position": found.position,
        "at": found.at,
    }


def _job(place: int, one: InLine) -> dict[str, Any]:
    job, wanted = one.job, one.job.submitted
    return {
        "place": place,
        "job_id": job.job_id,
        "array_job_id": wanted.array_job_id,
        "array_task_id": wanted.array_task_id,
        "name": wanted.name,
        "user_name": wanted.user_name,
        "account": wanted.account,
        "reason": one.reason,
        "priority": job.priority,
        "effective_priority": one.effective_priority,
        "total_cpus_required": wanted.total_cpus,
        "time_limit_seconds": wanted.time_limit_seconds,
        "submit_time": job.submitted_at,
        "eligible_time": job.eligible_at,
    }
