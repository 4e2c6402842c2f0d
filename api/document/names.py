"""What every name of the API means, in English and Chinese: fields of requests and answers, and parameters.

Promises: one meaning a name, and another only where a shape has one of its own. A test finds what is missing, and what
nothing uses.
"""

from collections.abc import Mapping
from typing import Any

from api.answers.texts import Language
from api.document.description import Both
from api.document.names_of_answers import NAMES_OF_ANSWERS
from api.document.names_of_jobs import NAMES_OF_JOBS
from api.document.names_of_questions import NAMES_OF_QUESTIONS
from api.document.names_of_the_original import NAMES_OF_THE_ORIGINAL

NAMES: Mapping[str, Both] = {
    **NAMES_OF_JOBS,
    **NAMES_OF_QUESTIONS,
    **NAMES_OF_ANSWERS,
    **NAMES_OF_THE_ORIGINAL,
}

# Of parameters that must be given, by name. Each works in a system that has a job and a node. Others have none: the
# page would fill them in.
EXAMPLES: Mapping[str, Any] = {
    "job_id": "1",
    "name": "node-1",
    "file": "page.css",
    "offset": 0,
}


def meaning(shape: str, name: str, language: Language) -> str:
    """Raises `KeyError` for a name that nothing explains."""
    both = NAMES.get(f"{shape}.{name}") or NAMES[name]
    return both[language == "zh"]
