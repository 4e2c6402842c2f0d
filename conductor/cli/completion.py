"""What a shell may offer after Tab, and the lines that teach it to ask.

Promises: whatever goes wrong, nothing is said and nothing is offered; a server is waited for two seconds at most.
"""

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from conductor.client import Client

_PATIENCE_SECONDS = 2.0
_OFFERED = 100  # jobs, the newest first

SCRIPTS = {
    "bash": r"""_conductor_completion() {
    local IFS=$'\n'
    COMPREPLY=( $( env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \
                   _CONDUCTOR_COMPLETE=complete_bash "$1" 2>/dev/null ) )
}
complete -o default -F _conductor_completion conductor""",
    "zsh": r"""#compdef conductor
_conductor_completion() {
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _CONDUCTOR_COMPLETE=complete_zsh conductor 2>/dev/null)
}
compdef _conductor_completion conductor""",
    "fish": "complete --command conductor --no-files"
    ' --arguments "(env _CONDUCTOR_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args'
    ' _TYPER_COMPLETE_ARGS=(commandline -cp) conductor 2>/dev/null)"'
    ' --condition "env _CONDUCTOR_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=is-args'
    ' _TYPER_COMPLETE_ARGS=(commandline -cp) conductor 2>/dev/null"',
}


def completion(
    shell: Annotated[str, typer.Argument(metavar="SHELL", hidden=True, autocompletion=lambda: [*SCRIPTS])],
) -> None:
    """Print what teaches bash, zsh or fish to complete conductor's words.

    For good: put the line into ~/.bashrc or ~/.zshrc; for fish: conductor
    completion fish > ~/.config/fish/completions/conductor.fish

    Example: source <(conductor completion bash)
    """
    from conductor.cli.screen import Screen
    from conductor.cli.submission import refuse

    if shell not in SCRIPTS:
        refuse(Screen.open(), "unknown_shell", shell=shell, known=", ".join(SCRIPTS))
    print(SCRIPTS[shell])


def states(incomplete: str) -> list[str]:
    """Several go with commas between."""
    from conductor.core.job import JobState

    done, comma, begun = incomplete.rpartition(",")
    names = [str(state).lower() if begun and begun.islower() else str(state) for state in JobState]
    return _begun([f"{done}{comma}{name}" for name in names], incomplete)


def job_ids(incomplete: str) -> list[str]:
    """Those that wait or run; of an array, as one."""

    def ask(client: "Client") -> Iterable[str]:
        from conductor.client import ACTIVE_STATES

        for job in client.jobs(states=ACTIVE_STATES, limit=_OFFERED, fold="array").jobs:
            yield str(job.array_job_id) if job.folded_task_ids is not None else job.called

    return _begun(_asked(ask), incomplete)


def all_job_ids(incomplete: str) -> list[str]:
    return _begun(_asked(lambda client: (job.called for job in client.jobs(limit=_OFFERED).jobs)), incomplete)


def node_names(incomplete: str) -> list[str]:
    return _begun(_asked(lambda client: (node.name for node in client.nodes().nodes)), incomplete)


def policy_changes(incomplete: str) -> list[str]:
    """NAME=, and values where there are few."""
    from typing import get_args, get_type_hints

    from conductor.core.events import Policy

    kinds = get_type_hints(Policy)
    words = (
        f"{name}={value}"
        for name, kind in kinds.items()
        for value in get_args(kind)
        if isinstance(value, str)
    )
    return _begun([*(f"{name}=" for name in kinds), *words], incomplete)


def _begun(words: Iterable[str], incomplete: str) -> list[str]:
    return list(dict.fromkeys(word for word in words if word.startswith(incomplete)))


def _asked(ask: "Callable[[Client], Iterable[str]]") -> list[str]:
    """What the server offers, if it answers at once."""
    import conductor.client  # noqa: F401 (what loading it takes is not the server's time)

    found: list[str] = []
    asking = threading.Thread(target=_ask, args=(ask, found), daemon=True)
    asking.start()
    asking.join(_PATIENCE_SECONDS)
    return list(found)


def _ask(ask: "Callable[[Client], Iterable[str]]", found: list[str]) -> None:
    from conductor.core.errors import ConductorError

    try:
        from conductor.client import connect

        with connect(channel="cli") as client:
            found += ask(client)
    except (ConductorError, OSError):
        return  # a shell that waits for words is no place for sentences
