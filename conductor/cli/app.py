"""The commands, all on one screen, and `main`.

Promises: `conductor --help` and the client commands start fast: a command imports what it needs when it runs,
never at the top (typer alone takes a twentieth of a second, httpx or psycopg a tenth each).
"""

from collections.abc import Callable

import typer

from conductor.cli import (
    as_of,
    audit,
    cluster,
    completion,
    doctor,
    evidence,
    import_scns,
    jobs,
    logs,
    nodes,
    pids,
    policy,
    repair,
    replay,
    run,
    services,
    submit,
    token,
    wait,
    whatif,
    why,
)
from conductor.cli.exits import EXIT_CODES, FAILED, OWN_FAILURE, answering
from conductor.cli.sbatch_words import SbatchCommand
from conductor.cli.streams import make_usable
from conductor.cli.usage import SentenceCommand, SentenceGroup

HELP = f"""Run batch scripts on a set of machines, and prove what happened.

Start with `conductor up`; then `conductor submit FILE`, or `conductor run FILE` to see the output at once.

{EXIT_CODES}
"""

# An option of sbatch's that is not ours must reach the sentence that refuses it; options end at FILE, as there.
SBATCH = {"ignore_unknown_options": True, "allow_interspersed_args": False}
# psql's options are not ours to judge.
PSQL = SBATCH
# A negative number is an argument, not an option.
NUMBERS = {"ignore_unknown_options": True}

# name, one line in the list, what it does, how its arguments are read
COMMANDS: tuple[tuple[str, str, Callable[..., int | None], dict[str, bool]], ...] = (
    ("submit", "Submit a script as a job.", submit.submit, SBATCH),
    ("run", "Submit, show the output as it comes, end with its code.", run.run, SBATCH),
    ("jobs", "List jobs.", jobs.jobs, {}),
    ("job", "Show everything about one job.", jobs.job, {}),
    ("why", "Say why a job waits, and what would help.", why.why, {}),
    ("logs", "Print what a job wrote.", logs.logs, {}),
    ("wait", "Wait until jobs have ended, with their code.", wait.wait, {}),
    ("cancel", "Cancel jobs.", jobs.cancel, {}),
    ("hold", "Keep jobs from starting.", jobs.hold, {}),
    ("unhold", "Let held jobs run.", jobs.unhold, {}),
    ("requeue", "Put jobs back into the queue.", jobs.requeue, {}),
    ("reprioritize", "Give waiting jobs another priority.", jobs.reprioritize, NUMBERS),
    ("nodes", "List nodes and what is free on them.", nodes.nodes, {}),
    ("node", "Show one node.", nodes.node, {}),
    ("drain", "Place nothing more on a node.", nodes.drain, {}),
    ("resume", "Let a drained node take jobs again.", nodes.resume, {}),
    ("policy", "Show or change how the queue is worked through.", policy.policy, NUMBERS),
    ("stats", "CPUs in use, jobs by state.", cluster.stats, {}),
    ("events", "Read the log.", cluster.events, {}),
    ("pids", "Which job ran as a PID, and by whose commands.", pids.pids, {}),
    ("audit", "Say what is wrong, and what mends it.", audit.audit, {}),
    ("doctor", "Say what is wrong with this installation.", doctor.doctor, {}),
    ("repair", "Mend what the audit found.", repair.repair, {}),
    ("checkpoint", "Sign what the log says now, to be kept elsewhere.", evidence.checkpoint, {}),
    ("export", "Write a case file: events that can be checked anywhere.", evidence.export, {}),
    ("import-scns", "Take in the jobs of an SCNS-Conductor database.", import_scns.import_scns, {}),
    ("whatif", "Replay in simulated time: another policy, other nodes.", whatif.whatif, {}),
    ("up", "Run the whole system on this machine.", services.up, {}),
    ("api", "Serve the HTTP API.", services.api, {}),
    ("scheduler", "Place jobs on nodes.", services.scheduler, {}),
    ("executor", "Run this node's jobs.", services.executor, {}),
    ("supervisor", "Be the parent of this node's jobs.", services.supervisor, {}),
    ("migrate", "Bring the database to this release's schema.", services.migrate, {}),
    ("psql", "Open psql on the database.", services.psql, PSQL),
    ("db-url", "Print the database's URL.", services.db_url, {}),
    ("completion", "Print what teaches a shell to complete.", completion.completion, {}),
)
# name, one line in the list, its commands
GROUPS: tuple[tuple[str, str, tuple[tuple[str, str, Callable[..., int | None]], ...]], ...] = (
    (
        "replay",
        "Prove the tables by the log, mend them by it, look back in it.",
        (
            ("verify", "Fold the log and compare every row.", replay.verify),
            ("rebuild", "Make the rows that differ anew.", replay.rebuild),
            ("as-of", "Show everything as it stood.", as_of.as_of),
        ),
    ),
    (
        "token",
        "The API's bearer tokens: whose, and in which role.",
        (
            ("create", "Make one, and print its secret once.", token.create),
            ("list", "List them.", token.tokens),
            ("revoke", "Let nobody in with it any more.", token.revoke),
            ("show", "Print that of this home.", token.show),
        ),
    ),
)
# Every code of these but their own belongs to a job.
FAILURE_OF = {"run": OWN_FAILURE, "wait": OWN_FAILURE}
# Their 1 is an answer, something is wrong; that they could not look is another code, for a monitor to tell.
FAILED_OF = {"audit": OWN_FAILURE, "doctor": OWN_FAILURE, "verify": OWN_FAILURE, "rebuild": OWN_FAILURE}


def build() -> typer.Typer:
    """The application, from the table above."""
    names = {"help_option_names": ["-h", "--help"]}
    built = _group(HELP, _options, completes=True)
    for name, line, command, reading in COMMANDS:
        kind = SbatchCommand if name in ("submit", "run") else SentenceCommand
        settings = {**names, **reading}
        built.command(name, cls=kind, short_help=line, context_settings=settings)(_ending(name, command))
    for group, purpose, commands in GROUPS:
        inner = _group(purpose, _nothing)
        for name, line, command in commands:
            ending = _ending(name, command)
            inner.command(name, cls=SentenceCommand, short_help=line, context_settings=names)(ending)
        built.add_typer(inner, name=group, short_help=purpose)
    return built


def _ending(name: str, command: Callable[..., int | None]) -> Callable[..., None]:
    return answering(command, failure=FAILURE_OF.get(name), failed=FAILED_OF.get(name, FAILED))


def _group(help_text: str, options: Callable[..., None], *, completes: bool = False) -> typer.Typer:
    # Plain help: its boxes would take a quarter of 80 columns. Errors are ours to tell, never a traceback's.
    group = typer.Typer(
        cls=SentenceGroup,
        help=help_text,
        context_settings={"help_option_names": ["-h", "--help"]},
        add_completion=completes,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.callback()(options)
    return group


def _nothing() -> None:
    """A group of one command stays a group."""


def _print_version(wanted: bool) -> None:
    if wanted:
        from conductor import __version__

        print(f"conductor {__version__}")
        raise typer.Exit


def _options(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", is_eager=True, callback=_print_version
    ),
) -> None:
    """What comes before the command."""


app = build()


def main() -> None:
    """The `conductor` command."""
    make_usable()
    app(prog_name="conductor")
