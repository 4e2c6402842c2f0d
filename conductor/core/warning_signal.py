"""The signal that a job wants before its time limit: Slurm's `[B:]SIGNAL[@SECONDS]`, as `B:USR1@60`.

With `B:` only the script's own shell gets it; without, everything else of the job does, so that a program which
the shell waits for can save its work. Sixty seconds before the limit unless said otherwise.
"""

import re
from dataclasses import dataclass

from conductor.core.misspelt import Misspelt

# Linux's numbers, the same on x86-64 and Arm.
SIGNALS = {
    name: number
    for number, name in enumerate(
        (
            *(
                "HUP",
                "INT",
                "QUIT",
                "ILL",
                "TRAP",
                "ABRT",
                "BUS",
                "FPE",
                "KILL",
                "USR1",
                "SEGV",
                "USR2",
                "PIPE",
            ),
            *(
                "ALRM",
                "TERM",
                "STKFLT",
                "CHLD",
                "CONT",
                "STOP",
                "TSTP",
                "TTIN",
                "TTOU",
                "URG",
                "XCPU",
                "XFSZ",
            ),
            *("VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS"),
        ),
        start=1,
    )
}
_LAST_NUMBER = 64
_DEFAULT_SECONDS = 60
_MOST_SECONDS = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningSignal:
    number: int
    seconds: int
    batch_only: bool


def parse_warning_signal(text: str) -> WarningSignal:
    """Raises `Misspelt`."""
    match = re.fullmatch(r"(B:)?(?:SIG)?([A-Za-z0-9]+)(?:@(\d{1,5}))?", text.strip())
    if match is None:
        raise Misspelt("signal_form")
    batch, name, seconds = match.groups()
    return WarningSignal(
        number=_number(name), seconds=_seconds(seconds or str(_DEFAULT_SECONDS)), batch_only=batch is not None
    )


def _number(name: str) -> int:
    if name.isdecimal():
        if not 1 <= int(name) <= _LAST_NUMBER:
            raise Misspelt("signal_number", part=name)
        return int(name)
    try:
        return SIGNALS[name.upper()]
    except KeyError:
        raise Misspelt("signal_name", part=name) from None


def _seconds(text: str) -> int:
    if int(text) > _MOST_SECONDS:
        raise Misspelt("signal_seconds", most=_MOST_SECONDS)
    return int(text)
