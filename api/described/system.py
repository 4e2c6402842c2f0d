"""The system as a whole, described."""

from collections.abc import Mapping

from api.document.description import TEXT, Answer, Description, ok
from api.endpoints.jobs import MomentQuery
from api.endpoints.queue import QueueQuery
from api.endpoints.reference import DocumentQuery
from conductor.wire.cluster import Health, Ready, Stats
from conductor.wire.queue import Queue

SYSTEM: Mapping[str, Description] = {
    "GET /api/v1/jobs/stats": Description(
        name="get_stats",
        tag="system",
        summary=("The system in numbers", "系统统计"),
        detail=(
            "`total_cpus = used_cpus + reserved_cpus + available_cpus + unavailable_cpus`, exactly, always.",
            "`total_cpus = used_cpus + reserved_cpus + available_cpus + unavailable_cpus`，任何时刻都严格相等。",
        ),
        query=MomentQuery,
        answers=ok(Stats),
    ),
    "GET /api/v1/queue": Description(
        name="get_queue",
        tag="system",
        summary=("The queue in its order", "按顺序的队列"),
        detail=(
            "The waiting jobs that could start, as the scheduler looks at them, with what age and fair share add.",
            "可启动的等待作业，按调度器查看的顺序，并计入等待时间与公平份额。",
        ),
        query=QueueQuery,
        answers=ok(Queue),
    ),
    "GET /metrics": Description(
        name="get_metrics",
        tag="system",
        summary=("Numbers for Prometheus", "供 Prometheus 采集的指标"),
        detail=(
            "All processes' and the system's, in one scrape, also while the database is away.",
            "一次采集即含所有进程与整个系统的指标，数据库不可用时也可采集。",
        ),
        answers={200: Answer(media_type=TEXT)},
    ),
    "GET /health": Description(
        name="get_health",
        tag="system",
        summary=("How each part stands", "各部分的状态"),
        detail=("Always 200; the body says which part is down.", "总是 200；应答内容说明哪一部分不可用。"),
        answers=ok(Health),
    ),
    "GET /ready": Description(
        name="get_ready",
        tag="system",
        summary=("May requests be sent?", "是否可以接受请求"),
        detail=(
            "200 when the database is there and has the schema, else 503.",
            "数据库可用且表结构就绪时为 200，否则为 503。",
        ),
        answers=ok(Ready),
    ),
    "GET /openapi.json": Description(
        name="get_document",
        tag="system",
        summary=("This document", "本文档"),
        detail=("OpenAPI 3.1, in English or Chinese.", "OpenAPI 3.1，中文或英文。"),
        query=DocumentQuery,
        answers=ok(dict),
    ),
    "GET /docs": Description(
        name="get_page",
        tag="system",
        summary=("This document as a page", "本文档的网页"),
        detail=(
            "To read, and to try requests. Needs no internet.",
            "可阅读并试发请求，无须联网。",
        ),
        query=DocumentQuery,
        answers={200: Answer(media_type="text/html")},
    ),
    "GET /docs/{file}": Description(
        name="get_page_file",
        tag="system",
        summary=("What the page is made of", "网页的文件"),
        detail=("Scripts and styles.", "脚本与样式。"),
        answers={200: Answer(media_type="*/*")},
    ),
}
