"""What the `#SBATCH` lines of a script ask for, in the names of a submission.

Promises: lines are read as sbatch reads them: those before the first command, words and quotes as it splits
them, the last of two that say the same. Every option becomes a field, a remark (it is ignored, and why) or a
fault (it is refused, and why): none is dropped in silence. No text makes it fail.
Refuses to know what the request says, and which values a field allows.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from conductor.core.sbatch_options import LETTERS, Fate, Option, Takes, option_named

MARK = "#SBATCH"
MOST_OPTIONS = 1000
MOST_CHARACTERS = 64 * 1024  # of all lines together: they are read while other requests wait
DEFAULT_NICE = 100  # what sbatch takes a bare --nice for

_BLANKS = " \t\v\f"
_WORD = re.compile(r"""(?:\\.|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^ \t\v\f#"'\\])+""")
_PIECE = re.compile(r"""\\(.)|"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'""")
_COMMAND = re.compile(r"^[ \t\v\f\r]*[^ \t\v\f\r\n#]", re.MULTILINE)
_MARKED = re.compile(rf"^{MARK}(.*)$", re.MULTILINE)
_LATE = re.compile(rf"^{MARK}[ \t]+-", re.MULTILINE)
_COUNT = re.compile(r"\d{1,9}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,9}", re.ASCII)
_NODES = re.compile(r"(\d{1,9})(?:-\d{1,9})?", re.ASCII)
_MEMORY = re.compile(r"(\d{1,15})([KMGT]?)B?", re.IGNORECASE | re.ASCII)
_KIB_OF = {"K": 1, "": 1024, "M": 1024, "G": 1024**2, "T": 1024**3}
_EXPORTED = re.compile(r""""([^"]*)"|'([^']*)'""")
_EXPORT = re.compile(r"""(?:"[^"]*"|'[^']*'|[^,])+""")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class FaultCode(StrEnum):
    UNKNOWN = "unknown_directive"
    UNSUPPORTED = "unsupported"
    SEVERAL_NODES = "several_nodes"
    EXCLUSIVE_KIND = "exclusive_kind"
    TRUNCATED = "truncated_output"
    VALUE_MISSING = "value_missing"
    VALUE_UNWANTED = "value_unwanted"
    STRAY_WORD = "stray_word"
    OPEN_QUOTE = "open_quote"
    NOT_A_COUNT = "not_a_count"
    NOT_AN_AMOUNT = "not_an_amount"
    NOT_A_MODE = "not_a_mode"
    BAD_EXPORT = "bad_export"
    MORE_TASKS = "more_tasks"
    TOO_MANY = "too_many_directives"


class RemarkCode(StrEnum):
    """Why a part of a script is ignored; `Fate` has the reasons that are an option's own."""

    EXPORT_ALL = "export_all"
    EXPORT_NAME = "export_name"
    AFTER_COMMAND = "after_command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A line that is refused. `field`, when it has one: a request that gives that field makes it moot."""

    line: int
    option: str
    code: FaultCode
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A line that is ignored; `field` as with a fault."""

    line: int
    option: str
    code: Fate | RemarkCode
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A value for a field, and the line that says so."""

    value: object
    line: int
    option: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Directives:
    fields: Mapping[str, Filled]
    faults: tuple[Fault, ...] = ()
    remarks: tuple[Remark, ...] = ()
    export: str | None = None  # as written, for who has an environment to take values from


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    line: int
    option: Option
    value: str | None

    @property
    def shown(self) -> str:
        return f"--{self.option.name}"


class _Unfit(Exception):
    """A line or a value that cannot be taken."""

    def __init__(self, code: FaultCode, option: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.option = option


NOTHING = Directives(fields={})


def directives_of(script: str) -> Directives:
    """What the script's own lines ask for."""
    if MARK not in script:
        return NOTHING
    header, late = _header(script)
    given: list[_Given] = []
    faults: list[Fault] = []
    characters = 0
    for count, (number, text) in enumerate(_lines(header)):
        characters += len(text)
        try:
            if count == MOST_OPTIONS or characters > MOST_CHARACTERS:
                raise _Unfit(FaultCode.TOO_MANY)
            for one in _options(number, text):
                given.append(one)
                if len(given) > MOST_OPTIONS:
                    raise _Unfit(FaultCode.TOO_MANY)
        except _Unfit as unfit:
            faults.append(Fault(line=number, option=unfit.option, code=unfit.code))
            if unfit.code is FaultCode.TOO_MANY:
                break
    found = _understood(given, faults)
    if late is None:
        return found
    remark = Remark(line=late, option=MARK, code=RemarkCode.AFTER_COMMAND)
    return replace(found, remarks=(*found.remarks, remark))


def memory_mb(text: str) -> int | None:
    """Whole MiB, rounded up, of `500`, `500M` or `2G`; None when it is no amount."""
    found = _MEMORY.fullmatch(text.strip())
    return None if found is None else -(-int(found[1]) * _KIB_OF[found[2].upper()] // 1024)


def export_list(text: str) -> list[str]:
    """What --export names: split at commas, but not inside quotes."""
    parts = [_EXPORTED.sub(lambda found: found[1] or found[2] or "", part) for part in _EXPORT.findall(text)]
    return [part.strip() for part in parts if part.strip()]


def _header(script: str) -> tuple[str, int | None]:
    """What stands before the first command, and the number of a marked line after it."""
    command = _COMMAND.search(script)
    if command is None:
        return script, None
    late = _LATE.search(script, command.start())
    return script[: command.start()], None if late is None else script.count("\n", 0, late.start()) + 1


def _lines(header: str) -> Iterator[tuple[int, str]]:
    """The marked lines, each with its number."""
    number, counted = 1, 0
    for found in _MARKED.finditer(header):
        number += header.count("\n", counted, found.start())
        counted = found.start()
        yield number, found[1].rstrip("\r")


def _words(text: str) -> Iterator[str]:
    """Words as sbatch splits them: quotes, a backslash before any character, and a comment after `#`."""
    place = 0
    while True:
        while place < len(text) and text[place] in _BLANKS:
            place += 1
        if place == len(text) or text[place] == "#":
            return
        word = _WORD.match(text, place)
        if word is None or (word.end() < len(text) and text[word.end()] in "\"'\\"):
            raise _Unfit(FaultCode.OPEN_QUOTE)
        place = word.end()
        yield _unquoted(word[0])


def _unquoted(word: str) -> str:
    def bare(piece: re.Match[str]) -> str:
        escaped, double, single = piece.groups()
        return str(escaped) if escaped is not None else re.sub(r"\\(.)", r"\1", double or single or "")

    return _PIECE.sub(bare, word)


def _options(line: int, text: str) -> Iterator[_Given]:
    words = _words(text)
    for word in words:
        if word.startswith("--") and len(word) > 2:
            yield _long(line, word, words)
        elif word.startswith("-") and len(word) > 1 and word != "--":
            yield from _short(line, word[1:], words)
        else:
            raise _Unfit(FaultCode.STRAY_WORD)


def _long(line: int, word: str, words: Iterator[str]) -> _Given:
    name, equals, value = word[2:].partition("=")
    option = option_named(name)
    if option is None:
        raise _Unfit(FaultCode.UNKNOWN, _shown(f"--{name}"))
    if equals and option.takes is Takes.NOTHING:
        raise _Unfit(FaultCode.VALUE_UNWANTED, f"--{option.name}")
    if not equals and option.takes is Takes.VALUE:
        return _Given(line=line, option=option, value=_next(words, f"--{option.name}"))
    return _Given(line=line, option=option, value=value if equals else None)


def _short(line: int, letters: str, words: Iterator[str]) -> Iterator[_Given]:
    """`n4`, `n` with the next word, and several without values in one word."""
    while letters:
        letter, letters = letters[0], letters[1:]
        option = LETTERS.get(letter)
        if option is None:
            raise _Unfit(FaultCode.UNKNOWN, _shown(f"-{letter}"))
        if option.takes is Takes.NOTHING:
            yield _Given(line=line, option=option, value=None)
            continue
        value: str | None = letters or None
        if value is None and option.takes is Takes.VALUE:
            value = _next(words, f"-{letter}")
        yield _Given(line=line, option=option, value=value)
        return


def _next(words: Iterator[str], option: str) -> str:
    word = next(words, None)
    if word is None:
        raise _Unfit(FaultCode.VALUE_MISSING, option)
    return word


def _shown(name: str) -> str:
    """A name that the script made up, short and on one line."""
    return "".join(character if character.isprintable() else "?" for character in name[:40])


def _count(text: str) -> object:
    if not _COUNT.fullmatch(text):
        raise _Unfit(FaultCode.NOT_A_COUNT)
    return int(text)


def _number(text: str) -> object:
    if not _NUMBER.fullmatch(text):
        raise _Unfit(FaultCode.NOT_A_COUNT)
    return int(text)


def _memory(text: str) -> object:
    amount = memory_mb(text)
    if amount is None:
        raise _Unfit(FaultCode.NOT_AN_AMOUNT)
    return amount


def _nodes(text: str) -> object:
    found = _NODES.fullmatch(text)
    if found is None:
        raise _Unfit(FaultCode.NOT_A_COUNT)
    if int(found[1]) != 1:  # of `1-4` the least will do
        raise _Unfit(FaultCode.SEVERAL_NODES)
    return None


def _open_mode(text: str) -> object:
    if text not in ("append", "a", "truncate", "t"):
        raise _Unfit(FaultCode.NOT_A_MODE)
    if text.startswith("t"):
        raise _Unfit(FaultCode.TRUNCATED)
    return None


def _time(text: str) -> object:
    return None if text.upper() in ("UNLIMITED", "INFINITE") else text


def _exclusive(text: str) -> object:
    """A job of its own node; sharing it with jobs of the same user and the like there is not."""
    raise _Unfit(FaultCode.EXCLUSIVE_KIND)


def _export(text: str) -> object:
    """The variables that come with their values; NONE forgets those before it."""
    values: dict[str, str] = {}
    for one in export_list(text):
        name, equals, value = one.partition("=")
        if one.upper() in ("NONE", "NIL"):
            values.clear()
        elif not _VARIABLE.fullmatch(name):
            raise _Unfit(FaultCode.BAD_EXPORT)
        elif equals:
            values[name] = value
    return values


# option -> the field it fills, and how its value is read; an option without a value stands for the last entry
_FIELDS: Mapping[str, tuple[str, Callable[[str], object], object]] = {
    "account": ("account", str, None),
    "array": ("array", str, None),
    "begin": ("begin_time", str, None),
    "chdir": ("work_dir", str, None),
    "comment": ("comment", str, None),
    "constraint": ("labels", str, None),
    "cpus-per-task": ("cpus_per_task", _count, None),
    "dependency": ("dependency", str, None),
    "error": ("stderr_path", str, None),
    "exclusive": ("exclusive", _exclusive, True),
    "export": ("environment", _export, None),
    "gres": ("gres", str, None),
    "hold": ("hold", str, True),
    "job-name": ("name", str, None),
    "mem": ("memory_mb", _memory, None),
    "nice": ("nice", _number, DEFAULT_NICE),
    "no-requeue": ("requeue", str, False),
    "nodelist": ("nodelist", str, None),
    "nodes": ("nodes", _nodes, None),
    "ntasks": ("ntasks", _count, None),
    "ntasks-per-node": ("ntasks_per_node", _count, None),
    "open-mode": ("open_mode", _open_mode, None),
    "output": ("stdout_path", str, None),
    "priority": ("priority", _number, None),
    "requeue": ("requeue", str, True),
    "signal": ("signal", str, None),
    "time": ("time_limit", _time, None),
}


def _understood(given: list[_Given], faults: list[Fault]) -> Directives:
    remarks: list[Remark] = []
    last: dict[str, _Given] = {}
    for one in given:
        if one.option.fate is Fate.REFUSED:
            faults.append(Fault(line=one.line, option=one.shown, code=FaultCode.UNSUPPORTED))
        elif one.option.ignored:
            remarks.append(Remark(line=one.line, option=one.shown, code=one.option.fate))
        else:
            last[_FIELDS[one.option.name][0]] = one
    fields: dict[str, Filled] = {}
    for field, one in last.items():
        try:
            fields[field] = Filled(value=_value(one), line=one.line, option=one.shown)
        except _Unfit as unfit:
            named = "ntasks_per_node" if field == "ntasks" else field
            faults.append(Fault(line=one.line, option=one.shown, code=unfit.code, field=named))
    _put_tasks_on_one_node(fields, faults)
    exported = last.get("environment")
    if exported is not None:
        remarks += _left_at_home(exported)
    return Directives(
        fields={field: one for field, one in fields.items() if one.value is not None},
        faults=tuple(sorted(faults, key=lambda fault: fault.line)),
        remarks=tuple(sorted(remarks, key=lambda remark: remark.line)),
        export=exported.value if exported else None,
    )


def _value(one: _Given) -> object:
    _, read, bare = _FIELDS[one.option.name]
    return bare if one.value is None else read(one.value)


def _put_tasks_on_one_node(fields: dict[str, Filled], faults: list[Fault]) -> None:
    """`ntasks` counts over all nodes, and there is one."""
    total, per_node = fields.pop("ntasks", None), fields.get("ntasks_per_node")
    if total is None:
        return
    if per_node is not None and int(str(total.value)) > int(str(per_node.value)):
        code = FaultCode.MORE_TASKS
        faults.append(Fault(line=total.line, option=total.option, code=code, field="ntasks_per_node"))
    fields["ntasks_per_node"] = total


def _left_at_home(export: _Given) -> Iterator[Remark]:
    """Variables that only the submitter's own environment has a value for."""
    bare = {one for one in export_list(export.value or "") if "=" not in one}
    codes = {RemarkCode.EXPORT_ALL if one.upper() == "ALL" else RemarkCode.EXPORT_NAME
             for one in bare if one.upper() not in ("NONE", "NIL")}  # fmt: skip
    for code in sorted(codes):
        yield Remark(line=export.line, option=export.shown, code=code, field="environment")
