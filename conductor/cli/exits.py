"""How a command ends: its exit code, and one sentence with a next step when it failed.

Promises: no traceback for anything that a user or a server can cause; `run` ends with the job's own code.
"""

import errno
import functools
import re
import sys
import traceback
from collections.abc import Callable
from typing import Any

import typer

from conductor.cli.streams import swallow
from conductor.core.errors import ConductorError
from conductor.core.said import sentence_of

FAILED = 1
USAGE = 2
UNREACHABLE = 69  # EX_UNAVAILABLE of sysexits.h
OWN_FAILURE = 125
INTERRUPTED = 130
BROKEN_PIPE = 141

# How long a server may be away before a command stops waiting for a job (which goes on without it).
AWAY_SECONDS = 300.0

# What a full disk, or a device that is no more, says to whoever writes; files of ours tell their own name.
_CANNOT_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}

_CODE_OF_STATE = {"COMPLETED": 0, "CANCELLED": 130, "TIMEOUT": 124, "NODE_FAIL": 75, "OUT_OF_MEMORY": 137}

EXIT_CODES = (
    "Exit codes: 0 done; 1 refused or failed; 2 wrong usage; 69 no server answers; 130 interrupted. "
    "`audit`, `doctor`, `replay verify` and `replay rebuild` end with 1 when something is wrong, with 125 when they "
    "could not look. "
    "`run`, `wait` and `submit --wait` end with the job's own code (of several the highest): 128 + signal; "
    "TIMEOUT 124, CANCELLED 130, "
    "NODE_FAIL 75, OUT_OF_MEMORY 137; 125 when the job could not be started or followed."
)


class WrongUsage(ConductorError):
    """An option or argument cannot be used as it was given; the text says why."""


def code_of_job(state: str, exit_code: int | None, exit_signal: int | None) -> int:
    """What a shell would have said, had it run the script itself."""
    if state in _CODE_OF_STATE:
        return _CODE_OF_STATE[state]
    if exit_signal is not None:
        return 128 + exit_signal
    # A job that could not be started has neither: that is a failure of ours, not of the script's.
    return OWN_FAILURE if exit_code is None else exit_code


def answering(
    command: Callable[..., int | None], *, failure: int | None = None, failed: int = FAILED
) -> Callable[..., None]:
    """The command, ending the process with its code and turning errors into sentences.

    `failure` is the code of every error, for a command whose other codes belong to a job; `failed` that of one that
    is neither wrong usage nor an absent server, for a command whose 1 is an answer.
    """

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            code = command(*args, **kwargs) or 0
            sys.stdout.flush()
        except ConductorError as error:
            code = explain(error, failed)
            code = code if failure is None else failure
        except KeyboardInterrupt:
            code = INTERRUPTED
        except BrokenPipeError:
            # Whoever read our output (`head`, a pager) has enough: nothing to say, and nowhere to say it.
            swallow(sys.stdout)
            code = BROKEN_PIPE
        except OSError as error:
            if error.errno not in _CANNOT_WRITE:
                raise
            swallow(sys.stdout)
            code = failed if failure is None else failure
            _tell_lost_output(error)
        except Exception:
            if failed == FAILED:
                raise
            traceback.print_exc()  # a fault of ours, which must not look like an answer
            code = failed
        raise typer.Exit(code)

    return run


def _tell_lost_output(error: OSError) -> None:
    from conductor.cli.screen import Screen
    from conductor.cli.system_errors import told

    screen = Screen.open()
    screen.warn("output_lost", why=told(error, screen))


def explain(error: ConductorError, failed: int = FAILED) -> int:
    """Say what happened and what to do next, on stderr; gives the exit code, `failed` when there is none better."""
    # Imported here: the client brings httpx, a tenth of a second that `--help` need not wait for.
    from conductor.cli.screen import Screen
    from conductor.client.errors import Refused, Unreachable, cause_in
    from conductor.evidence_texts import EvidenceError

    screen = Screen.open()
    match error:
        case WrongUsage():
            screen.warn("error", what=str(error))
            return USAGE
        case EvidenceError():
            screen.warn("error", what=error.sentence(screen.language))
        case Unreachable():
            screen.warn("unreachable", url=error.url, cause=cause_in(error.cause, screen.language))
            return UNREACHABLE
        case Refused() if error.status == 401 and error.problem.type.endswith("unauthorized"):
            screen.warn("unauthorized")
        case Refused():
            first, *others = map(_as_typed, error.problem.sentences())
            screen.warn("error", what=first)
            for other in others:
                screen.note(f"  {other}")
        case _:
            screen.warn("error", what=sentence_of(error, screen.language))
    return failed


def _as_typed(sentence: str) -> str:
    """Fields by the names of the options that they come from, and nothing of JSON."""
    sentence = re.sub(r", without quotes\b|，且不带引号", "", re.sub(r"\bas_of\b", "--as-of", sentence))
    return re.sub(r"\bchanges\.(?=\w)", "", sentence)
