"""`conductor submit`: a script becomes a job."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from conductor.cli import submission as option
from conductor.cli.sbatch_words import AsSbatch

if TYPE_CHECKING:
    from conductor.client import Client, Job, Submitted


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
) -> int:
    """Submit a script as a job; `-` reads it from standard input.

    The options are sbatch's, and go before FILE.

    Example: conductor submit -c 4 -t 2:00:00 train.sh
    """
    from conductor.cli.screen import Screen
    from conductor.client import connect
    from conductor.settings import child_environment, load_settings

    settings, screen = load_settings(), Screen.open()
    wishes = option.Wishes(
        command="submit", arguments=arguments or [], wrap=wrap, ntasks=ntasks, ntasks_per_node=ntasks_per_node,
        cpus_per_task=cpus_per_task, time_limit=time_limit, job_name=job_name, work_dir=work_dir, memory=memory,
        begin=begin, account=account, priority=priority, nice=nice, requeue=requeue, hold=hold, export=export,
        comment=comment, signal=signal, array=array, dependency=dependency,
        nodelist=nodelist, constraint=constraint, gres=gres, exclusive=exclusive,
        as_sbatch=as_sbatch or (),
    )  # fmt: skip
    wanted = option.submission_of(wishes, child_environment(settings), screen)
    stdout = option.slurm_output(wanted, output)
    with connect(settings, channel="cli") as client:
        job = client.submit(replace(wanted, stdout_path=stdout, stderr_path=error))
        screen.warn_all(job.warnings)
        if parsable:
            print(job.job_id, flush=True)
        else:
            screen.say("submitted", job_id=job.job_id)
        return _highest_code(client, job) if wait else 0


def _highest_code(client: "Client", job: "Submitted") -> int:
    """Once it has ended; of an array, as sbatch has it, once all tasks have."""
    from conductor.cli.exits import AWAY_SECONDS, code_of_job

    if job.array_tasks is None:
        ended: Sequence[Job] = [client.wait(job.job_id, patience_seconds=AWAY_SECONDS)]
    else:
        ended = client.wait_array(job.job_id, patience_seconds=AWAY_SECONDS)
    return max(code_of_job(one.state, one.exit_code, one.exit_signal) for one in ended)
