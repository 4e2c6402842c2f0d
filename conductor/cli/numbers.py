"""Numbers that people know by another name: signals, and CPUs as ranges."""

import signal
from collections.abc import Iterable


def signal_name(number: int) -> str:
    """SIGTERM for 15."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def number_ranges(numbers: Iterable[int]) -> str:
    """0-3,8 for 0 1 2 3 8."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
