"""Texts that cannot be read, and what is wrong with them, in English and Chinese."""

from collections.abc import Mapping

# code -> (English, Chinese)
SENTENCES: Mapping[str, tuple[str, str]] = {
    "array_limit": (
        "%{limit} is no limit: after % comes how many tasks may run at once",
        "%{limit} 不是上限：% 之后是同时运行的任务数",
    ),
    "array_tasks": (
        "more than {most:,} tasks; submit several arrays",
        "任务超过 {most:,} 个；请分成多个作业数组",
    ),
    "array_part": (
        "{part} is no index, range (0-99) or range with a step (1-10:2)",
        "{part} 不是索引、范围（0-99）或带步长的范围（1-10:2）",
    ),
    "array_backwards": ("{part} counts backwards or has no step", "{part} 倒序，或步长为零"),
    "array_index": ("{part} goes beyond {most}", "{part} 超出 {most}"),
    "dependency_mixed": (
        "commas (all of them) and question marks (any of them) cannot be mixed",
        "逗号（全部满足）与问号（任一满足）不能混用",
    ),
    "dependency_jobs": (
        "more than {most:,} jobs; depend on an array instead",
        "作业超过 {most:,} 个；请改为依赖作业数组",
    ),
    "dependency_kind": ("{part} is none of {known}", "{part} 不是 {known} 之一"),
    "dependency_singleton": ("singleton takes no job number", "singleton 不带作业编号"),
    "dependency_number": ("{kind} needs a job number: {kind}:42", "{kind} 需要作业编号，如 {kind}:42"),
    "dependency_reference": (
        "{part} in {kind}:{given} is no job number (42) or array task (42_7)",
        "{kind}:{given} 中的 {part} 不是作业编号（42）或数组任务（42_7）",
    ),
    "nodes_bracket": ("{part} has a bracket without its other", "{part} 的方括号不成对"),
    "nodes_brackets": ("{part} has more than one pair of brackets", "{part} 有不止一对方括号"),
    "nodes_range": ("{part} is no number or range", "{part} 不是数字或范围"),
    "nodes_many": ("more than {most} nodes are named", "指定的节点超过 {most} 个"),
    "nodes_name": ("{part} is no name of a node", "{part} 不是节点名称"),
    "nodes_none": ("no node is named", "没有指定节点"),
    "gres_count": ("{part} is no NAME:COUNT, such as gpu:2", "{part} 不是 NAME:COUNT，例如 gpu:2"),
    "gres_twice": ("{name} is named twice", "{name} 出现了两次"),
    "gres_name": (
        "{part} is no name of a generic resource: a letter, then letters, digits, . _ -",
        "{part} 不是通用资源的名称：字母开头，其后为字母、数字、. _ -",
    ),
    "gres_range": ("{name} must be from 0 to {most}", "{name} 须在 0 到 {most} 之间"),
    "gres_many": ("more than {most} generic resources are named", "指定的通用资源超过 {most} 种"),
    "labels_part": (
        "{part} is no NAME=VALUE; several are joined by & or a comma",
        "{part} 不是 NAME=VALUE；多个用 & 或逗号连接",
    ),
    "labels_twice": ("{name} cannot be {one} and {other}", "{name} 不能同时为 {one} 和 {other}"),
    "labels_letters": (
        "{part} is no NAME=VALUE of letters, digits, . _ / - (and + : in values)",
        "{part} 不是由字母、数字、. _ / -（值中还可有 + :）组成的 NAME=VALUE",
    ),
    "labels_many": ("more than {most} labels are named", "指定的标签超过 {most} 个"),
    "signal_form": (
        "must look like B:USR1@60: a signal, and how many seconds before the limit",
        "应形如 B:USR1@60：信号，以及时限前的秒数",
    ),
    "signal_number": ("{part} is no signal's number", "{part} 不是信号编号"),
    "signal_name": ("{part} is no signal's name", "{part} 不是信号名称"),
    "signal_seconds": ("at most {most} seconds before the limit", "至多在时限前 {most} 秒"),
}


class Misspelt(ValueError):
    """`str` of it is the English sentence."""

    def __init__(self, code: str, **values: object) -> None:
        self.code = code
        self.values = values
        super().__init__(self.sentence("en"))

    def sentence(self, language: str) -> str:
        return SENTENCES[self.code][language == "zh"].format(**self.values)
