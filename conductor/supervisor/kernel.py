"""What this kernel offers; what is missing is done another way, and can be switched off to test that way."""

from __future__ import annotations

import os
from typing import NamedTuple

from conductor.supervisor.cgroups import own_base


class Kernel(NamedTuple):
    pidfds: bool
    """Since 5.3. Without: identity is read immediately before each signal, adopted jobs are polled."""
    child_list: bool
    """Where built in. Without: all of /proc is read at every exit."""
    cgroups: str | None
    """The folder of our version 2 group, where one is mounted. Without: see `cgroups`."""
    group_every_job: bool = False
    """Asked for, not found: a group also for jobs without a memory limit."""

    def without(self, flags: set[str]) -> Kernel:
        return Kernel(
            pidfds=self.pidfds and "--without-pidfds" not in flags,
            child_list=self.child_list and "--without-child-list" not in flags,
            cgroups=None if "--without-cgroups" in flags else self.cgroups,
            group_every_job="--group-every-job" in flags,
        )


def this_kernel() -> Kernel:
    listed = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
    return Kernel(pidfds=_pidfds_work(), child_list=listed, cgroups=own_base())


def _pidfds_work() -> bool:
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True
