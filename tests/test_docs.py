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

from api.requests.submission import Submission
from api.requests.wire import Command
from api.routes import OPERATIONS
from conductor.core.errors import RejectionCode
from conductor.doctor.catalogue import CATALOGUE as DOCTOR
from tests.fix_engine import Engine
from tests.test_house import MAY_IMPORT

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
READMES = ("README.md", "README.zh-CN.md")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def blocks(name: str, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(text_of(name)) if kind == language]


def prose(name: str) -> str:
    return BLOCK.sub("", text_of(name))


def statements() -> Iterator[tuple[str, str]]:
    """Every statement of every SQL block, with the document it stands in. Those of docs/zh are docs' own."""
    for document in DOCUMENTS:
        name = document.relative_to(ROOT).as_posix()
        if name.startswith("docs/zh/"):
            continue
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


PAIRS = [READMES, *((f"docs/{one.name}", f"docs/zh/{one.name}") for one in sorted(ROOT.glob("docs/zh/*.md")))]


def test_the_guides_are_there_in_chinese() -> None:
    guides = {"README", "using", "operating", "sql", "from-scns", "from-slurm", "why", "doctor"}
    assert {Path(chinese).stem for _, chinese in PAIRS} >= guides


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=str)
def test_both_languages_have_the_same_structure_and_the_same_commands(english: str, chinese: str) -> None:
    assert [told(block) for block in blocks_of(english)] == [told(block) for block in blocks_of(chinese)]
    levels = re.compile(r"^(#+) ", re.MULTILINE)
    assert levels.findall(prose(english)) == levels.findall(prose(chinese))
    assert codes_of_tables(english) == codes_of_tables(chinese)
    assert targets(english) ^ targets(chinese) <= {*READMES, "docs/README.md"}
    words = re.sub(r"`[^`]*`|\]\([^)]*\)", "", prose(chinese))
    assert len(re.findall(r"[\u4e00-\u9fff]", words)) > len(re.findall(r"[A-Za-z]", words))


@pytest.mark.parametrize(
    ("name", "language"), [("docs/doctor.md", "english"), ("docs/zh/doctor.md", "chinese")]
)
def test_what_doctor_says_is_documented_as_it_says_it(name: str, language: str) -> None:
    rows = [
        f"| `{code}` | {entry.level.value} | {getattr(entry, language)} |".replace("\n", " ")
        for code, entry in DOCTOR.items()
        if entry.level != "ok"
    ]
    document = text_of(name).replace("\\|", "|")
    assert [row for row in rows if row not in document] == []


def blocks_of(name: str) -> list[tuple[str, str]]:
    return BLOCK.findall(text_of(name))


def told(block: tuple[str, str]) -> tuple[str, str]:
    """A block without the comments that its lines end with: those are in the reader's language."""
    return block[0], re.sub(r" +(?:#|--) .*$", "", block[1], flags=re.MULTILINE)


def codes_of_tables(name: str) -> list[list[list[str]]]:
    """What stands between backquotes, cell by cell, of every row of every table; order within a cell aside."""
    rows = [line for line in prose(name).splitlines() if line.startswith("|")]
    return [[sorted(re.findall(r"`[^`]+`", cell)) for cell in re.split(r"(?<!\\)\|", row)] for row in rows]


def targets(name: str) -> set[str]:
    """Where the links lead, as paths from the root; within docs/zh to the Chinese page where there is one."""
    folder = (ROOT / name).parent
    found = set()
    for link in re.findall(r"\]\(([^)#]+)", text_of(name)):
        path = link if "://" in link else (folder / link).resolve().relative_to(ROOT).as_posix()
        found.add(path.replace("docs/zh/", "docs/"))
    return found - {name.replace("docs/zh/", "docs/")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_and_named_files_exist(document: Path) -> None:
    name = document.relative_to(ROOT).as_posix()
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", prose(name)) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []
    named = re.findall(
        r"`((?:conductor|api|projections|migrations|scripts|tests|docs|examples)/[\w./-]+)`", prose(name)
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("script", ["draw_states.py", "list_settings.py"])
def test_what_is_made_from_the_code_is_the_codes_own(script: str) -> None:
    made = [sys.executable, str(ROOT / "scripts" / script), "--check"]
    done = subprocess.run(made, capture_output=True, text=True, check=False)
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


def test_the_architecture_names_every_room() -> None:
    """Rooms that are one small file are in the house test alone."""
    told = text_of("docs/architecture.md")
    small = {"leash", "logfile", "running", "machine", "starting", "swf", "version"}
    assert [room for room in MAY_IMPORT if room not in small and room not in told] == []
