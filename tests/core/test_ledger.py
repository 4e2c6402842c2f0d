"""The conservation law is kept by a ledger of its own: it trusts no folded state, and names every breach."""

import pytest

from conductor.core.events import (
    Event,
    Policy,
    PolicyChanged,
    Provenance,
    RecordedEvent,
    ReleaseReason,
    ResourcesReleased,
)
from conductor.core.identifiers import AllocationId, Position, StreamName, Version
from projections.ledger import Breach, Ledger
from tests.given import START, allocated, registered, reserved

PROVENANCE = Provenance(actor="tester", channel="test")


def released(allocation_id: int = 7) -> ResourcesReleased:
    return ResourcesReleased(allocation_id=AllocationId(allocation_id), reason=ReleaseReason.FINISHED)


def breaches(*events: Event) -> list[str]:
    return [breach.text for breach in found_by_ledger(*events)]


def found_by_ledger(*events: Event) -> list[Breach]:
    ledger = Ledger()
    found: list[Breach] = []
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
        found += ledger.book(recorded.event)
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


RICH = registered(memory_mb=1000, gres={"gpu": 2})


def test_memory_and_generic_resources_come_back_with_a_release() -> None:
    first = reserved(memory_mb=600, gres={"gpu": (0, 1)})
    again = reserved(8, memory_mb=600, gres={"gpu": (0, 1)})
    assert breaches(RICH, first, allocated(), released(), again) == []


@pytest.mark.parametrize(
    ("history", "code", "text"),
    [
        (
            (reserved(gres={"gpu": (0, 1)}), reserved(8, cpu_ids=(1,), gres={"gpu": (1,)})),
            "gres_promised_twice",
            "gpu 1 of node-1 was promised to allocation 8 while 7 held it",
        ),
        (
            (reserved(gres={"gpu": (2,)}),),
            "gres_promised_twice",
            "node-1 has no gpu 2, promised to allocation 7",
        ),
        (
            (reserved(memory_mb=600), reserved(8, cpu_ids=(1,), memory_mb=401)),
            "memory_overpromised",
            "1001 MB of node-1 are promised with allocation 8, which has 1000",
        ),
    ],
)
def test_what_no_constraint_guards_has_a_name_of_its_own(
    history: tuple[Event, ...], code: str, text: str
) -> None:
    assert found_by_ledger(RICH, *history) == [Breach(code, text)]


def test_a_licence_has_no_number_on_a_node_and_a_node_that_comes_back_with_less_breaks_nothing() -> None:
    licences = (reserved(gres={"matlab": (0,)}), reserved(8, cpu_ids=(1,), gres={"matlab": (0,)}))
    assert breaches(RICH, *licences) == []
    poorer = registered(incarnation=2, memory_mb=100, gres={"gpu": 1})
    held = reserved(memory_mb=600, gres={"gpu": (1,)})
    assert breaches(RICH, held, poorer, released(), reserved(8, memory_mb=100, gres={"gpu": (0,)})) == []


def test_more_licences_than_the_policy_has_are_named_and_a_lower_count_is_no_fault() -> None:
    def licences(count: int) -> PolicyChanged:
        return PolicyChanged(policy=Policy(licences={"matlab": count}), reason=None)

    ledger = Ledger()
    wanted = {"matlab": 1, "gpu": 0}

    def booked(event: Event) -> list[Breach]:
        return list(ledger.book(event, wanted))

    lawful = (
        registered(),
        licences(2),
        reserved(),
        reserved(8, cpu_ids=(1,)),
        licences(1),
        released(),
        released(8),
    )
    assert [breach for event in lawful for breach in booked(event)] == []
    assert booked(reserved()) == []
    text = "2 matlab are promised with allocation 8, and the policy has 1"
    assert booked(reserved(8, cpu_ids=(1,))) == [Breach("licence_overpromised", text)]
