"""`conductor wait`: come back when jobs have ended, with the worst of their codes."""

from conductor.cli.options import JobIds, Json


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
        screen.json({"jobs": [job.raw for job in ended]})
    else:
        tell_ends(ended, screen)
    return highest_code(ended)
