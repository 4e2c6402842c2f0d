"""Answers of the HTTP API, described once, for the API's document and for the client that reads them.

Promises: names are the contract's. A reader takes what it knows and passes over what a newer server adds; a field has
a default where an older server may leave it out, while `shapes.py` says which keys an answer of this release always
has. Tests hold every answer of a running server against them. Refuses to know how anything travels or is made.

    shapes      what fields are made of
    submitting  jobs that have just come into being
    jobs        jobs, allocations, what acting on them gives
    nodes       nodes and their leases
    cluster     the system in numbers, its health
    events      the log
    commands    answers to commands
    policy      the policy and fair shares
    why         why a job waits
    audit       findings, and which job ran as a PID
    problems    refusals
"""
