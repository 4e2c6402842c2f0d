"""Slurm's way to ask for a signal before the limit."""

import signal

import pytest

from conductor.core.warning_signal import SIGNALS, WarningSignal, parse_warning_signal


@pytest.mark.parametrize(
    ("text", "number", "seconds", "batch_only"),
    [
        ("B:USR1@60", 10, 60, True),
        ("USR1@30", 10, 30, False),
        ("SIGTERM", 15, 60, False),
        ("B:12@1", 12, 1, True),
    ],
)
def test_a_signal_is_read_as_slurm_reads_it(text: str, number: int, seconds: int, batch_only: bool) -> None:
    assert parse_warning_signal(text) == WarningSignal(number=number, seconds=seconds, batch_only=batch_only)


@pytest.mark.parametrize("text", ["", "B:", "USR1@", "USR9", "0", "65", "R:USR1@5", "USR1@99999", "USR1@-1"])
def test_what_is_no_signal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"signal|seconds"):
        parse_warning_signal(text)


def test_the_numbers_are_those_of_this_system() -> None:
    named = {s.name.removeprefix("SIG"): int(s) for s in signal.Signals}
    assert {name: named[name] for name in SIGNALS if name in named} == {
        name: number for name, number in SIGNALS.items() if name in named
    }
    assert len(SIGNALS) == 31
