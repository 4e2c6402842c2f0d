"""What is said of nodes. Part of the catalogue in `texts`, under the same promises."""

from collections.abc import Mapping

TEXTS_OF_THE_NODES: Mapping[str, tuple[str, str]] = {
    "silent_for": ("silent for {time}", "已失联 {time}"),
    "never_heard": ("not heard from yet", "尚未收到消息"),
    "silent_and": ("{silence} ({state}: {reason})", "{silence}（{state}：{reason}）"),
}
