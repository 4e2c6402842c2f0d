"""Draw docs/states.md from the literal tables of legal moves in conductor/core.

    python scripts/draw_states.py            write docs/states.md
    python scripts/draw_states.py --check    only say whether it is as it would be written; exit 1 when not

The diagram and the tables are the code's own, so they cannot tell another story.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "states.md"

Moves = Mapping[str | None, Mapping[str, str]]

HEAD = """# States

Drawn by `scripts/draw_states.py` from the tables `TRANSITIONS` in `conductor/core/job.py` and
`conductor/core/node.py`; a test compares. A move that is not here is refused by `evolve` and changes nothing.

由 `scripts/draw_states.py` 根据 `conductor/core/job.py` 和 `conductor/core/node.py` 中的 `TRANSITIONS` 表生成，
并由测试核对。此处没有的转换会被 `evolve` 拒绝，且不产生任何改变。
"""

JOB = """
## A job / 作业

`RUNNING` means that a process exists. The states that lead to the end mark have ended; only `JobRequeued` leads out of
them, to `PENDING` and the next attempt, and is not drawn. `ResourcesReleased` is drawn by its reason; `finished` is any
exit but 0. `LateReport` may follow anything and changes nothing. `JobImported` is the second event of a job that the
original system had, never a later one; `ImportedAllocationClosed` may follow it at any time and changes no state.

`RUNNING` 表示进程存在。通向终点标记的状态为已结束；只有 `JobRequeued` 能离开它们，回到 `PENDING` 并进入下一次尝试，
图中未画出。`ResourcesReleased` 以其原因标注；`finished` 指退出码不为 0。`LateReport` 可出现在任何状态之后，不改变状态。
`JobImported` 只作为原系统作业的第二个事件出现；`ImportedAllocationClosed` 可在其后任何时候出现，不改变状态。
"""

NODE = """
## A node / 节点

Whether a node answers at this moment is no state: it is in its lease, the table `node_leases`. A drained node that
registers again stays drained. `NodeLost` of a node that is lost already is a person's word that nothing runs there any
more.

节点此刻是否有应答不属于状态，而在其租约中，见表 `node_leases`。已排空的节点重新注册后仍为排空状态。
对已失联的节点再次记录 `NodeLost`，表示有人确认其上已不再运行任何作业。
"""


def document() -> str:
    """The whole text of docs/states.md."""
    from conductor.core import job, node

    jobs: Moves = {_text(state): moves for state, moves in job.TRANSITIONS.items()}
    nodes: Moves = {_text(state): moves for state, moves in node.TRANSITIONS.items()}
    final = {str(state) for state in job.FINAL_STATES}
    return "".join((HEAD, JOB, diagram(jobs, final), table(jobs), NODE, diagram(nodes, set()), table(nodes)))


def diagram(moves: Moves, final: set[str]) -> str:
    """Mermaid: one arrow for each pair of states. Ended states share their one way out, so it is drawn once."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for before, after_events in moves.items():
        if before in final:
            continue
        for event, after in after_events.items():
            arrows.setdefault((before or "[*]", after), []).append(event)
    lines = [
        f"    {before} --> {after}: {'<br/>'.join(_short(event) for event in events)}"
        for (before, after), events in arrows.items()
    ]
    lines += [f"    {state} --> [*]" for state in moves if state in final]
    return "\n".join(("\n```mermaid", "stateDiagram-v2", "    direction LR", *lines, "```\n"))


def table(moves: Moves) -> str:
    """Markdown: every move, in the order of the code."""
    rows = [
        f"| {f'`{before}`' if before else '-'} | `{event}` | `{after}` |"
        for before, events in moves.items()
        for event, after in events.items()
    ]
    head = ("\n| state before / 原状态 | event / 事件 | state after / 新状态 |", "| --- | --- | --- |")
    return "\n".join((*head, *rows)) + "\n"


def _text(state: str | None) -> str | None:
    return None if state is None else str(state)


def _short(event: str) -> str:
    """A release is known by its reason. Mermaid ends a label at a colon or semicolon; the events have none."""
    return event.removeprefix("ResourcesReleased(").removesuffix(")").replace("(", " ")


def main(arguments: list[str]) -> int:
    text = document()
    if arguments == ["--check"]:
        same = DOCUMENT.is_file() and DOCUMENT.read_text("utf-8") == text
        if not same:
            print(f"{DOCUMENT} is out of date: run scripts/draw_states.py", file=sys.stderr)
        return 0 if same else 1
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
