"""What the operators' small tools in `scripts/` have in common: options, a client, and three exit codes.

Promises: 0 fine, 1 findings, 2 could not look (no server, wrong settings, wrong usage); never a traceback for what a
server can cause.
"""

import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable

from conductor.cli.exits import BROKEN_PIPE, INTERRUPTED, explain
from conductor.cli.screen import Screen
from conductor.client import Client, connect
from conductor.core.errors import ConductorError

FINE, FINDINGS, NOT_REACHABLE = 0, 1, 2

Look = Callable[[Client, Namespace, Screen], int]


def options(name: str, purpose: str) -> ArgumentParser:
    parser = ArgumentParser(
        prog=name,
        description=f"{purpose}\nExit codes: 0 fine, 1 findings, 2 not reachable.",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def run(look: Look, parser: ArgumentParser) -> int:
    """Parse, look, and give the exit code."""
    arguments = parser.parse_args()
    try:
        with connect(channel="cli") as client:
            code = look(client, arguments, Screen.open())
        sys.stdout.flush()
    except ConductorError as error:
        explain(error)
        return NOT_REACHABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return code
