"""What `up` says, in the languages it speaks.

Promises: one text for each occasion and language. Refuses to know: when it is said.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """One language."""

    starting: str
    stopping: str
    stopped: str
    second_cancels: str
    no_token: str
    ready: Callable[[str, str, str], str]
    jobs_go_on: Callable[[int, str], str]
    cancelling: Callable[[int], str]


def texts_of(lang: Literal["en", "zh"]) -> Texts:
    """The texts of that language."""
    return _ZH if lang == "zh" else _EN


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


_EN = Texts(
    starting="Starting Conductor ...",
    stopping="Stopping ...",
    stopped="Stopped.",
    second_cancels="Ctrl-C again cancels them.",
    no_token="Warning: CONDUCTOR_API_AUTH=off: every user of this machine may submit and cancel jobs.",  # noqa: S106
    ready=lambda url, home, submit: (
        f"Conductor is ready at {url}\n"
        f"Data is kept in {home}\n"
        f"Next, in another terminal: {submit}\n"
        "Ctrl-C stops it; running jobs go on."
    ),
    jobs_go_on=lambda count, command: (
        f"{_jobs(count)} keep{'s' if count == 1 else ''} running; `{command} up` resumes"
    ),
    cancelling=lambda count: f"Cancelling {_jobs(count)} ...",
)

_ZH = Texts(
    starting="正在启动 Conductor ……",
    stopping="正在停止 ……",
    stopped="已停止。",
    second_cancels="再按一次 Ctrl-C 将取消这些作业。",
    no_token="警告：CONDUCTOR_API_AUTH=off，本机所有用户都可以提交和取消作业。",  # noqa: S106
    ready=lambda url, home, submit: (
        f"Conductor 已就绪：{url}\n"
        f"数据目录：{home}\n"
        f"下一步，在另一个终端输入：{submit}\n"
        "按 Ctrl-C 停止；运行中的作业会继续。"
    ),
    jobs_go_on=lambda count, command: f"{count} 个作业继续运行；`{command} up` 可恢复",
    cancelling=lambda count: f"正在取消 {count} 个作业 ……",
)
