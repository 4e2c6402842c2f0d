"""A submission as the options of `submit` and `run` describe it, which are those of sbatch.

Promises: an option is honoured or refused with a sentence, never ignored; the secrets of this user's own
Conductor settings never go into a job's environment.
"""

import os
import pwd
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from conductor.cli.exits import WrongUsage
from conductor.cli.sbatch_words import judged
from conductor.cli.system_errors import told
from conductor.cli.times import parse_instant
from conductor.core.sbatch import Directives, FaultCode, directives_of, export_list, memory_mb
from conductor.core.sbatch_options import INSTEAD
from conductor.core.sbatch_texts import DIRECTIVES, IGNORED

if TYPE_CHECKING:
    from conductor.cli.screen import Screen
    from conductor.client.models import Submission

SCRIPT_BYTES = 1024 * 1024

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What describes the shell that submits, or a job that this shell itself runs in, and not the job to be.
_OF_THE_CALLER = re.compile(r"(CONDUCTOR|SLURM)_\w*|NODE_NAME|TOTAL_CPUS|SLURMD_NODENAME|_|PWD|OLDPWD|SHLVL")

Arguments = Annotated[list[str] | None, typer.Argument(metavar="FILE|-", hidden=True)]
Wrap = Annotated[
    str | None, typer.Option("--wrap", metavar="COMMAND", help="Instead of FILE: this shell command.")
]
Ntasks = Annotated[
    int | None, typer.Option("-n", "--ntasks", metavar="N", min=1, help="Tasks, all on one node.")
]
NtasksPerNode = Annotated[int | None, typer.Option("--ntasks-per-node", metavar="N", min=1, help="The same.")]
CpusPerTask = Annotated[
    int | None, typer.Option("-c", "--cpus-per-task", metavar="N", min=1, help="CPUs of each task.")
]
TimeLimit = Annotated[
    str | None, typer.Option("-t", "--time", metavar="TIME", help="MM, MM:SS, HH:MM:SS, D-HH, D-HH:MM[:SS].")
]
JobName = Annotated[str | None, typer.Option("-J", "--job-name", metavar="NAME")]
Output = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", metavar="PATH", help="Default slurm-%j.out; %j id, %x name, %u user, %N node."
    ),
]
Error = Annotated[
    str | None, typer.Option("-e", "--error", metavar="PATH", help="Default: joined with the output.")
]
WorkDir = Annotated[
    Path | None, typer.Option("-D", "--chdir", metavar="FOLDER", help="Work folder; default: this one.")
]
Memory = Annotated[str | None, typer.Option("--mem", metavar="SIZE", help="Megabytes, or with K, M, G, T.")]
NodeList = Annotated[
    str | None, typer.Option("-w", "--nodelist", metavar="NODES", help="One of these: n1,n2 or node[1-3].")
]
Constraint = Annotated[
    str | None,
    typer.Option("-C", "--constraint", metavar="LABELS", help="The node's labels: zone=a&arch=aarch64."),
]
Gres = Annotated[
    str | None, typer.Option("--gres", metavar="LIST", help="Generic resources: gpu:2,licence:1.")
]
Exclusive = Annotated[bool, typer.Option("--exclusive", help="A whole node, and nobody beside it.")]
Begin = Annotated[
    str | None, typer.Option("-b", "--begin", metavar="TIME", help="Not before: 2026-01-31T18:00, now+1hour.")
]
Account = Annotated[str | None, typer.Option("-A", "--account", metavar="NAME")]
Priority = Annotated[
    int | None, typer.Option("--priority", metavar="N", help="Higher runs earlier; default 0.")
]
Nice = Annotated[int | None, typer.Option("--nice", metavar="N", help="Lowers the priority by this much.")]
Array = Annotated[
    str | None,
    typer.Option(
        "-a", "--array", metavar="INDICES", help="Many jobs at once: 0-99, 1-10:2, 3,7; %10: ten at a time."
    ),
]
Dependency = Annotated[
    str | None,
    typer.Option(
        "-d",
        "--dependency",
        metavar="LIST",
        help="afterok:ID[:ID], afternotok, afterany, after, singleton; , or ?.",
    ),
]
Requeue = Annotated[bool, typer.Option("--requeue", help="May be run again when its node fails.")]
Export = Annotated[
    str | None,
    typer.Option(
        "--export",
        metavar="LIST",
        help="Variables for the job: NONE (default: a clean environment, so that it runs the same whoever "
        "submits it), ALL (those set here), NAME, NAME=VALUE; several with commas.",
    ),
]
Comment = Annotated[str | None, typer.Option("--comment", metavar="TEXT")]
Signal = Annotated[
    str | None,
    typer.Option(
        "--signal",
        metavar="[B:]SIG[@SEC]",
        help="A signal before the time limit, 60 s unless said; B: for the script's own shell only.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What was typed after `submit` or `run`."""

    command: str
    arguments: Sequence[str]
    wrap: str | None
    ntasks: int | None
    ntasks_per_node: int | None
    cpus_per_task: int | None
    time_limit: str | None
    job_name: str | None
    work_dir: Path | None
    memory: str | None
    begin: str | None
    account: str | None
    priority: int | None
    nice: int | None
    requeue: bool
    export: str | None
    comment: str | None
    signal: str | None = None
    hold: bool = False
    array: str | None = None
    dependency: str | None = None
    nodelist: str | None = None
    constraint: str | None = None
    gres: str | None = None
    exclusive: bool = False
    as_sbatch: Sequence[str] = ()  # options of sbatch's that are none of ours


def submission_of(wishes: Wishes, environ: Mapping[str, str], screen: "Screen") -> "Submission":
    """What goes to the server. Where its output goes is left open.

    The server reads the script's own #SBATCH lines, but for what only this side can know: its folder, its clock
    and its environment.
    """
    from conductor.client.models import Submission

    beside = _beside(wishes, screen)
    script = _script_of(wishes, screen)
    lines = directives_of(script)
    submission = Submission(
        script=script,
        name=wishes.job_name,
        ntasks_per_node=_tasks(wishes, screen),
        cpus_per_task=wishes.cpus_per_task,
        memory_mb=amount_mb(wishes.memory, screen),
        time_limit=wishes.time_limit,
        work_dir=work_folder(wishes.work_dir or _said(lines, "work_dir")),
        environment=_environment(wishes.export, lines, environ, screen),
        priority=wishes.priority,
        nice=wishes.nice,
        user_name=user_name(),
        account=wishes.account,
        requeue=wishes.requeue or beside.get("requeue"),
        hold=wishes.hold or None,
        begin_time=_begin(wishes.begin, _said(lines, "begin_time"), screen),
        comment=wishes.comment,
        signal=wishes.signal,
        array=wishes.array,
        dependency=wishes.dependency,
        nodelist=wishes.nodelist,
        labels=wishes.constraint,
        exclusive=wishes.exclusive or None,
        gres=wishes.gres,
    )
    _refuse_strays(submission, screen)
    return submission


def slurm_output(wanted: "Submission", output: str | None) -> str | None:
    """The output's path as Slurm's users expect it; None when the script's own #SBATCH lines name one."""
    lines = directives_of(wanted.script)
    usual = "slurm-%A_%a.out" if wanted.array or _said(lines, "array") else "slurm-%j.out"
    return output or (None if _said(lines, "stdout_path") else usual)


def refuse_array(wanted: "Submission", screen: "Screen") -> None:
    """For `run`, which follows one job."""
    array = wanted.array or _said(directives_of(wanted.script), "array")
    if array is not None:
        refuse(screen, "array_not_followed", array=array)


def _said(lines: Directives, field: str) -> str | None:
    one = lines.fields.get(field)
    return None if one is None else str(one.value)


def _begin(given: str | None, in_script: str | None, screen: "Screen") -> datetime | None:
    """In this machine's own time. What a script says and we cannot read, the server refuses by its line."""
    now = datetime.now().astimezone()
    begin = parse_instant(given or in_script or "", now)
    if given is not None and begin is None:
        refuse(screen, "bad_begin", given=given)
    return begin


def _environment(
    given: str | None, lines: Directives, environ: Mapping[str, str], screen: "Screen"
) -> dict[str, str] | None:
    """An empty one is sent as such when it is what was asked for: the server need not ask the script again."""
    wanted = given if given is not None else lines.export
    return None if wanted is None else exported(wanted, environ, screen)


def amount_mb(given: str | None, screen: "Screen") -> int | None:
    if given is None:
        return None
    amount = memory_mb(given)
    if amount is None:
        refuse(screen, "bad_memory", given=given)
    return amount


def exported(given: str, environ: Mapping[str, str], screen: "Screen") -> dict[str, str]:
    """The variables that --export names; later ones win."""
    values: dict[str, str] = {}
    for one in export_list(given):
        name, equals, value = one.partition("=")
        if one.upper() in ("NONE", "NIL"):
            values.clear()
        elif one.upper() == "ALL":
            values |= _all_of(environ)
        elif not _NAME.fullmatch(name):
            refuse(screen, "bad_export", given=one)
        elif equals:
            values[name] = value
        elif name not in environ:
            refuse(screen, "unset_export", name=name)
        else:
            values[name] = environ[name]
    return values


def refuse(screen: "Screen", key: str, **values: object) -> NoReturn:
    raise WrongUsage(screen.text(key, **values))


def _all_of(environ: Mapping[str, str]) -> dict[str, str]:
    # Exported shell functions (BASH_FUNC_x%%) are no variables of the job's.
    return {
        name: value
        for name, value in environ.items()
        if _NAME.fullmatch(name) and not _OF_THE_CALLER.fullmatch(name)
    }


def _beside(wishes: Wishes, screen: "Screen") -> dict[str, bool]:
    """What options of sbatch's ask for that are none of ours. Refuses, and warns, as of a script's lines."""
    found = judged(wishes.as_sbatch)
    for fault in found.faults:
        instead = INSTEAD.get(fault.option.removeprefix("--"))
        if fault.code is FaultCode.UNSUPPORTED and instead is None:
            refuse(screen, "sbatch_option", option=fault.option, command=wishes.command)
        texts = DIRECTIVES["use_instead" if fault.code is FaultCode.UNSUPPORTED else fault.code]
        said = _in(screen, texts).format(instead=instead, nearest="")
        refuse(screen, "sbatch_fault", option=fault.option, said=said)
    for field, one in found.fields.items():
        if field != "requeue":  # of `run`, which shows the output and holds nothing
            refuse(screen, "sbatch_option", option=one.option, command=wishes.command)
    for remark in found.remarks:
        why = _in(screen, IGNORED[remark.code])
        screen.warn("warning", what=screen.text("sbatch_ignored", option=remark.option, why=why))
    return {field: bool(one.value) for field, one in found.fields.items()}


def _in(screen: "Screen", texts: tuple[str, str]) -> str:
    return texts[screen.language == "zh"]


def _script_of(wishes: Wishes, screen: "Screen") -> str:
    arguments = list(wishes.arguments)
    for argument in arguments:
        if argument.startswith("-") and argument != "-":
            refuse(screen, "unknown_option", option=_option_in(argument), command=wishes.command)
        break
    if wishes.wrap is not None:
        if arguments:
            refuse(screen, "script_and_wrap")
        if not wishes.wrap.strip():
            refuse(screen, "no_script")
        return f"#!/bin/sh\n{wishes.wrap}\n"
    if not arguments:
        refuse(screen, "no_script")
    if len(arguments) > 1:
        refuse(screen, "script_arguments", arguments=shlex.join(arguments[1:]))
    return _read_script(arguments[0], screen)


def _option_in(argument: str) -> str:
    """`--array` of `--array=1-5`, `-a` of `-a1-5`."""
    return argument.partition("=")[0] if argument.startswith("--") else argument[:2]


def _read_script(path: str, screen: "Screen") -> str:
    try:
        if path == "-":
            data = sys.stdin.buffer.read(SCRIPT_BYTES + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(SCRIPT_BYTES + 1)
    except OSError as error:
        refuse(screen, "unreadable_script", path=path, why=told(error, screen))
    if len(data) > SCRIPT_BYTES:
        refuse(screen, "large_script", path=path, limit=f"{SCRIPT_BYTES:,}")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        refuse(screen, "script_not_utf8", path=path, position=error.start + 1)


def _tasks(wishes: Wishes, screen: "Screen") -> int | None:
    total, per_node = wishes.ntasks, wishes.ntasks_per_node
    if total is not None and per_node is not None and total > per_node:
        refuse(screen, "contradicting_tasks", ntasks=total, per_node=per_node)
    return total if total is not None else per_node


def work_folder(given: Path | str | None = None) -> str:
    # As it is named here, links and all: `cd` would show the user the same.
    return os.path.abspath(given) if given is not None else os.getcwd()  # noqa: PTH100, PTH109


def _refuse_strays(submission: "Submission", screen: "Screen") -> None:
    """Bytes that are no UTF-8 come from the command line or the environment as lone surrogates: no JSON has them."""
    given = submission.to_json()
    texts = {name: value for name, value in given.items() if isinstance(value, str)}
    for name, value in {**texts, **given.get("environment", {})}.items():
        if any("\ud800" <= character <= "\udfff" for character in value):
            refuse(screen, "not_utf8", name=name)


def user_name() -> str | None:
    """Of this account; a token that was made for somebody knows itself for whom."""
    from conductor.core.tokens import SECRET_PREFIX
    from conductor.settings import load_settings, read_token

    if (read_token(load_settings()) or "").startswith(SECRET_PREFIX):
        return None
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return None
