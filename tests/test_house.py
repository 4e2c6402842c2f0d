"""The rules of the house, read from the source itself: who may import whom, who may start and end processes,
and where the environment is read.

A rule that must bend somewhere has its exception here, by name and with the reason.
"""

import re
import sys
from collections.abc import Iterator, Mapping

import pytest

from tests.source import PACKAGES, ROOT, calls, imports, modules, place, sources

# Every room and the rooms it may import from, itself aside. A room names only rooms above it, so there is no way
# round in a circle. `docs/architecture.md` draws this.
MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    # what things mean
    "core": (),
    "codec": ("core",),
    # tools that know nothing of the domain
    "alike": (),
    "crash_points": (),
    "leash": (),
    "logfile": (),
    "running": (),
    "swf": ("core",),
    "version": (),
    "home": ("core",),
    "settings": ("core", "crash_points", "home"),
    "tls": ("core",),
    "evidence_texts": ("core",),
    "checkpoint": ("core", "evidence_texts", "home"),
    # the log and its tables
    "database": ("core",),
    "migrations": (),
    "migrate": ("core", "database"),
    "log": ("alike", "core", "codec", "database"),
    "projections": ("core", "codec", "database", "evidence_texts", "log", "migrate"),
    "output_file": ("core", "database", "log"),
    # what is told of the work while it runs
    "telemetry": ("codec", "core", "database", "log", "running", "settings", "version"),
    # the one door to writing
    "handler": ("core", "codec", "crash_points", "database", "log", "running", "telemetry"),
    # from the original system's database
    "scns": ("core", "database", "handler", "migrate", "projections"),
    # the two that act on their own
    "scheduler": (
        *("codec", "core", "crash_points", "database", "handler", "log", "projections", "running"),
        *("settings", "telemetry"),
    ),
    "supervisor": (),
    "supervisor_client": ("supervisor",),
    "executor": (
        *("core", "crash_points", "database", "handler", "home", "log", "projections", "running", "settings"),
        *("output_file", "supervisor", "supervisor_client", "telemetry", "version"),
    ),
    # doors for people and programs
    "wire": ("core",),
    "api": (
        *("core", "codec", "crash_points", "database", "handler", "log", "output_file", "projections"),
        *("running", "scheduler", "settings", "telemetry", "tls", "version", "wire"),
    ),
    "client": ("core", "settings", "tls", "wire"),
    # the whole system on one machine
    "embedded": ("core", "home", "leash", "logfile"),
    "up": (
        *("core", "embedded", "home", "leash", "logfile", "migrate", "projections", "settings", "supervisor"),
        *("tls", "version"),
    ),
    # what a newcomer can get wrong
    "doctor": (
        "client",
        "core",
        "database",
        "embedded",
        "home",
        "migrate",
        "settings",
        "supervisor",
        "version",
    ),
    "cli": (
        *("api", "client", "core", "database", "embedded", "executor", "migrate", "projections", "scheduler"),
        *("checkpoint", "evidence_texts", "scns", "settings", "supervisor", "swf", "up", "version"),
        "doctor",
    ),
}
# The rooms of the API, from the bottom up: each may import from those before it.
ROOMS_OF_THE_API = (
    *(
        "identity",
        "measuring",
        "answers",
        "services",
        "guard",
        "requests",
        "engine",
        "endpoints",
        "operations",
    ),
    *("routes", "document", "described", "app", "server"),
)
# Modules that lie side by side and are one room.
TOGETHER = {
    "handler": ("deciding", "completing", "refusing", "remembered", "waking"),
    "scheduler": ("scheduler_memory", "resolving", "leader_lease"),
    "executor": (
        *("node_session", "node_lease", "live_allocation", "observing", "log_memory", "strays", "patiently"),
        *("starting", "machine", "job_end", "accounts", "output_server"),
    ),
    "output_file": ("output_keeping",),
    "checkpoint": ("checkpoint_key",),
    "settings": ("setting_names", "setting_values", "setting_meanings"),
    "swf": ("swf_workload",),
    "version": ("",),
    "cli": ("__main__",),
}

# Modules of the standard library that compute and do nothing else.
VALUE_MODULES = {
    "bisect", "collections", "collections.abc", "dataclasses", "datetime", "difflib", "enum", "functools", "hashlib",
    "heapq", "itertools", "math", "pathlib", "re", "shlex", "typing",
}  # fmt: skip

# A third party has a door: the rooms that may know it.
DOORS = {
    "starlette": {"api"},
    "uvicorn": {"api"},
    "typer": {"cli"}, "rich": {"cli"}, "matplotlib": {"cli"},
    "httpx": {"client"},
    "psutil": {"executor"},
    "cryptography": {"checkpoint"},
    "psycopg": {"database", "log", "handler", "migrate", "projections", "scheduler", "api", "embedded", "up", "cli",
                "scns", "doctor", "telemetry"},
    "psycopg_pool": {"database", "log"},
    "orjson": {"codec", "database", "api"},
    "msgspec": {"codec"},
    "pydantic": {"settings", "api", "client", "wire"},
    "pydantic_core": {"api", "wire"},
    "openapi_pydantic": {"api"},
    "structlog": {"scheduler", "executor", "output_file", "api", "telemetry"},
    "prometheus_client": {"telemetry"},
    "opentelemetry": {"telemetry"},
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
MAY_READ_ENVIRONMENT: Mapping[str, str] = {
    "conductor/doctor/environment.py": "says where each setting was found, and what else in it changes how we work",
    "conductor/cli/terminal.py": "NO_COLOR, FORCE_COLOR and TERM are no settings of ours, but every program's",
}


def room_of(module: str) -> str | None:
    """The room a module lies in; None for what is not ours."""
    first, _, rest = module.partition(".")
    if first not in PACKAGES:
        return None
    if first != "conductor":
        return first
    name = rest.partition(".")[0]
    return next((room for room, names in TOGETHER.items() if name in names), name)


def edges() -> Iterator[tuple[str, str]]:
    """Our modules, each with one of our modules that it imports."""
    for module, path in modules().items():
        yield from ((module, other) for other in imports(path) if room_of(other) is not None)


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


def test_the_rooms_of_the_api_are_in_order() -> None:
    def level(module: str) -> int:
        return ROOMS_OF_THE_API.index(module.split(".")[1])

    inside = [edge for edge in edges() if all(one.startswith("api.") for one in edge)]
    assert [edge for edge in inside if level(edge[1]) > level(edge[0])] == []
    assert {edge[0].split(".")[1] for edge in inside} == {*ROOMS_OF_THE_API} - {"identity", "measuring"}


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
