"""Every path of the API on one screen, and whom it is for."""

from dataclasses import replace

from api.endpoints import (
    acting,
    auditing,
    commanding,
    event_stream,
    events,
    health,
    jobs,
    metrics,
    nodes,
    original,
    pids,
    policy,
    queue,
    receiving,
    reference,
    stats,
    streaming,
    submitting,
    tokens,
    why,
)
from api.operations import get, post, put, routes_of
from conductor.core.roles import ADMINS, EVERYBODY, EXECUTORS, OPERATORS, READERS, SUBMITTERS

VERSION_1 = (
    post("/jobs/submit", submitting.submit, SUBMITTERS),
    post("/jobs/submit/batch", submitting.submit_batch, SUBMITTERS),
    get("/jobs/stats", stats.get_stats, READERS),
    get("/jobs/query/{job_id}", original.query, READERS),
    post("/jobs/cancel/{job_id}", original.cancel, SUBMITTERS),
    get("/jobs", jobs.list_jobs, READERS),
    get("/jobs/{job_id}", jobs.get_job, EVERYBODY),
    get("/jobs/{job_id}/script", jobs.get_script, EVERYBODY),
    get("/jobs/{job_id}/environment", jobs.get_environment, EVERYBODY),
    get("/jobs/{job_id}/events", events.list_job_events, READERS),
    get("/jobs/{job_id}/why", why.get_why, READERS),
    get("/jobs/{job_id}/output", streaming.get_output, READERS),
    put("/jobs/{job_id}/output", receiving.put_output, EXECUTORS),
    post("/jobs/{job_id}/cancel", acting.cancel, SUBMITTERS),
    post("/jobs/{job_id}/hold", acting.hold, SUBMITTERS),
    post("/jobs/{job_id}/unhold", acting.unhold, SUBMITTERS),
    post("/jobs/{job_id}/requeue", acting.requeue, SUBMITTERS),
    post("/jobs/{job_id}/reprioritize", acting.reprioritize, SUBMITTERS),
    get("/queue", queue.get_queue, READERS),
    get("/allocations", stats.list_allocations, EVERYBODY),
    get("/nodes", nodes.list_nodes, READERS),
    get("/nodes/{name}", nodes.get_node, EVERYBODY),
    put("/nodes/{name}/lease", nodes.renew_lease, EXECUTORS),
    post("/nodes/{name}/drain", nodes.drain, OPERATORS),
    post("/nodes/{name}/resume", nodes.resume, OPERATORS),
    post("/nodes/{name}/lost", nodes.lost, OPERATORS),
    post("/nodes/{name}/remove", nodes.remove, OPERATORS),
    get("/policy", policy.get_policy, READERS),
    post("/policy", policy.change, OPERATORS),
    get("/policy/fair-share", policy.get_fair_share, READERS),
    post("/commands", commanding.command, EVERYBODY),  # each command has roles of its own
    get("/events", events.list_events, EVERYBODY),
    get("/events/stream", event_stream.follow_events, EVERYBODY),
    get("/audit", auditing.audit, READERS),
    get("/tokens", tokens.list_tokens, ADMINS),
    post("/tokens", tokens.create, ADMINS),
    post("/tokens/{name}/revoke", tokens.revoke, ADMINS),
    get("/pids", pids.list_processes, READERS),
)
# The original system's paths, and those that need no token
TOP = (
    post("/jobs/submit", original.submit, SUBMITTERS),
    get("/jobs/query/{job_id}", original.query, READERS),
    post("/jobs/cancel/{job_id}", original.cancel, SUBMITTERS),
    get("/jobs/stats", original.get_stats, READERS),
    get("/health", health.health, None),
    get("/ready", health.ready, None),
    get("/metrics", metrics.get_metrics, READERS),
    get("/openapi.json", reference.get_document, None),
    get("/docs", reference.get_page, None),
    get("/docs/{file}", reference.get_page_file, None),
)

API = "/api/v1"
OPERATIONS = (*(replace(operation, path=API + operation.path) for operation in VERSION_1), *TOP)
ROUTES = routes_of(OPERATIONS)
