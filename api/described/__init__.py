"""Every operation of the API, described: by method and path. One file a subject, as the endpoints have."""

from collections.abc import Mapping

from api.described.acting import ACTING
from api.described.jobs import JOBS
from api.described.log import LOG
from api.described.nodes import NODES
from api.described.original import ORIGINAL
from api.described.submitting import SUBMITTING
from api.described.system import SYSTEM
from api.described.tokens import TOKENS
from api.document.description import Description

DESCRIPTIONS: Mapping[str, Description] = {
    **SUBMITTING,
    **JOBS,
    **ACTING,
    **NODES,
    **LOG,
    **TOKENS,
    **SYSTEM,
    **ORIGINAL,
}
