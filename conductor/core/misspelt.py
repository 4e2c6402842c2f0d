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
}


class Misspelt(ValueError):
    """`str` of it is the English sentence."""

    def __init__(self, code: str, **values: object) -> None:
        self.code = code
        self.values = values
        super().__init__(self.sentence("en"))

    def sentence(self, language: str) -> str:
        return SENTENCES[self.code][language == "zh"].format(**self.values)
