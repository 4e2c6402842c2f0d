"""What is said of nodes. Part of the catalogue in `texts`, under the same promises."""

from collections.abc import Mapping

TEXTS_OF_THE_NODES: Mapping[str, tuple[str, str]] = {
    "silent_for": ("silent for {time}", "已失联 {time}"),
    "never_heard": ("not heard from yet", "尚未收到消息"),
    "state_silent": ("{state}, {silence}", "{state}，{silence}"),
    "silent_and": ("{silence} ({state}: {reason})", "{silence}（{state}：{reason}）"),
    "drained_for": (
        "It was drained before, and its reason stays: {reason}. Another one: --reason TEXT.",
        "此前已排空，原因不变：{reason}。如需更改：--reason TEXT。",
    ),
    # one node
    "node_title": ("Node {name}", "节点 {name}"),
    "label_reason": ("Reason", "原因"),
    "label_state_since": ("Since", "起始"),
    "node_since": ("{at}, by {by}", "{at}，由 {by}"),
    "label_cpu_numbers": ("CPU numbers", "CPU 编号"),
    "node_cpus": (
        "{total}: {used} used, {reserved} reserved, {free} free",
        "{total}：已用 {used}，预留 {reserved}，空闲 {free}",
    ),
    "node_memory": ("{total} MB, {held} held", "{total} MB，已占用 {held}"),
    "node_gres": ("{name} {held} of {total} held", "{name} 已占用 {held}/{total}"),
    "label_numa": ("NUMA", "NUMA 节点"),
    "label_node_jobs": ("Running jobs", "运行中的作业"),
    "label_lease": ("Lease", "租约"),
    "lease_lives": ("lives until {until}", "有效至 {until}"),
    "lease_is_over": (
        "ran out at {until}, last renewed at {renewed}",
        "已于 {until} 到期，最后续约 {renewed}",
    ),
    "label_registered": ("Registered", "注册"),
    "node_registered": ("{at}, incarnation {incarnation}", "{at}，第 {incarnation} 代"),
    "label_spool": ("Spool id", "Spool 标识"),
}
