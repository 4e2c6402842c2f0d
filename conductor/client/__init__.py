"""The Python client: what a program uses to talk to a Conductor server."""

from conductor.client.client import Client, connect
from conductor.client.errors import ClientError, FieldError, Problem, Refused, UnexpectedAnswer, Unreachable
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
    Stats,
    Submission,
    Submitted,
    SubmittedBatch,
)

__all__ = [
    "ACTIVE_STATES",
    "FINAL_STATES",
    "Allocation",
    "Changed",
    "Client",
    "ClientError",
    "Event",
    "EventPage",
    "FieldError",
    "Head",
    "Job",
    "JobPage",
    "Node",
    "Nodes",
    "Problem",
    "Refused",
    "Stats",
    "Submission",
    "Submitted",
    "SubmittedBatch",
    "UnexpectedAnswer",
    "Unreachable",
    "connect",
]
