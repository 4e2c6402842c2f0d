"""`conductor submit`: a script becomes a job."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conductor.cli import submission as option
from conductor.cli.options import Json
from conductor.cli.sbatch_words import AsSbatch

if TYPE_CHECKING:
    from conductor.cli.screen import Screen
    from conductor.client import Client, Submitted
    from conductor.settings import Settings

_NAMED = 5  # jobs of a batch, in a command to type
# Where an option is not called as what it asks for is.
_TYPED = {"time_limit": "time", "work_dir": "chdir", "memory": "mem"}


def submit(
    arguments: option.Arguments = None,
    wrap: option.Wrap = None,
    ntasks: option.Ntasks = None,
    ntasks_per_node: option.NtasksPerNode = None,
    cpus_per_task: option.CpusPerTask = None,
    time_limit: option.TimeLimit = None,
    job_name: option.JobName = None,
    output: option.Output = None,
    error: option.Error = None,
    work_dir: option.WorkDir = None,
    memory: option.Memory = None,
    nodelist: option.NodeList = None,
    constraint: option.Constraint = None,
    gres: option.Gres = None,
    exclusive: option.Exclusive = False,
    begin: option.Begin = None,
    account: option.Account = None,
    priority: option.Priority = None,
    array: option.Array = None,
    dependency: option.Dependency = None,
    nice: option.Nice = None,
    requeue: option.Requeue = False,
    hold: Annotated[bool, typer.Option("-H", "--hold", help="Wait until `conductor unhold`.")] = False,
    export: option.Export = None,
    comment: option.Comment = None,
    signal: option.Signal = None,
    as_sbatch: AsSbatch = None,
    wait: Annotated[bool, typer.Option("-W", "--wait", help="Return when it ended, with its code.")] = False,
    parsable: Annotated[bool, typer.Option("--parsable", help="Print the id and nothing else.")] = False,
    batch: Annotated[
        str | None,
        typer.Option("--batch", metavar="FILE|-", help="Many jobs, a JSON object a line: all or none."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Submit a script as a job; `-` reads it from standard input.

    The options are sbatch's, and go before FILE.

    Example: conductor submit -c 4 -t 2:00:00 train.sh
    """
    wishes = option.Wishes(
        command="submit", arguments=arguments or [], wrap=wrap, ntasks=ntasks, ntasks_per_node=ntasks_per_node,
        cpus_per_task=cpus_per_task, time_limit=time_limit, job_name=job_name, work_dir=work_dir, memory=memory,
        begin=begin, account=account, priority=priority, nice=nice, requeue=requeue, hold=hold, export=export,
        comment=comment, signal=signal, array=array, dependency=dependency,
        nodelist=nodelist, constraint=constraint, gres=gres, exclusive=exclusive,
        as_sbatch=as_sbatch or (),
    )  # fmt: skip
    telling = Telling(parsable=parsable, wait=wait, as_json=as_json)
    return _submit(wishes, output, error, batch, telling)


def _submit(
    wishes: option.Wishes, output: str | None, error: str | None, batch: str | None, telling: "Telling"
) -> int:
    from conductor.cli.node_names import warn_of_unknown_nodes
    from conductor.cli.screen import Screen
    from conductor.client import connect
    from conductor.settings import child_environment, load_settings

    settings, screen = load_settings(), Screen.open()
    if batch is not None:
        _refuse_beside_batch(wishes, output, error, screen)
        return _submit_batch(batch, settings, screen, telling)
    wanted = option.submission_of(wishes, child_environment(settings), screen)
    stdout = option.slurm_output(wanted, output)
    with connect(settings, channel="cli") as client:
        job = client.submit(replace(wanted, stdout_path=stdout, stderr_path=error))
        warn_of_unknown_nodes(client, wanted, screen)
        return _told(client, [job], job.raw, screen, telling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How what came of it is told."""

    parsable: bool
    wait: bool
    as_json: bool


def _refuse_beside_batch(
    wishes: option.Wishes, output: str | None, error: str | None, screen: "Screen"
) -> None:
    """Options of one job say nothing of many: each has its own."""
    given = {**asdict(wishes), "output": output, "error": error}
    for name in ("command", *(name for name, value in given.items() if not value)):
        del given[name]
    for name, value in given.items():
        typed = value[0] if name in ("arguments", "as_sbatch") else "--" + _TYPED.get(name, name)
        option.refuse(screen, "batch_alone", option=str(typed).replace("_", "-"))


def _submit_batch(path: str, settings: "Settings", screen: "Screen", telling: Telling) -> int:
    from conductor.cli.batch import batch_in, by_lines
    from conductor.client import Refused, connect

    batch = batch_in(path, screen)
    with connect(settings, channel="cli") as client:
        try:
            found = client.submit_batch(batch.submissions)
        except Refused as refused:
            raise by_lines(refused, batch, screen) from None
        return _told(client, found.jobs, found.raw, screen, telling)


def _told(
    client: "Client", jobs: "Sequence[Submitted]", raw: "dict[str, Any]", screen: "Screen", wishes: "Telling"
) -> int:
    """What came of it, and, when wanted, what came of the jobs."""
    for job in jobs:
        screen.warn_all(job.warnings)
    if wishes.parsable:
        for job in jobs:
            print(job.job_id)
        sys.stdout.flush()
    elif not wishes.as_json and len(jobs) == 1:
        screen.say("submitted", job_id=jobs[0].job_id)
    elif not wishes.as_json:
        numbers = [job.job_id for job in jobs]
        screen.say("submitted_batch", count=len(jobs), first=min(numbers), last=max(numbers))
    sys.stdout.flush()
    if not wishes.wait:
        if wishes.as_json:
            screen.json(raw)
        return 0
    return _awaited(client, jobs, raw, screen, as_json=wishes.as_json)


def _awaited(
    client: "Client",
    jobs: "Sequence[Submitted]",
    raw: "dict[str, Any]",
    screen: "Screen",
    *,
    as_json: bool,
) -> int:
    from conductor.cli.awaiting import highest_code, tasks_of, wait_for_all

    try:
        numbers = [
            number
            for job in jobs
            for number in (tasks_of(client, job.job_id) if job.array_tasks is not None else (job.job_id,))
        ]
        ended = wait_for_all(client, numbers, screen)
    except KeyboardInterrupt:
        screen.warn("goes_on", job_id=" ".join(str(job.job_id) for job in jobs[:_NAMED]))
        raise
    code = highest_code(ended)
    if as_json:
        states = dict(Counter(job.state for job in ended))
        screen.json({**raw, "exit_code": code, "jobs_by_state": states})
    return code
