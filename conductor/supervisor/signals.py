"""Signals that cannot reach a stranger.

A group is signalled by number only while its leader is our own child and not yet reaped: even its zombie pins
the number. Any other process is signalled through a pidfd that was checked after it was opened; on kernels
without pidfds its identity is read immediately before the signal.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from conductor.supervisor.process_identity import open_verified, read_stat

# Either way nobody is hurt, and whoever asked looks again whether anything is left.
_GONE_OR_NOT_OURS = suppress(ProcessLookupError, PermissionError)


def signal_own_group(leader: int, number: int) -> None:
    """The caller has not reaped the leader."""
    with _GONE_OR_NOT_OURS:
        os.killpg(leader, number)


def signal_process(pid: int, start_ticks: int, number: int, *, pidfds: bool) -> None:
    if not pidfds:
        _signal_by_number(pid, start_ticks, number)
        return
    descriptor = open_verified(pid, start_ticks)
    if descriptor is None:
        return
    with _GONE_OR_NOT_OURS:
        signal.pidfd_send_signal(descriptor, number)
    os.close(descriptor)


def _signal_by_number(pid: int, start_ticks: int, number: int) -> None:
    stat = read_stat(pid)
    if stat is None or stat.start_ticks != start_ticks:
        return
    with _GONE_OR_NOT_OURS:
        os.kill(pid, number)
