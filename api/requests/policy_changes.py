"""What may be said of the policy over HTTP: its values by their own names, each with the bounds of the core.

Promises: a value that the core would refuse is refused here, by name, with what is possible, in the caller's
language; nothing has changed then.
"""

from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from api.requests.fields import Licences, LongLine, SmallCount, Uuid
from api.requests.submission import STRICT
from api.requests.validation import complaint
from conductor.core import commands as core
from conductor.core.policy import NAMES

_SMALL = 2**31 - 1
_MOST = 10**9

Amount = Annotated[float, Field(ge=0, le=_MOST, allow_inf_nan=False)]
Hours = Annotated[float, Field(ge=0.001, le=_MOST, allow_inf_nan=False)]
Cap = Annotated[int, Field(ge=1, le=_SMALL)]


class PolicyChanges(BaseModel):
    """What is left out stays as it is; null takes away what may be absent."""

    model_config = STRICT

    order: Literal["first_fit", "strict_fifo", "backfill"] = "first_fit"
    node_choice: Literal["least_loaded", "pack", "by_name"] = "least_loaded"
    guard_seconds: Amount | None = None
    aging_per_hour: Amount = 0.0
    fair_share_weight: Amount = 0.0
    half_life_hours: Hours = 1.0
    user_max_cpus: Cap | None = None
    user_max_jobs: Cap | None = None
    licences: Licences = {}

    @model_validator(mode="before")
    @classmethod
    def _names_are_known(cls, given: Any) -> Any:
        for name in given if isinstance(given, dict) else ():
            if name not in NAMES:
                near = get_close_matches(str(name)[:80], NAMES, n=1)
                nearest = near[0] if near else ""
                raise complaint("unknown_policy", field=str(name), known=", ".join(NAMES), nearest=nearest)
        return given

    def given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in NAMES if name in self.model_fields_set}


class PolicyChange(BaseModel):
    """The body of `POST /api/v1/policy`."""

    model_config = STRICT

    changes: PolicyChanges
    reason: LongLine | None = None

    def command(self) -> core.ChangePolicy:
        return core.ChangePolicy(changes=self.changes.given(), reason=self.reason)


class ChangePolicy(BaseModel):
    """The command. `unless_set`: only while nobody has ever changed it."""

    model_config = STRICT

    type: Literal["ChangePolicy"]
    command_id: Uuid | None = None
    expected_version: SmallCount | None = None
    changes: PolicyChanges
    reason: LongLine | None = None
    unless_set: bool = False

    def command(self) -> core.ChangePolicy:
        changes = self.changes.given()
        return core.ChangePolicy(changes=changes, reason=self.reason, unless_set=self.unless_set)
