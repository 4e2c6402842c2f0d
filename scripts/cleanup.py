#!/usr/bin/env python3
"""Gives back what dead processes and expired reservations hold; only says so without `--apply`.

Runs under any Python 3, from any folder, through links and from a fresh clone: the work is done in the project's own
environment (`conductor/cli/cleanup.py`). `--help` says more.
"""

import os
import sys

TOOL = os.path.join(os.path.dirname(os.path.realpath(__file__)), "tool")  # noqa: PTH118, PTH120 (old Pythons too)

if __name__ == "__main__":
    os.execv("/bin/sh", ["sh", TOOL, "cleanup"] + sys.argv[1:])  # noqa: RUF005 (old Pythons too)
