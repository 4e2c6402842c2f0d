"""Which job ran as a PID: every process that was ever recorded, also of attempts long superseded."""

from typing import Annotated

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.answers.reading import answer, fetch, page_of
from api.endpoints.jobs import QUERY
from api.engine import engine_of
from api.requests.fields import Count, Id, Instant, NodeNameText
from api.requests.validation import validated_query


class PidsQuery(BaseModel):
    """`at`: alive at that instant. With no filter, the processes that were recorded last."""

    model_config = QUERY

    pid: Id | None = None
    node_name: NodeNameText | None = None
    at: Instant | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Id | None = None
    at_least: Count | None = None


async def list_processes(request: Request) -> Response:
    query = validated_query(PidsQuery, request)
    engine = engine_of(request)
    await engine.caught_up(query.at_least)
    values = {**query.model_dump(exclude={"at_least"}), "limit": query.limit + 1}
    rows, more = page_of(await fetch(engine.pool, "processes", values), query.limit, "allocation_id")
    return answer({"processes": rows, "next": more})
