"""What `scripts/bench` runs: how fast the real product is here, and how far that is from the floor.

    figures       a figure, its floors, percentiles
    system        a real system in a temporary home, and how it is reached
    cpu           CPU seconds by role, before and after
    start         submit to first line, one job at a time
    throughput    no-op jobs, submissions and batches a second
    one_pass      a pass of the scheduler over up to a million waiting jobs; a pure function, no system
    floors        what this machine does without us
    bare_starts   the floor of starting: bash and nothing else; a program of its own
    machine       what was measured on
    report        the figures, for a person or a program

Promises: every figure is measured through the product's own doors on durable storage, and its floors in the
same run on the same machine. Nothing is left behind.
"""
