"""What the keys of the original system's answers mean."""

from collections.abc import Mapping

from api.document.description import Both

NAMES_OF_THE_ORIGINAL: Mapping[str, Both] = {
    "allocated_nodes": ("Always 1: a job has one node.", "恒为 1：一个作业只有一个节点。"),
    "data_source": ("Always `API`.", "恒为 `API`。"),
    "detail": ("What else the original system told.", "原系统给出的其他信息。"),
    "elapsed_time": ("How long it has run, as `D-HH:MM:SS`.", "已运行的时间，形如 `D-HH:MM:SS`。"),
    "error_msg": ("Why it failed.", "失败原因。"),
    "OriginalDetail.exit_code": ("Code and signal, as `0:15`.", "退出码与信号，形如 `0:15`。"),
    "job_log": ("The ends of its outputs.", "输出的末尾部分。"),
    "job_name": ("Its name.", "作业名称。"),
    "limit_time": ("Its time limit, as `H:MM:SS`, or `UNLIMITED`.", "时限，形如 `H:MM:SS`，或 `UNLIMITED`。"),
    "msg": ("That it was cancelled.", "取消的结果。"),
    "node_list": ("The node it runs on, or ran on.", "所在或曾在的节点。"),
    "partition": ("Always empty: there are no partitions.", "恒为空：没有分区。"),
    "OriginalJob.time": ("Its times.", "各个时刻。"),
    "OriginalDetail.user": ("Whose job it is.", "作业所属用户。"),
}
