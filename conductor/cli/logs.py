"""`conductor logs`: what a job wrote."""

from typing import Annotated

import typer

from conductor.cli.options import JobId, Raw


def logs(
    job_id: JobId,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the job ends.")] = False,
    stderr: Annotated[bool, typer.Option("--stderr", help="What it wrote to standard error.")] = False,
    raw: Raw = False,
) -> None:
    """Print a job's output; on a terminal, control characters are made visible.

    Example: conductor logs -f 42
    """
    from conductor.cli.exits import AWAY_SECONDS
    from conductor.cli.following import Follower, Sheet, copy
    from conductor.cli.screen import Screen
    from conductor.client import connect
    from conductor.client.client import Stream

    screen = Screen.open()
    stream: Stream = "stderr" if stderr else "stdout"
    # Asked for by name, so it goes where pipes and pagers read.
    sheet = Sheet(raw=raw)
    with connect(channel="cli") as client:
        try:
            if not follow:
                copy(client, job_id, stream, lambda data: sheet.write("stdout", data), follow=False)
                return
            job = client.job(job_id)
            if job.state in ("PENDING", "RESERVED") and screen.err_is_terminal:
                why = f" ({job.reason})" if job.reason else ""
                screen.warn("logs_wait", job_id=job.called, state=job.state, why=why)
            follower = Follower(client, job_id, stream, lambda data: sheet.write("stdout", data))
            follower.start()
            client.wait(job_id, patience_seconds=AWAY_SECONDS)
            follower.finish(5.0)
        finally:
            sheet.finish()
