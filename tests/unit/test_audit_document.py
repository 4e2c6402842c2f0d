"""`docs/audit.md` has every finding, as bad and mended as the catalogue says, and explains each that an event mends."""

import re
from pathlib import Path

from projections.audit_catalogue import CATALOGUE

TEXT = (Path(__file__).parent.parent.parent / "docs" / "audit.md").read_text("utf-8")


def test_the_table_is_the_catalogues_own() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w ]+) \| (.+) \|$", TEXT, re.MULTILINE)
    told = [(code, severity, mending) for code, severity, mending, _ in rows]
    assert told == [(code, entry.severity, entry.mending) for code, entry in CATALOGUE.items()]


def test_every_finding_is_explained_below_the_table() -> None:
    below = TEXT.partition("## How they come about")[2]
    by_class = {"row_missing", "row_unexpected", "process_stray", "process_unmarked"}
    assert [code for code in CATALOGUE if f"`{code}`" not in below and code not in by_class] == []
