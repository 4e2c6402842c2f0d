"""The documents are true: their SQL runs, their paths exist, both languages say the same, drawings are the code's."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from api.routes import OPERATIONS
from api.submission import Submission
from api.wire import Command
from conductor.core.errors import RejectionCode
from conductor.setting_names import UNPREFIXED
from conductor.settings import Settings
from tests.fix_engine import Engine
from tests.test_house import MAY_IMPORT

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
READMES = ("README.md", "README.zh-CN.md")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def blocks(name: str, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(text_of(name)) if kind == language]


def prose(name: str) -> str:
    return BLOCK.sub("", text_of(name))


def statements() -> Iterator[tuple[str, str]]:
    """Every statement of every SQL block, with the document it stands in."""
    for document in DOCUMENTS:
        name = document.relative_to(ROOT).as_posix()
        for block in blocks(name, "sql"):
            yield from ((name, part) for part in block.split(";\n") if part.strip())


def test_every_printed_statement_runs_for_the_report_role(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        await engine.reserve(await engine.submit(), 0)
        await engine.submit(held=True)

    engine.run(story)
    owner = engine.sql("SELECT relowner::regrole::text FROM pg_class WHERE relname = 'events'")[0][0]
    role = owner.strip('"').removesuffix("_owner") + "_report"
    found = list(statements())
    assert {name for name, _ in found} >= {*READMES, "docs/sql.md"}
    with psycopg.connect(engine.url, autocommit=True) as connection:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        answers = {statement: connection.execute(sql.SQL(statement)).fetchall() for _, statement in found}
    assert rows_of(answers, "LEFT JOIN resource_allocations a ON a.node_name = n.name") == 4 + 1
    assert rows_of(answers, "WHERE stream = 'job-1'") == 2
    assert rows_of(answers, "WHERE hash <> sha256") == 0


def rows_of(answers: dict[str, list[Any]], part: str) -> int:
    """Rows that the statements containing `part` gave."""
    matching = [rows for statement, rows in answers.items() if part in statement]
    assert matching, part
    return sum(len(rows) for rows in matching)


def test_both_readmes_have_the_same_structure_and_the_same_commands() -> None:
    english, chinese = (text_of(name) for name in READMES)
    assert BLOCK.findall(english) == BLOCK.findall(chinese)
    levels = re.compile(r"^(#+) ", re.MULTILINE)
    assert levels.findall(prose(READMES[0])) == levels.findall(prose(READMES[1]))
    links = re.compile(r"\]\(([^)]+)\)")
    others = set(READMES)
    assert set(links.findall(english)) - others == set(links.findall(chinese)) - others


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_named_files_exist(document: Path) -> None:
    name = document.relative_to(ROOT).as_posix()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", prose(name)) if not link.startswith("http")]
    assert [link for link in links if not (document.parent / link).exists()] == []
    named = re.findall(
        r"`((?:conductor|api|projections|migrations|scripts|tests|docs|examples)/[\w./-]+)`", prose(name)
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_drawing_of_states_is_the_codes_own() -> None:
    drawn = [sys.executable, str(ROOT / "scripts" / "draw_states.py"), "--check"]
    done = subprocess.run(drawn, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_path_of_the_api_is_documented_and_no_other() -> None:
    rows = [line.split("|")[1] for line in text_of("docs/http.md").splitlines() if line.startswith("| `")]
    documented = {pair for row in rows for pair in re.findall(r"`(GET|POST|PUT) ([^`]+)`", row)}
    assert documented == {(one.method, one.path) for one in OPERATIONS}


def test_every_field_command_and_code_of_the_api_is_documented() -> None:
    words = set(re.findall(r"`([A-Za-z_]+)`", text_of("docs/http.md")))
    commands = {name for kind in Command.__args__[0].__args__ for name in type_names(kind)}
    assert len(commands) > 10
    assert commands <= words
    assert set(RejectionCode) <= words
    assert Submission.model_fields.keys() <= words


def type_names(model: Any) -> tuple[str, ...]:
    return tuple(model.model_fields["type"].annotation.__args__)


def test_every_setting_is_documented_with_its_default() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (?:`([^`]*)`)? ?\| (.*) \|$", text_of("docs/settings.md"), re.MULTILINE
    )
    expected = [
        (
            UNPREFIXED.get(name, f"CONDUCTOR_{name.upper()}"),
            shown(field.default) if field.default_factory is None else "",
            field.description,
        )
        for name, field in Settings.model_fields.items()
    ]
    assert rows == expected


def shown(default: object) -> str:
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_the_architecture_names_every_room() -> None:
    """Rooms that are one small file are in the house test alone."""
    told = text_of("docs/architecture.md")
    small = {"leash", "logfile", "running", "machine", "starting", "swf", "version"}
    assert [room for room in MAY_IMPORT if room not in small and room not in told] == []
