"""The commands, all on one screen, and `main`.

Promises: `conductor --help` and the client commands start fast: a command imports what it needs when it runs,
never at the top (typer alone takes a twentieth of a second, httpx or psycopg a tenth each).
"""

from collections.abc import Callable

import typer

from conductor.cli import cluster, jobs, logs, nodes, replay, run, services, submit, token
from conductor.cli.exits import EXIT_CODES, OWN_FAILURE, answering

HELP = f"""Run batch scripts on a set of machines, and prove what happened.

Start with `conductor up`; then `conductor submit FILE`, or `conductor run FILE` to see the output at once.

{EXIT_CODES}
"""

JOBS, CLUSTER, PROOF, SYSTEM = "Jobs", "Cluster", "Log and proof", "System"

# An option of sbatch's that is not ours must reach the sentence that refuses it; options end at FILE, as sbatch's do.
SBATCH = {"ignore_unknown_options": True, "allow_interspersed_args": False}
PSQL = {"ignore_unknown_options": True, "allow_interspersed_args": False}
# A negative number is an argument, not an option.
NUMBERS = {"ignore_unknown_options": True}

COMMANDS: tuple[tuple[str, str, Callable[..., int | None], dict[str, bool]], ...] = (
    (JOBS, "submit", submit.submit, SBATCH),
    (JOBS, "run", run.run, SBATCH),
    (JOBS, "jobs", jobs.jobs, {}),
    (JOBS, "job", jobs.job, {}),
    (JOBS, "logs", logs.logs, {}),
    (JOBS, "cancel", jobs.cancel, {}),
    (JOBS, "hold", jobs.hold, {}),
    (JOBS, "unhold", jobs.unhold, {}),
    (JOBS, "requeue", jobs.requeue, {}),
    (JOBS, "reprioritize", jobs.reprioritize, NUMBERS),
    (CLUSTER, "nodes", nodes.nodes, {}),
    (CLUSTER, "node", nodes.node, {}),
    (CLUSTER, "drain", nodes.drain, {}),
    (CLUSTER, "resume", nodes.resume, {}),
    (CLUSTER, "stats", cluster.stats, {}),
    (PROOF, "events", cluster.events, {}),
    (SYSTEM, "up", services.up, {}),
    (SYSTEM, "api", services.api, {}),
    (SYSTEM, "scheduler", services.scheduler, {}),
    (SYSTEM, "executor", services.executor, {}),
    (SYSTEM, "supervisor", services.supervisor, {}),
    (SYSTEM, "migrate", services.migrate, {}),
    (SYSTEM, "psql", services.psql, PSQL),
    (SYSTEM, "db-url", services.db_url, {}),
)
# Every code of `run` but its own belongs to the job.
FAILURE_OF = {"run": OWN_FAILURE}


def build() -> typer.Typer:
    """The application, from the table above."""
    options = {"add_completion": False, "pretty_exceptions_enable": False, "no_args_is_help": True, "rich_markup_mode": None}
    names = {"help_option_names": ["-h", "--help"]}
    built = typer.Typer(name="conductor", help=HELP, context_settings=names, **options)  # type: ignore[arg-type]
    built.callback()(_options)
    for panel, name, command, context in COMMANDS:
        settings = {**names, **context}
        built.command(name, rich_help_panel=panel, context_settings=settings)(
            answering(command, failure=FAILURE_OF.get(name))
        )
    proof = typer.Typer(help="Prove the tables by the log.", no_args_is_help=True)
    proof.command("verify", context_settings=names)(answering(replay.verify))
    proof.callback()(_nothing)
    built.add_typer(proof, name="replay", rich_help_panel=PROOF)
    tokens = typer.Typer(help="The API's bearer token.", no_args_is_help=True)
    tokens.command("show", context_settings=names)(answering(token.show))
    tokens.callback()(_nothing)
    built.add_typer(tokens, name="token", rich_help_panel=SYSTEM)
    return built


def _nothing() -> None:
    """Keeps a group of one command a group."""


def _options(
    version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True),
) -> None:
    if version:
        from conductor import __version__

        print(f"conductor {__version__}")
        raise typer.Exit


app = build()


def main() -> None:
    """The `conductor` command."""
    app()
