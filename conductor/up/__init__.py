"""`conductor up`: the whole system on one machine, as separate processes of one parent.

    child     one process that is kept running
    node      the node's supervisor, which is not kept but found: it outlives everything here
    system    all of them together, and the database
    command   what a person sees and types

Promises: a part that dies is started again; nothing here but the supervisor and its jobs survives this
process, not even `kill -9`; stopping it ends the services in order and leaves running jobs alone.
"""

from conductor.up.command import run_up
from conductor.up.system import System, UpError, running_system

__all__ = ["System", "UpError", "run_up", "running_system"]
