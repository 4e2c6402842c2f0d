"""The rules of the house, read from the source itself: who may import whom, who may start and end processes,
where the environment is read, how long things may be, and that every named query is somebody's.

A rule that must bend somewhere has its exception here, by name and with the reason.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("conductor", "projections", "api", "migrations")

# Every room and the rooms it may import from, itself aside. A room names only rooms above it, so there is no way
# round in a circle. `docs/architecture.md` draws this.
MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    # what things mean
    "core": (),
    "codec": ("core",),
    # tools that know nothing of the domain
    "crash_points": (),
    "leash": (),
    "logfile": (),
    "running": (),
    "swf": ("core",),
    "version": (),
    "home": ("core",),
    "settings": ("core", "crash_points", "home"),
    "checkpoint": ("core", "home"),
    # the log and its tables
    "database": ("core",),
    "migrations": (),
    "migrate": ("core", "database"),
    "log": ("core", "codec", "database"),
    "projections": ("core", "codec", "database", "log", "migrate"),
    "output_file": ("core", "database", "log"),
    # the one door to writing
    "handler": ("core", "codec", "crash_points", "database", "log", "running"),
    # the two that act on their own
    "scheduler": (
        *("codec", "core", "crash_points", "database", "handler", "log", "projections", "running"),
        "settings",
    ),
    "supervisor": (),
    "supervisor_client": ("supervisor",),
    "executor": (
        *("core", "crash_points", "database", "handler", "home", "log", "projections", "running", "settings"),
        *("output_file", "supervisor", "supervisor_client"),
    ),
    # doors for people and programs
    "api": (
        *("core", "codec", "crash_points", "database", "handler", "log", "output_file", "projections"),
        "running",
        "settings",
    ),
    "client": ("core", "settings"),
    # the whole system on one machine
    "embedded": ("core", "home", "leash", "logfile"),
    "up": (
        *("core", "embedded", "home", "leash", "logfile", "migrate", "projections", "settings", "supervisor"),
        "version",
    ),
    "cli": (
        *("api", "client", "core", "database", "embedded", "executor", "migrate", "projections", "scheduler"),
        *("checkpoint", "settings", "supervisor", "swf", "up", "version"),
    ),
}
# Modules that lie side by side and are one room.
TOGETHER = {
    "handler": ("deciding", "completing", "remembered"),
    "scheduler": ("scheduler_memory",),
    "executor": (
        *("node_session", "node_lease", "live_allocation", "observing", "log_memory", "strays", "patiently"),
        *("starting", "machine", "job_environment", "job_end", "accounts", "output_server"),
    ),
    "output_file": ("output_keeping",),
    "checkpoint": ("checkpoint_key",),
    "swf": ("swf_workload",),
    "version": ("",),
    "cli": ("__main__",),
}

# Modules of the standard library that compute and do nothing else.
VALUE_MODULES = {
    "bisect", "collections", "collections.abc", "dataclasses", "datetime", "enum", "hashlib", "heapq", "itertools",
    "math", "pathlib", "re", "typing",
}  # fmt: skip

# A third party has a door: the rooms that may know it.
DOORS = {
    "starlette": {"api"},
    "uvicorn": {"api"},
    "typer": {"cli"}, "rich": {"cli"}, "matplotlib": {"cli"},
    "httpx": {"client"},
    "psutil": {"executor"},
    "cryptography": {"checkpoint"},
    "psycopg": {"database", "log", "handler", "migrate", "projections", "scheduler", "api", "embedded", "up", "cli"},
    "psycopg_pool": {"database", "log"},
    "orjson": {"codec", "database", "api"},
    "msgspec": {"codec"},
    "pydantic": {"settings", "api", "client"},
    "pydantic_core": {"api"},
    "structlog": {"scheduler", "executor", "output_file", "api"},
}  # fmt: skip

# Calls that start, replace, or signal a process, and the rooms that may make them.
PROCESS_CALLS = re.compile(
    r"subprocess\.(run|Popen|call|check_\w+|getoutput|getstatusoutput)|asyncio\.create_subprocess_\w+"
    r"|os\.(fork|forkpty|system|popen|kill|killpg|posix_spawnp?|spawn\w+|exec[lv]\w*)|pty\.(fork|spawn)"
    r"|signal\.(pidfd_send_signal|pthread_kill)|multiprocessing\.\w+|.+\.(send_signal|terminate|kill)"
)
MAY_HANDLE_PROCESSES = {
    "supervisor": "starts and signals jobs, and nothing else does",
    "embedded": "starts and stops the PostgreSQL that it keeps",
    "up": "starts and stops our own services, never a job",
    "crash_points": "ends this process where a test wants it to, and signals nobody else",
    "leash": "becomes the program that it was asked to start",
    "api": "runs replays for audits and answers about the past beside itself, and ends them when nobody waits",
    "cli": "`conductor psql` and `conductor supervisor` become that program; nothing is started beside them",
}

# Where the environment may be read or handed on, besides `conductor/settings.py`.
MAY_READ_ENVIRONMENT: Mapping[str, str] = {}

MOST_LINES, MOST_FUNCTION_LINES = 400, 60
LONGER_FILES: Mapping[str, str] = {}

MAY_INHERIT = {"Submit": "the command is the submission's model with three fields more; both are only read"}

# Names that say nothing of what is inside.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "service", "base", "common", "misc", "lib"}

TEXT_SUFFIXES = {".py", ".sql", ".md", ".toml", ".yml", ".sh", ".lock", ""}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str | None:
    """The room a module lies in; None for what is not ours."""
    first, _, rest = module.partition(".")
    if first not in PACKAGES:
        return None
    if first != "conductor":
        return first
    name = rest.partition(".")[0]
    return next((room for room, names in TOGETHER.items() if name in names), name)


@cache
def modules() -> Mapping[str, Path]:
    return {module_of(path): path for path in sources(*PACKAGES)}


def imports(path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, also inside functions."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{place(path)}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules() else node.module


def edges() -> Iterator[tuple[str, str]]:
    """Our modules, each with one of our modules that it imports."""
    for module, path in modules().items():
        yield from ((module, other) for other in imports(path) if room_of(other) is not None)


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """What a file calls or hands on, as written: `os.kill`, `process.terminate`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node), node.lineno


