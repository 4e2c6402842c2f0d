#!/usr/bin/env python3
"""Whether CPUs, allocations and jobs agree: exit 0 they do, 1 findings, 2 not reachable.

Runs under any Python 3, from any folder, through links and from a fresh clone: the work is done in the project's own
environment (`conductor/cli/verify_resource_status.py`). `--help` says more.
"""

import os
import sys

TOOL = os.path.join(os.path.dirname(os.path.realpath(__file__)), "tool")  # noqa: PTH118, PTH120 (old Pythons too)

if __name__ == "__main__":
    os.execv("/bin/sh", ["sh", TOOL, "verify_resource_status"] + sys.argv[1:])  # noqa: RUF005 (old Pythons too)
