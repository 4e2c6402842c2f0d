"""Write the tables of docs/logs.md and docs/metrics.md from the catalogues in conductor/telemetry.

python scripts/draw_telemetry.py            write them
python scripts/draw_telemetry.py --check    only say whether they are as they would be written; exit 1 when not
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REGION = re.compile(r"(?<=<!-- catalogue -->\n).*?(?=<!-- end -->)", re.DOTALL)


def lines_table() -> str:
    """Every log line."""
    from conductor.telemetry.log_catalogue import LINES

    head = "\n| line | level | fields | meaning | 含义 |\n| --- | --- | --- | --- | --- |\n"
    rows = (
        f"| `{name}` | {line.level} | {' '.join(f'`{one}`' for one in line.fields)} | {line.en} | {line.zh} |\n"
        for name, line in LINES.items()
    )
    return head + "".join(rows) + "\n"


def metrics_table() -> str:
    """Every metric, those of processes first."""
    from conductor.telemetry.metric_catalogue import METRICS

    head = "\n| metric | type | labels | meaning | 含义 |\n| --- | --- | --- | --- | --- |\n"
    titles = {True: "\n### Of every process / 各进程\n", False: "\n### Of the system / 整个系统\n"}
    parts = []
    for of_process, title in titles.items():
        rows = (
            f"| `{name}` | {one.kind} | {' '.join(f'`{label}`' for label in one.labels)} | {one.en} | {one.zh} |\n"
            for name, one in METRICS.items()
            if one.of_process is of_process
        )
        parts.append(title + head + "".join(rows))
    return "".join(parts) + "\n"


DOCUMENTS: dict[str, Callable[[], str]] = {"docs/logs.md": lines_table, "docs/metrics.md": metrics_table}


def with_table(document: str, table: str) -> str:
    """The document, with this table in its place."""
    return REGION.sub(lambda _: table, document)


def main(arguments: list[str]) -> int:
    stale = []
    for name, table in DOCUMENTS.items():
        path = ROOT / name
        before = path.read_text("utf-8")
        after = with_table(before, table())
        if before != after:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(after, "utf-8")
    if stale and "--check" in arguments:
        print(f"{', '.join(stale)}: run `python scripts/draw_telemetry.py`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
