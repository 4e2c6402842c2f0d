"""What an identity may do, in one word each.

viewer      reads
submitter   also submits, and acts on its own jobs
operator    also acts on everybody's jobs, on nodes and on the policy
executor    does what one node's executor does, and nothing else
admin       everything, tokens among it
"""

from enum import StrEnum


class Role(StrEnum):
    VIEWER = "viewer"
    SUBMITTER = "submitter"
    OPERATOR = "operator"
    EXECUTOR = "executor"
    ADMIN = "admin"


READERS = frozenset({Role.VIEWER, Role.SUBMITTER, Role.OPERATOR, Role.ADMIN})
SUBMITTERS = frozenset({Role.SUBMITTER, Role.OPERATOR, Role.ADMIN})
OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
EXECUTORS = frozenset({Role.EXECUTOR, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})
EVERYBODY = frozenset(Role)
