"""What is said while a command waits, follows or watches. Part of the catalogue in `texts`, under the same promises."""

from collections.abc import Mapping

TEXTS_OF_WAITING: Mapping[str, tuple[str, str]] = {
    # jobs --watch
    "watch_alone": (
        "--watch shows what is now, as far as the screen goes; leave --json, --wide and --as-of out",
        "--watch 只在屏幕范围内显示当前状态；请去掉 --json、--wide 和 --as-of",
    ),
    "watch_no_terminal": (
        "--watch needs a terminal; in a pipe, ask again and again: `conductor jobs --json`",
        "--watch 需要终端；在管道中请反复查询：`conductor jobs --json`",
    ),
    "watch_asking": ("Asking ...", "正在查询 ……"),
    "watch_cpus": ("{used} of {total} CPUs in use", "CPU 已用 {used}/{total}"),
    "watch_no_jobs": ("No jobs yet.", "还没有作业。"),
    "watch_away": ("The server does not answer; this is of {at}.", "服务器没有应答；以上为 {at} 的状态。"),
    "watch_more": ("More jobs than lines.", "作业多于屏幕行数。"),
    "watch_keys": ("q ends", "按 q 结束"),
}  # fmt: skip
