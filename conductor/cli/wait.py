"""`conductor wait`: come back when jobs have ended, with the worst of their codes."""

from typing import TYPE_CHECKING, Any

from conductor.cli.options import JobIds, Json

if TYPE_CHECKING:
    from conductor.client import Job


def wait(job_ids: JobIds, as_json: Json = False) -> int:
    """Wait until all these jobs have ended; end with their code, of several with the highest.

    An array's number stands for all its tasks. On a terminal a bar shows how far they are.

    Example: conductor wait 42 43_[1-5]
    """
    from conductor.cli.awaiting import highest_code, jobs_named, tell_ends, wait_for_all
    from conductor.cli.screen import Screen
    from conductor.client import connect

    screen = Screen.open()
    with connect(channel="cli") as client:
        ended = wait_for_all(client, jobs_named(client, job_ids, screen), screen)
    if as_json:
        screen.json({"jobs": [_document(job) for job in ended], "exit_code": highest_code(ended)})
    else:
        tell_ends(ended, screen)
    return highest_code(ended)


def _document(job: "Job") -> dict[str, Any]:
    names = ("id", "name", "state", "reason", "exit_code", "exit_signal", "array_job_id", "array_task_id")
    return {name: getattr(job, name) for name in names}
