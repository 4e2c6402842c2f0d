"""Everything that `conductor doctor` says: a stable code, how bad it is, a sentence in each language, and the command
that mends it, where one does.

Commands are the same in every language. Refuses to know how anything is found.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from conductor.client.errors import cause_in
from conductor.core.sentences import Language, filled
from conductor.doctor.catalogue_of_the_database import OF_THE_DATABASE
from conductor.doctor.catalogue_of_the_machine import OF_THE_MACHINE
from conductor.doctor.catalogue_of_the_system import OF_THE_SYSTEM
from conductor.doctor.verdict import Level, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Gaps of sentence and command are named as the verdict's values are."""

    level: Level
    english: str
    chinese: str
    command: str | None = None


def _entries(texts: Mapping[str, tuple[str, ...]]) -> dict[str, Entry]:
    return {
        code: Entry(
            level=Level(level), english=english, chinese=chinese, command=command[0] if command else None
        )
        for code, (level, english, chinese, *command) in texts.items()
    }


CATALOGUE: Mapping[str, Entry] = {
    **_entries(OF_THE_MACHINE),
    **_entries(OF_THE_DATABASE),
    **_entries(OF_THE_SYSTEM),
}


def sentence(verdict: Verdict, language: Language) -> str:
    entry = CATALOGUE[verdict.code]
    values = dict(verdict.values)
    if "cause" in values:
        values["cause"] = cause_in(str(values["cause"]), language)
    return filled(entry.english, entry.chinese, values, language)


def command(verdict: Verdict) -> str | None:
    """To be typed as it stands."""
    template = CATALOGUE[verdict.code].command
    return None if template is None else filled(template, template, verdict.values, "en")
