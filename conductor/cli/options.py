"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from conductor.cli import completion


def job_name(text: str) -> str:
    """`42`, `42_7` or `42_[1-5]`; the server knows whether there is one."""
    from conductor.core.selections import selected

    if selected(text) is None:
        raise typer.BadParameter(f"{text!r} is no job: 42, a task of an array as 42_7, some as 42_[1-5].")
    return text


# Arguments are named by the usage line and explained by the command's own text.
JobIds = Annotated[
    list[str],
    typer.Argument(metavar="ID", parser=job_name, hidden=True, autocompletion=completion.job_ids),
]
JobId = Annotated[
    str, typer.Argument(metavar="ID", parser=job_name, hidden=True, autocompletion=completion.all_job_ids)
]
NodeName = Annotated[str, typer.Argument(metavar="NAME", hidden=True, autocompletion=completion.node_names)]
Json = Annotated[bool, typer.Option("--json", help="Print the API's JSON.")]
Wide = Annotated[bool, typer.Option("--wide", help="Cut nothing, however wide it gets.")]
Raw = Annotated[bool, typer.Option("--raw", help="On a terminal, do not make control characters visible.")]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Kept in the log.")]
CaseFilePath = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="From a case file of `conductor export`, with no server."),
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="POSITION|TIME", help="As it stood then, by the log.")
]
