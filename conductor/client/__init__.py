"""The Python client: what a program uses to talk to a Conductor server, blocking (`Client`) or not (`AsyncClient`).

calls          what to ask and how the answer is read; no waiting: `job_calls`, `cluster_calls`, `log_calls`
exchange       whether a try was worth another, and what an error says
aio            the client that awaits: connection, waiting, following, paging
the rest       the client that blocks, made from `aio` by `scripts/write_sync_client.py`
"""

from typing import TYPE_CHECKING

from conductor.client.client import Client
from conductor.client.connecting import connect, connect_async
from conductor.client.errors import ClientError, FieldError, Problem, Refused, UnexpectedAnswer, Unreachable
from conductor.client.log_calls import CommandAnswer
from conductor.client.models import (
    ACTIVE_STATES,
    FINAL_STATES,
    Allocation,
    Changed,
    Event,
    EventPage,
    Head,
    Job,
    JobPage,
    Node,
    Nodes,
    Process,
    ProcessPage,
    Stats,
    Submission,
    Submitted,
    SubmittedBatch,
)
from conductor.wire.audit import Audit
from conductor.wire.cluster import Health
from conductor.wire.commands import CommandAccepted, CommandRejected, Rejection
from conductor.wire.jobs import AllocationPage
from conductor.wire.nodes import ChangedNode, LeaseRenewed
from conductor.wire.policy import FairShare, PolicyInForce
from conductor.wire.queue import Queue
from conductor.wire.tokens import ChangedToken, TokenList
from conductor.wire.why import Explanation

if TYPE_CHECKING:
    from conductor.client.aio.client import AsyncClient

__all__ = [
    "ACTIVE_STATES",
    "FINAL_STATES",
    "Allocation",
    "AllocationPage",
    "AsyncClient",
    "Audit",
    "Changed",
    "ChangedNode",
    "ChangedToken",
    "Client",
    "ClientError",
    "CommandAccepted",
    "CommandAnswer",
    "CommandRejected",
    "Event",
    "EventPage",
    "Explanation",
    "FairShare",
    "FieldError",
    "Head",
    "Health",
    "Job",
    "JobPage",
    "LeaseRenewed",
    "Node",
    "Nodes",
    "PolicyInForce",
    "Problem",
    "Process",
    "ProcessPage",
    "Queue",
    "Refused",
    "Rejection",
    "Stats",
    "Submission",
    "Submitted",
    "SubmittedBatch",
    "TokenList",
    "UnexpectedAnswer",
    "Unreachable",
    "connect",
    "connect_async",
]


def __getattr__(name: str) -> object:
    """What awaits is loaded when it is first named: it brings an event loop, which the command line never needs."""
    if name == "AsyncClient":
        from conductor.client.aio.client import AsyncClient

        return AsyncClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
