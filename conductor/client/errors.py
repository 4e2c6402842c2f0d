"""What can go wrong between a client and the server.

ClientError
  Unreachable        nobody answers there, or the connection was lost more often than we retry
  Refused            the server answered with a problem document: its sentences are kept as they came
  UnexpectedAnswer   something answered that does not speak this API
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conductor.core.errors import ConductorError

# Why no answer came, as `Unreachable.cause` says it, in Chinese.
CAUSES: Mapping[str, str] = {
    "nothing listens there": "该地址没有服务在监听",
    "no host of that name is known": "找不到该主机名",
    "the connection was not taken up in time": "连接未能及时建立",
    "the answer did not come in time": "未能及时收到应答",
}


def cause_in(cause: str, language: str) -> str:
    """In that language, where we know it; else as it is."""
    return CAUSES.get(cause, cause) if language == "zh" else cause


class ClientError(ConductorError):
    """A request that came to nothing."""


class Unreachable(ClientError):
    """No answer came from the server."""

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(f"no answer from {url}: {cause}")
        self.url = url
        self.cause = cause


class UnexpectedAnswer(ClientError):
    """The answer is not one that this API gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """What is wrong with one field of a request."""

    field: str
    code: str
    message: str

    def sentence(self) -> str:
        """It with the field's name, whose colon is as wide as the sentence's characters are."""
        if self.field.lower() in self.message.lower():
            return self.message
        return self.field + ("：" if "\u4e00" <= self.message[:1] <= "\u9fff" else ": ") + self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem document (RFC 9457). `type` and `code` are stable; `title` and `detail` are for people.

    `raw` is the document as it came, with what only some problems tell (`state`, `version`, `offset`).
    """

    status: int
    type: str = "about:blank"
    title: str = ""
    detail: str = ""
    errors: tuple[FieldError, ...] = ()
    retry_after_seconds: float | None = None
    code: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def sentences(self) -> list[str]:
        """What happened and what to do, one a line: of each wrong field, else of the whole."""
        if self.errors:
            return [one.sentence() for one in self.errors]
        return [self.detail or self.title or f"HTTP status {self.status}"]


class Refused(ClientError):
    """The server understood and said no."""

    def __init__(self, problem: Problem) -> None:
        super().__init__("; ".join(problem.sentences()))
        self.problem = problem

    @property
    def status(self) -> int:
        return self.problem.status

    @property
    def code(self) -> str:
        """The stable name of what is wrong: `wrong_state`, `version_conflict`, `not_found`, `invalid`."""
        return self.problem.code

    @property
    def errors(self) -> tuple[FieldError, ...]:
        return self.problem.errors

    @property
    def retry_after_seconds(self) -> float | None:
        return self.problem.retry_after_seconds
