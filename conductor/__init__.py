"""Conductor runs batch scripts on a set of Linux machines, and can prove what it did.

*Commands become events, events become state, state becomes placements, placements become processes, exits
become events.* The rooms are that sentence, in order:

    core        pure: events, commands, decide, evolve, placement; why a job waits; simulation
    codec       an event as bytes, and back, of every shape ever written
    database    connections, the listening connection, named queries
    log         the append-only events: append, read, follow
    handler     the one door to a change: load, fold, decide, project, append
    scheduler   leads, follows the log into a picture of the cluster, places, reserves; settles dependencies
    executor    one a node: takes reservations, starts gated, allocates, watches, releases
    supervisor  one a node: the parent of its jobs, standard library only
    embedded    a PostgreSQL of our own, for one machine
    up          all of it on one machine
    scns        another system's database, brought along as events
    doctor      what is wrong with an installation
    client      the HTTP API from a program's side, blocking and not
    cli         what a person types

Beside this package stand `projections` (tables as folds of the log, and replay), `api` (HTTP) and
`migrations` (SQL).

Imports point one way: core <- codec, database <- log <- projections <- handler <- scheduler, executor <- api,
cli. The promises: the log is the truth; a CPU is never promised twice; a script's first line never runs
before its process identity is in the log; an attempt runs at most once; nothing leaks; wake-ups are hints; a
running job outlives its executor.
"""

__version__ = "0.1.0"
