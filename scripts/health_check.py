#!/usr/bin/env python3
"""How each part of the system stands: exit 0 well, 1 not well, 2 not reachable.

Runs under any Python 3, from any folder, through links and from a fresh clone: the work is done in the project's own
environment (`conductor/cli/health_check.py`). `--help` says more.
"""

import os
import sys

TOOL = os.path.join(os.path.dirname(os.path.realpath(__file__)), "tool")  # noqa: PTH118, PTH120 (old Pythons too)

if __name__ == "__main__":
    os.execv("/bin/sh", ["sh", TOOL, "health_check"] + sys.argv[1:])  # noqa: RUF005 (old Pythons too)
