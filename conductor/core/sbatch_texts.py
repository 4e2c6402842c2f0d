"""What is said of the lines of a script's own, in English and Chinese."""

from collections.abc import Mapping

# A line of a script's own that is refused: the code of its fault -> message
DIRECTIVES: Mapping[str, tuple[str, str]] = {
    "unknown_directive": ("is no option of sbatch{nearest}", "不是 sbatch 的选项{nearest}"),
    "exclusive_kind": (
        "takes no value here: the whole node, and nobody beside it",
        "在此不带值：独占整个节点",
    ),
    "use_instead": (
        "is not read here; ask for it as in `{instead}`",
        "在此不支持；请改用，例如 `{instead}`",
    ),
    "several_nodes": ("must be 1: a job runs on one node", "必须为 1：一个作业只在一个节点上运行"),
    "truncated_output": (
        "must be append: a job's output is never cut; remove the old file, or leave the line out",
        "必须为 append：作业的输出从不截断；请删除旧文件，或去掉该行",
    ),
    "value_missing": ("needs a value on the same line", "需要在同一行给出值"),
    "value_unwanted": ("takes no value", "不带值"),
    "stray_word": (
        "has a word that is no option; options begin with - or --, and values with blanks need quotes",
        "含有不是选项的词；选项以 - 或 -- 开头，含空格的值要加引号",
    ),
    "open_quote": (
        "has a quote that is never closed, or ends with a backslash",
        "引号没有闭合，或以反斜杠结尾",
    ),
    "not_a_count": ("must be a whole number", "必须是整数"),
    "not_an_amount": (
        "must be MiB, or a number with K, M, G or T, such as 2G",
        "必须是 MiB 数，或带 K、M、G、T 的数字，如 2G",
    ),
    "not_a_mode": ("must be append", "必须为 append"),
    "bad_export": (
        "must be NONE, or NAME=VALUE, several with commas; names have letters, digits and _, no digit first",
        "必须为 NONE 或 名称=值，多个用逗号分隔；名称只含字母、数字和 _，且不以数字开头",
    ),
    "more_tasks": (
        "is more than --ntasks-per-node, but a job has one node; give one of them",
        "大于 --ntasks-per-node，而一个作业只有一个节点；请只给一个",
    ),
    "too_many_directives": ("lines have more than 1,000 options or 64 KiB", "行的选项超过 1,000 个或 64 KiB"),
}

# The same, ignored: the code of the remark -> why
IGNORED: Mapping[str, tuple[str, str]] = {
    "no_mail": ("no mail is sent", "不发送邮件"),
    "no_queues": (
        "there are no partitions, qualities of service or keys to choose from",
        "没有分区、服务质量或工作密钥可选",
    ),
    "one_node": (
        "it is for jobs of several nodes, and a job has one",
        "它用于多节点作业，而一个作业只有一个节点",
    ),
    "submitters_own": ("it is for sbatch itself", "它只与 sbatch 自身有关"),
    "not_measured": (
        "CPU time and peak memory are measured once, at the end",
        "只在作业结束时统计一次 CPU 时间和内存峰值",
    ),
    "export_all": (
        "a request brings no environment along; write NAME=VALUE, or submit with the command line",
        "请求不带环境变量；请写 名称=值，或用命令行提交",
    ),
    "export_name": (
        "a request brings no environment along, so names without values are not set; write NAME=VALUE",
        "请求不带环境变量，没有值的名称不会设置；请写 名称=值",
    ),
    "after_command": (
        "it stands after the first command; move such lines up",
        "它位于第一条命令之后；请将这类行移到前面",
    ),
}
