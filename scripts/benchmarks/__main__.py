"""`scripts/bench`: measure, then report. Progress goes to stderr, the report alone to stdout."""

import argparse
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from conductor.core.errors import ConductorError
from scripts.benchmarks.array import measure_array
from scripts.benchmarks.figures import BenchError, Measurement
from scripts.benchmarks.leader import measure_leader
from scripts.benchmarks.machine import file_system, machine_facts
from scripts.benchmarks.one_pass import measure_pass
from scripts.benchmarks.reads import measure_reads
from scripts.benchmarks.rebuild import measure_rebuild
from scripts.benchmarks.replay import measure_replay
from scripts.benchmarks.report import as_json, plain_or_rich, print_report
from scripts.benchmarks.start import measure_start
from scripts.benchmarks.system import Measured, measured_system
from scripts.benchmarks.throughput import measure_batch, measure_noop, measure_submit
from scripts.benchmarks.whatif import measure_whatif


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured on one fresh system."""

    name: str
    cpus: int
    measure: Callable[[Measured, float], Measurement] | Callable[[Measured, int], Measurement]
    by_events: bool = False  # measured on a log of so many events, not for so many seconds


BENCHES = (
    Bench("start", 16, measure_start),
    Bench("noop", 16, measure_noop),
    Bench("noop", 64, measure_noop),
    Bench("submit", 16, measure_submit),
    Bench("batch", 16, measure_batch),
    Bench("reads", 16, measure_reads),
    Bench("array", 16, measure_array),
    Bench("leader", 16, measure_leader),
    Bench("replay", 16, measure_replay, by_events=True),
    Bench("rebuild", 16, measure_rebuild, by_events=True),
    Bench("whatif", 16, measure_whatif),
)
PURE: Mapping[str, Callable[[float], Measurement]] = {"pass": measure_pass}  # no system is needed
NAMES = tuple(dict.fromkeys([*(bench.name for bench in BENCHES), *PURE]))


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    named = options.bench if isinstance(options.bench, list) else [options.bench]
    chosen = [bench for bench in BENCHES if bench.name in named or "all" in named]
    signal.signal(signal.SIGTERM, _end)
    facts, measurements = machine_facts(), []
    try:
        with ExitStack() as folders:
            for bench in chosen:
                how_long = (
                    f"{options.events:,} events"
                    if bench.by_events
                    else f"about {options.seconds:g} s a figure"
                )
                _say(f"{bench.name}, {bench.cpus} CPUs: {how_long} ...")
                with measured_system(bench.cpus, options.folder, options.spool_folder, folders) as measured:
                    facts |= _places(measured)
                    extent = options.events if bench.by_events else options.seconds
                    measurements.append(bench.measure(measured, extent))
        for name, measure in PURE.items():
            if name in named or "all" in named:
                _say(f"{name}: about {options.seconds:g} s a figure ...")
                measurements.append(measure(options.seconds))
    except (BenchError, ConductorError) as error:
        _say(f"bench: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    if options.json:
        print(as_json(facts, measurements))
    else:
        print_report(facts, measurements, plain_or_rich())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measure this clone on this machine, each figure beside its floor."
    )
    parser.add_argument("bench", nargs="*", default="all", choices=(*NAMES, "all"), help="which ones (all)")
    parser.add_argument(
        "--seconds", type=_seconds, default=10.0, help="how long each figure is measured (10)"
    )
    parser.add_argument(
        "--events", type=_events, default=50_000, help="how long the log of `rebuild` is (50000)"
    )
    parser.add_argument("--json", action="store_true", help="a JSON object instead of tables")
    parser.add_argument(
        "--folder", type=_folder, help="where to make the temporary home (the system's temporary folder)"
    )
    parser.add_argument(
        "--spool-folder", type=_folder, help="where to make the temporary spool (inside the home)"
    )
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.5 <= seconds <= 600:
        raise argparse.ArgumentTypeError("must be between 0.5 and 600")
    return seconds


def _events(text: str) -> int:
    events = int(text)
    if not 1000 <= events <= 10_000_000:
        raise argparse.ArgumentTypeError("must be between 1000 and 10000000")
    return events


def _folder(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is no folder")
    return path


def _places(measured: Measured) -> dict[str, str]:
    version = measured.query("SHOW server_version")[0][0]
    durable = measured.query("SELECT current_setting('fsync'), current_setting('synchronous_commit')")[0]
    return {
        "PostgreSQL": f"{version}, fsync {durable[0]}, synchronous_commit {durable[1]}",
        "data": file_system(measured.data),
        "spool": file_system(measured.spool),
    }


def _end(number: int, _frame: FrameType | None) -> None:
    # As an exception, so that nothing is left behind.
    raise SystemExit(128 + number)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
