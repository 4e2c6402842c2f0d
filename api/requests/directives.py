"""What a script's `#SBATCH` lines add to the submission that carries it.

Promises: they fill what the request leaves out, and the request wins; what is wrong with a line is said of the
script and its line; what is ignored is told. A time in a script needs an offset, as in a request: over HTTP
there is no caller whose clock and zone could be meant.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from api.answers.problems import FieldError
from api.answers.texts import PHRASES, Language, say
from conductor.core.made_quickly import made_quickly
from conductor.core.sbatch import MARK, Fault, FaultCode, Filled, Remark, directives_of
from conductor.core.sbatch_options import INSTEAD, OPTIONS
from conductor.core.sbatch_texts import IGNORED

WARNINGS_LISTED = 50

# A field of the request -> the script's fields that it stands for besides its own
_STANDS_FOR: Mapping[str, tuple[str, ...]] = {
    "cpus": ("cpus_per_task", "ntasks_per_node"),
    "begin": ("begin_time",),
}
# Faults that the request's own field would have under another code
_CODES: Mapping[FaultCode, str] = {
    FaultCode.SEVERAL_NODES: "unsupported",
    FaultCode.EXCLUSIVE_KIND: "unsupported",
    FaultCode.TRUNCATED: "unsupported",
    FaultCode.MORE_TASKS: "contradiction",
}


@made_quickly
@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A submission with what its script says; `value` is not checked yet."""

    value: Any
    filled: Mapping[str, Filled] = field(default_factory=dict)
    faults: Sequence[Fault] = ()
    remarks: Sequence[Remark] = ()

    def errors(self, path: str, found: Sequence[FieldError] = ()) -> list[FieldError]:
        """`found`, with those that a line caused said of that line, and the faults of the lines, in their order."""
        script = f"{path}.script" if path else "script"
        errors = [self._placed(error, path, script) for error in found]
        errors += [_of_fault(fault, script) for fault in self.faults]
        return sorted(errors, key=lambda error: error.place[0] if error.place else 0)

    def _placed(self, error: FieldError, path: str, script: str) -> FieldError:
        name = re.match(r"\w*", error.field.removeprefix(path).removeprefix("."))
        one = self.filled.get(name[0]) if name else None
        return replace(error, field=script, place=(one.line, one.option)) if one else error


def completed(value: Any) -> Completed:
    """A submission as it came, with what its script's own lines say where it says nothing."""
    script = value.get("script") if isinstance(value, dict) else None
    if not isinstance(script, str) or MARK not in script:
        return Completed(value=value)
    said = directives_of(script)
    given = {name for name, one in value.items() if one is not None}
    given |= {other for name in given for other in _STANDS_FOR.get(name, ())}
    filled = {name: one for name, one in said.fields.items() if name not in given}
    return Completed(
        value={**value, **{name: one.value for name, one in filled.items()}},
        filled=filled,
        faults=[fault for fault in said.faults if fault.field not in given],
        remarks=[remark for remark in said.remarks if remark.field not in given],
    )


def warnings_of(remarks: Sequence[Remark], language: Language) -> list[str]:
    """A sentence for each line that is ignored."""
    return [
        say(
            PHRASES,
            "ignored",
            language,
            line=remark.line,
            option=remark.option,
            why=say(IGNORED, remark.code, language),
        )
        for remark in remarks[:WARNINGS_LISTED]
    ]


def _of_fault(fault: Fault, script: str) -> FieldError:
    values = {"nearest": _nearest(fault.option)} if fault.code is FaultCode.UNKNOWN else {}
    instead = INSTEAD.get(fault.option.removeprefix("--")) if fault.code is FaultCode.UNSUPPORTED else None
    if instead is not None:
        values = {"instead": instead}
    return FieldError(
        field=script,
        code=_CODES.get(fault.code, fault.code),
        said="use_instead" if instead is not None else fault.code,
        values=values,
        place=(fault.line, fault.option),
    )


def _nearest(option: str) -> str:
    near = difflib.get_close_matches(option.removeprefix("--"), OPTIONS, n=1)
    return f"--{near[0]}" if near else ""
