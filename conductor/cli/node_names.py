"""Names of nodes that nobody has registered, in what a job asks for: told, because one that is there hides them."""

from typing import TYPE_CHECKING

from conductor.core.misspelt import Misspelt
from conductor.core.resource_texts import parsed_nodes
from conductor.core.sbatch import directives_of

if TYPE_CHECKING:
    from conductor.cli.screen import Screen
    from conductor.client import Client, Submission


def warn_of_unknown_nodes(client: "Client", wanted: "Submission", screen: "Screen") -> None:
    """Of a job that was accepted. Costs a request, and only where nodes are named."""
    line = directives_of(wanted.script).fields.get("nodelist")
    named = wanted.nodelist if wanted.nodelist is not None else line.value if line is not None else None
    if not isinstance(named, str):
        return
    try:
        names = parsed_nodes(named)
    except Misspelt:
        return  # the server has said so by now
    known = {node.name for node in client.nodes().nodes}
    unknown = [name for name in names if name not in known]
    if unknown and known:
        screen.warn("warning", what=screen.text("unknown_nodes", names=", ".join(unknown[:5])))
