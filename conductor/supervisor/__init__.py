"""The supervisor: the parent of every job on its node.

It promises that no line of a script runs before its gate is opened, that an exit is told until somebody has
written it down, and that a job is over only when nothing of it is left. It outlives every executor.

It knows nothing of the log, of PostgreSQL, of nodes or of users; it is standard library only, single-
threaded, and the only place in the project that forks or signals jobs. Read `server` for the loop, `starting`
for the gate's two sides, `ending` for signals and exits, `adoption` for what a new supervisor does with an
older one's jobs.
"""
