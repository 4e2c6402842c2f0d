"""Every path of the API on one screen."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from api import (
    acting,
    auditing,
    commanding,
    events,
    health,
    jobs,
    nodes,
    original,
    pids,
    policy,
    receiving,
    stats,
    streaming,
    submitting,
    why,
)

Endpoint = Callable[[Request], Awaitable[Response]]


def get(path: str, endpoint: Endpoint) -> Route:
    return Route(path, endpoint, methods=["GET"])


def post(path: str, endpoint: Endpoint) -> Route:
    return Route(path, endpoint, methods=["POST"])


def put(path: str, endpoint: Endpoint) -> Route:
    return Route(path, endpoint, methods=["PUT"])


VERSION_1 = [
    post("/jobs/submit", submitting.submit),
    post("/jobs/submit/batch", submitting.submit_batch),
    get("/jobs/stats", stats.get_stats),
    get("/jobs/query/{job_id}", original.query),
    post("/jobs/cancel/{job_id}", original.cancel),
    get("/jobs", jobs.list_jobs),
    get("/jobs/{job_id}", jobs.get_job),
    get("/jobs/{job_id}/script", jobs.get_script),
    get("/jobs/{job_id}/environment", jobs.get_environment),
    get("/jobs/{job_id}/events", events.list_job_events),
    get("/jobs/{job_id}/why", why.get_why),
    get("/jobs/{job_id}/output", streaming.get_output),
    put("/jobs/{job_id}/output", receiving.put_output),
    post("/jobs/{job_id}/cancel", acting.cancel),
    post("/jobs/{job_id}/hold", acting.hold),
    post("/jobs/{job_id}/unhold", acting.unhold),
    post("/jobs/{job_id}/requeue", acting.requeue),
    post("/jobs/{job_id}/reprioritize", acting.reprioritize),
    get("/allocations", stats.list_allocations),
    get("/nodes", nodes.list_nodes),
    get("/nodes/{name}", nodes.get_node),
    put("/nodes/{name}/lease", nodes.renew_lease),
    post("/nodes/{name}/drain", nodes.drain),
    post("/nodes/{name}/resume", nodes.resume),
    post("/nodes/{name}/lost", nodes.lost),
    post("/nodes/{name}/remove", nodes.remove),
    get("/policy", policy.get_policy),
    post("/policy", policy.change),
    get("/policy/fair-share", policy.get_fair_share),
    post("/commands", commanding.command),
    get("/events", events.list_events),
    get("/audit", auditing.audit),
    get("/pids", pids.list_processes),
]

ROUTES = [
    Mount("/api/v1", routes=VERSION_1),
    # The original system's paths
    post("/jobs/submit", original.submit),
    get("/jobs/query/{job_id}", original.query),
    post("/jobs/cancel/{job_id}", original.cancel),
    get("/jobs/stats", original.get_stats),
    get("/health", health.health),
    get("/ready", health.ready),
]
