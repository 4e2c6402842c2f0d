#!/usr/bin/env python3
"""A job is started as its first line says; here that is Python: conductor run examples/not_bash.sh"""

import os
import sys

print("Job", os.environ["CONDUCTOR_JOB_ID"], "may use CPUs", sorted(os.sched_getaffinity(0)))
print("This goes to the other stream.", file=sys.stderr)
sys.exit(0)
