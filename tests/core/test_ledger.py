"""The conservation law is kept by a ledger of its own: it trusts no folded state, and names every breach."""

import pytest

from conductor.core.events import Event, Provenance, RecordedEvent, ReleaseReason, ResourcesReleased
from conductor.core.identifiers import AllocationId, Position, StreamName, Version
from projections.ledger import Ledger
from tests.given import START, allocated, registered, reserved

PROVENANCE = Provenance(actor="tester", channel="test")


def released(allocation_id: int = 7) -> ResourcesReleased:
    return ResourcesReleased(allocation_id=AllocationId(allocation_id), reason=ReleaseReason.FINISHED)


def breaches(*events: Event) -> list[str]:
    ledger = Ledger()
    found: list[str] = []
    for number, event in enumerate(events, 1):
        recorded = RecordedEvent(
            position=Position(number),
            stream=StreamName("any"),
            version=Version(number),
            event=event,
            at=START,
            recorded_at=START,
            provenance=PROVENANCE,
        )
        found += [breach.text for breach in ledger.book(recorded.event)]
    return found


def test_a_lawful_history_balances_at_every_position() -> None:
    history = (registered(), reserved(), allocated(), reserved(8, cpu_ids=(1, 2)), released(), released(8))
    assert breaches(*history, reserved(9), released(9)) == []


def test_cpus_taken_off_a_node_stay_on_the_books_until_they_are_released() -> None:
    narrower = registered(incarnation=2, cpus=2)
    assert breaches(registered(), reserved(cpu_ids=(3,)), narrower, released(), reserved(8)) == []


@pytest.mark.parametrize(
    ("history", "breach"),
    [
        ((reserved(), reserved(8)), "CPU 0 of node-1 was promised to allocation 8 while 7 held it"),
        ((reserved(cpu_ids=(4,)),), "node-1 has no CPU 4, promised to allocation 7"),
        (
            (reserved(cpu_ids=(4,)),),
            "node-1: free 3 + reserved 1 + allocated 0 is not its total of 5",
        ),
        ((allocated(),), "allocation 7 began without a reservation of its own"),
        ((reserved(), allocated(), allocated()), "allocation 7 began without a reservation of its own"),
        ((reserved(), released(), released()), "allocation 7 was released without being held"),
    ],
)
def test_a_breach_is_named(history: tuple[Event, ...], breach: str) -> None:
    assert breach in breaches(registered(), *history)
