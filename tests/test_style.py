"""How the source should look: how long things may be, what they are called, that every named query is somebody's, and
that no text knows a machine.

A rule that must bend somewhere has its exception here, by name and with the reason.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.source import PACKAGES, ROOT, modules, place, sources, tree

MOST_LINES, MOST_FUNCTION_LINES = 400, 60
LONGER_FILES: Mapping[str, str] = {}

_BESIDE = "another answer with keys beside; both are only read"
MAY_INHERIT = {
    "Submit": "the command is the submission's model with three fields more; both are only read",
    "ChangedToken": _BESIDE, "OriginalJob": _BESIDE, "OriginalChanged": _BESIDE, "OriginalChangedTasks": _BESIDE,
}  # fmt: skip

# Names that say nothing of what is inside.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "service", "base", "common", "misc", "lib"}

TEXT_SUFFIXES = {".py", ".sql", ".md", ".toml", ".yml", ".sh", ".lock", ""}


def test_files_are_not_too_long() -> None:
    files = sources(*PACKAGES, "tests", "scripts")
    lengths = {place(path): len(path.read_text("utf-8").splitlines()) for path in files}
    assert {name for name, lines in lengths.items() if lines > MOST_LINES} == LONGER_FILES.keys()
    assert max(lengths.values()) <= 450, "no reason is good enough for more"


def test_functions_are_not_too_long() -> None:
    functions = [
        (place(path), node.name, (node.end_lineno or 0) - node.lineno + 1)
        for path in sources(*PACKAGES, "tests", "scripts")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [found for found in functions if found[2] > MOST_FUNCTION_LINES] == []


def test_modules_are_named_for_what_is_inside() -> None:
    names = {part for path in sources(*PACKAGES) for part in path.relative_to(ROOT).with_suffix("").parts}
    assert names & EMPTY_NAMES == set()


def test_every_module_says_what_it_is() -> None:
    files = sources(*PACKAGES, "tests", "scripts")
    assert [place(path) for path in files if not ast.get_docstring(tree(path))] == []


def test_only_exceptions_inherit_from_what_is_ours() -> None:
    parents: dict[str, set[str]] = {}
    for path in modules().values():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                parents.setdefault(node.name, set()).update(ast.unparse(parent) for parent in node.bases)
    raised = {"Exception"}
    while more := {name for name, above in parents.items() if above & raised} - raised:
        raised |= more
    assert "IllegalTransition" in raised
    heirs = {name for name, above in parents.items() if above & parents.keys()} - raised
    assert heirs == MAY_INHERIT.keys()


def query_files() -> list[Path]:
    return [
        path
        for folder in ("conductor", "projections", "api")
        for path in sorted((ROOT / folder).rglob("*.sql"))
    ]


def test_every_named_query_is_used_and_every_used_one_exists() -> None:
    """A query is used where its name stands as a text of its own, in the package that the file lies in."""
    defined = {
        (path.relative_to(ROOT).parts[0], name)
        for path in query_files()
        for name in re.findall(r"^-- name: (\w+)$", path.read_text("utf-8"), re.MULTILINE)
    }
    texts = {
        (path.relative_to(ROOT).parts[0], node.value)
        for path in modules().values()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert len(defined) > 30
    assert defined - texts == set(), "named queries that nobody uses"
    for path in modules().values():
        package = path.relative_to(ROOT).parts[0]
        for name in queries_asked_for(path):
            assert (package, name) in defined, f"{place(path)} asks for {name}"


def queries_asked_for(path: Path) -> Iterator[str]:
    """`SQL["name"]`, `LOG_SQL["name"]`, and the API's `fetch(pool, "name")`."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(query))) if (
                "SQL" in name
            ):
                yield query
            case ast.Call(
                func=ast.Name(id="fetch" | "fetch_one"), args=[_, ast.Constant(value=str(query)), *_]
            ):
                yield query
            case _:
                pass


def texts_of_the_project() -> Iterator[tuple[str, str]]:
    """Every text file that is shipped, with its content."""
    folders = (*PACKAGES, "tests", "scripts", "docs", "examples", ".ci", ".github")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    files += [path for path in ROOT.iterdir() if path.name not in ("LICENSE", ".git")]
    for path in files:
        hidden = {"__pycache__", "data"} & set(path.parts)
        if path.is_file() and path.suffix in TEXT_SUFFIXES and not hidden and path != Path(__file__):
            yield place(path), path.read_text("utf-8")


def test_nothing_is_left_to_be_done_later_in_a_comment() -> None:
    left = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert [name for name, text in texts_of_the_project() if left.search(text)] == []


def test_no_text_knows_a_machine() -> None:
    """No folder of one person's, no package index of one site's."""
    foreign = re.compile(r"(?<![\w}%])/(work|root|home/\w+|tmp/w)/|--(extra-)?index-url|:\d+/simple\b")
    found = [
        f"{name}: {match[0]}"
        for name, text in texts_of_the_project()
        if (match := foreign.search(text)) is not None
    ]
    assert found == []


def test_every_command_that_a_text_names_exists() -> None:
    from conductor.cli.app import COMMANDS

    known = {name for name, *_ in COMMANDS} | {"replay", "token"}
    named = re.compile(r"`(?:\S+=\S+ )*(?:conductor|scripts/run) ([a-z][a-z-]+)")
    files = [(name, text) for name, text in texts_of_the_project() if not name.startswith("tests/")]
    wrong = [
        f"{name}: conductor {word}"
        for name, text in files
        for word in named.findall(text)
        if word not in known
    ]
    assert wrong == []