def test_imports_point_one_way() -> None:
    wrong = [
        f"{module} imports {other}"
        for module, other in edges()
        if (here := room_of(module)) != (there := room_of(other)) and there not in MAY_IMPORT[here or ""]
    ]
    assert wrong == []


def test_a_room_may_import_only_rooms_above_it_and_every_room_is_listed() -> None:
    order = list(MAY_IMPORT)
    for room, others in MAY_IMPORT.items():
        assert set(others) <= set(order[: order.index(room)]), room
    assert {room_of(module) for module in modules()} == set(order)


def test_no_import_goes_round_in_a_circle() -> None:
    graph: dict[str, set[str]] = {module: set() for module in modules()}
    for module, other in edges():
        graph[module].add(other)
    while free := [module for module, others in graph.items() if not others & graph.keys()]:
        for module in free:
            del graph[module]
    assert graph == {}


def test_the_core_imports_value_modules_of_the_standard_library_alone() -> None:
    found = {name for path in sources("conductor/core") for name in imports(path) if room_of(name) is None}
    assert found <= VALUE_MODULES


@pytest.mark.parametrize("folder", ["conductor/supervisor", "conductor/leash.py"])
def test_what_runs_without_site_packages_is_standard_library_and_itself(folder: str) -> None:
    """They are started with `python -I -S`."""
    for path in [ROOT / folder] if folder.endswith(".py") else sources(folder):
        for name in imports(path):
            own = name.startswith("conductor.supervisor")
            assert own or name.partition(".")[0] in sys.stdlib_module_names, f"{place(path)} imports {name}"


@pytest.mark.parametrize("library", DOORS)
def test_a_third_party_has_a_door(library: str) -> None:
    rooms = {
        room_of(module)
        for module, path in modules().items()
        if any(name.partition(".")[0] == library for name in imports(path))
    }
    assert rooms, f"{library} is used nowhere"
    assert rooms <= DOORS[library]


def test_every_third_party_is_known_here() -> None:
    found = {name.partition(".")[0] for path in modules().values() for name in imports(path)}
    assert found - set(PACKAGES) - sys.stdlib_module_names == DOORS.keys()


def test_processes_are_started_and_signalled_in_few_places() -> None:
    rooms: dict[str, list[str]] = {}
    for module, path in modules().items():
        for call, line in calls(path):
            if PROCESS_CALLS.fullmatch(call):
                rooms.setdefault(room_of(module) or "", []).append(f"{place(path)}:{line} {call}")
    assert {room: found for room, found in rooms.items() if room not in MAY_HANDLE_PROCESSES} == {}
    assert rooms.keys() == MAY_HANDLE_PROCESSES.keys(), "an exception that nobody needs"


def test_the_environment_is_read_in_one_place() -> None:
    found = {
        place(path)
        for path in modules().values()
        for call, _ in calls(path)
        if re.match(r"os\.(environb?|getenvb?|putenv|unsetenv)\b", call)
    }
    assert found == {"conductor/settings.py", *MAY_READ_ENVIRONMENT}


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
        for path in sorted((ROOT / folder).glob("*.sql"))
    ]


def test_every_named_query_is_used_and_every_used_one_exists() -> None:
    """A query is used where its name stands as a text of its own, in the package that the file lies in."""
    defined = {
        (path.parent.name, name)
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
