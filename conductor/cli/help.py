"""The help of each command in the reader's language: the library's own for English, and for Chinese ours, in which wide
characters line up.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from conductor.cli.help_options import OPTIONS
from conductor.cli.help_pages import PAGES

_LONGEST_NAME = 30
_EXAMPLE = re.compile(r"^Example: (.+?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)
_USAGE, _EXAMPLES = ("Usage: ", "用法："), ("Example: ", "示例：")
_OPTIONS, _COMMANDS = ("Options:", "选项："), ("Commands:", "命令：")
_REMARKS = (("[required]", "[必填]"), ("[default: ", "[默认："), ("[env var: ", "[环境变量："))


def help_in_chinese(command: Any, context: Any) -> str | None:
    """None when the reader's language is another, and the library's own words will do."""
    from conductor.cli.screen import Screen

    return _chinese(command, context) if Screen.open().language == "zh" else None


def example_in(page: str) -> str | None:
    """What stands behind `Example:` in a command's own text."""
    found = _EXAMPLE.search(page)
    return " ".join(found[1].split()) if found else None


def _chinese(command: Any, context: Any) -> str:
    from conductor.cli.tables import wrapped

    width = context.make_formatter().width
    words = context.command_path.partition(" ")[2]
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [f"{_USAGE[1]}{usage}", ""]
    for paragraph in PAGES[words].said.split("\n\n"):
        lines += [*(f"  {line}" for line in wrapped(paragraph, width - 2)), ""]
    example = example_in(command.help or "")
    if example is not None:
        lines += [*(f"  {line}" for line in wrapped(f"{_EXAMPLES[1]}{example}", width - 2)), ""]
    records = [(param, param.get_help_record(context)) for param in command.get_params(context)]
    options = [(found[0], _told(param, found[1])) for param, found in records if found is not None]
    lines += [_OPTIONS[1], *_rows(options, width)]
    inner = getattr(command, "commands", None)
    if inner:
        listed = [(name, PAGES[f"{words} {name}".strip()].line) for name in inner]
        lines += ["", _COMMANDS[1], *_rows(listed, width)]
    return "\n".join(lines)


def _told(param: Any, record: str) -> str:
    """Our words for the option's own; what the library adds to them behind."""
    own = param.help or ""
    added = record.removeprefix(own)
    for english, chinese in _REMARKS:
        added = added.replace(english, chinese)
    return (OPTIONS.get(own, own) + added).strip()


def _rows(rows: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    from conductor.cli.tables import wrapped

    column = max(len(name) for name, _ in rows if len(name) <= _LONGEST_NAME) + 2
    for name, said in rows:
        first, *others = wrapped(said, width - column - 2)
        beside = len(name) <= _LONGEST_NAME
        if not beside:
            yield f"  {name}"
        yield f"  {name if beside else '':{column}}{first}".rstrip()
        yield from (" " * (column + 2) + line for line in others)
