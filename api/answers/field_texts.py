"""What may be wrong with one field of a request, in English and Chinese: code -> sentence after the field's name."""

from collections.abc import Mapping

FIELDS: Mapping[str, tuple[str, str]] = {
    "missing": ("is required", "为必填项"),
    "unknown_field": ("is no field of this request{nearest}", "不是该请求的字段{nearest}"),
    "unknown_parameter": ("is no parameter of this path{nearest}", "不是该路径的参数{nearest}"),
    "unsupported": (
        "is not supported by this release; leave it out",
        "本版本尚不支持该字段；请去掉",
    ),
    "not_an_integer": (
        "must be a whole number below 2^53, without quotes",
        "必须是小于 2^53 的整数，且不带引号",
    ),
    "not_a_number": ("must be a number", "必须是数字"),
    "not_a_boolean": ("must be true or false, without quotes", "必须是 true 或 false，且不带引号"),
    "not_a_flag": ("must be true, false, 1 or 0", "必须是 true、false、1 或 0"),
    "given_twice": ("is given more than once; give it once", "重复出现；请只给出一次"),
    "not_a_string": ("must be a text in quotes", "必须是带引号的文本"),
    "not_an_object": ("must be a JSON object", "必须是 JSON 对象"),
    "not_a_list": ("must be a JSON list", "必须是 JSON 数组"),
    "too_small": ("must be at least {least}", "不得小于 {least}"),
    "must_exceed": ("must be more than {least}", "必须大于 {least}"),
    "too_big": ("must be at most {most}", "不得大于 {most}"),
    "too_long": ("may have at most {most} characters", "最多 {most} 个字符"),
    "too_many": ("may have at most {most} entries", "最多 {most} 项"),
    "too_few": ("needs at least {least} entry", "至少需要 {least} 项"),
    "not_one_of": ("must be one of {expected}", "必须是以下之一：{expected}"),
    "unknown_policy": (
        "is no value of the policy{nearest}; there are {known}",
        "不是策略的取值名称{nearest}；可用的有 {known}",
    ),
    "blank": ("must not be blank", "不能为空白"),
    "too_large": ("is larger than {most}, the limit", "超过上限 {most}"),
    "crlf": (
        "has carriage returns (CR, line ends of Windows); convert it with `dos2unix`",
        "含有回车符（CR，Windows 换行）；请用 `dos2unix` 转换",
    ),
    "byte_order_mark": (
        "begins with a byte order mark (BOM); remove it with `dos2unix`",
        "以字节顺序标记（BOM）开头；请用 `dos2unix` 去除",
    ),
    "nul": (
        "has a NUL byte; is it a binary file? Send a text",
        "含有 NUL 字节；是否为二进制文件？请发送文本",
    ),
    "invalid_utf8": (
        "is not valid UTF-8; convert it with `iconv -f OLD -t UTF-8`",
        "不是有效的 UTF-8；请用 `iconv -f 原编码 -t UTF-8` 转换",
    ),
    "control_character": ("must not have control characters or line ends", "不能含有控制字符或换行"),
    "not_absolute": ("must be an absolute path, beginning with /", "必须是以 / 开头的绝对路径"),
    "unknown_pattern": (
        "has the unknown pattern {pattern}; known are %j %A %a %x %N %u, and %% for a percent sign",
        "含有未知的模式 {pattern}；可用的有 %j %A %a %x %N %u，百分号写作 %%",
    ),
    "bad_name": (
        "must begin with a letter, a digit or _, and have only letters, digits and . _ @ + -",
        "必须以字母、数字或 _ 开头，且只含字母、数字和 . _ @ + -",
    ),
    "bad_licence": (
        "has {name}, which is no name of a licence: a letter, then letters, digits and . _ -",
        "含有 {name}，不是合法的许可证名称：以字母开头，只含字母、数字和 . _ -",
    ),
    "bad_variable": (
        "has the name {name}, which is no name of an environment variable: letters, digits and _, no digit first",
        "含有名称 {name}，不是合法的环境变量名：只能用字母、数字和 _，且不以数字开头",
    ),
    "bad_time_limit": (
        "must be whole minutes, or MM, MM:SS, HH:MM:SS, D-HH, D-HH:MM or D-HH:MM:SS as a text",
        "必须是整数分钟，或 MM、MM:SS、HH:MM:SS、D-HH、D-HH:MM、D-HH:MM:SS 形式的文本",
    ),
    "bad_nodelist": (
        "names no nodes: {why}; write n1,n2 or node[1-3,7], or a list",
        "不是节点列表（{why}）；写法如 n1,n2 或 node[1-3,7]，或用数组",
    ),
    "bad_labels": (
        "are no labels: {why}; write zone=a&arch=arm64, or an object",
        "不是标签（{why}）；写法如 zone=a&arch=arm64，或用对象",
    ),
    "bad_gres": (
        "are no generic resources: {why}; write gpu:2,licence:1, or an object with counts",
        "不是通用资源（{why}）；写法如 gpu:2,licence:1，或用名称与数量的对象",
    ),
    "bad_array": (
        "{why}; write it as 0-99, 1-10:2 or 3,7,12-14, with %10 at its end for ten at a time",
        "（{why}）不是合法的作业数组；写法如 0-99、1-10:2 或 3,7,12-14，末尾加 %10 表示同时最多十个",
    ),
    "bad_dependency": (
        "{why}; write it as afterok:41:42_7,afterany:50 or singleton",
        "（{why}）不是合法的依赖；写法如 afterok:41:42_7,afterany:50 或 singleton",
    ),
    "array_too_large": (
        (
            "has {tasks} tasks, each kept with all that was asked for: more than {most}; submit several arrays, or "
            "shorten comment, dependency or paths"
        ),
        "共 {tasks} 个任务，各自保存全部要求，总量超过 {most}；请分成多个作业数组，或缩短注释、依赖及路径",
    ),
    "too_many_tasks": (
        "brings the batch to {tasks} tasks; at most {most} go into one: send it in several",
        "使该批次达到 {tasks} 个任务；每批最多 {most} 个，请分批提交",
    ),
    "array_alone": (
        "cannot be given in a command; submit arrays at /api/v1/jobs/submit or /api/v1/jobs/submit/batch",
        "不能用于命令；请通过 /api/v1/jobs/submit 或 /api/v1/jobs/submit/batch 提交作业数组",
    ),
    "bad_signal": ("{why}; write it as B:USR1@60", "（{why}）不是合法的限时前信号；写法如 B:USR1@60"),
    "zero_time_limit": (
        "must not be zero; leave it out for a job without a limit",
        "不能为零；不限时的作业请不填此项",
    ),
    "bad_time": (
        "must be a time as in ISO 8601, for example 2030-01-31T08:00:00+08:00",
        "必须是 ISO 8601 格式的时间，例如 2030-01-31T08:00:00+08:00",
    ),
    "naive_time": ("needs an offset: end it with Z or, say, +08:00", "缺少时区偏移：请以 Z 或 +08:00 等结尾"),
    "bad_uuid": (
        "must be a UUID, for example from `uuidgen`",
        "必须是 UUID，例如由 `uuidgen` 生成",
    ),
    "bad_key": ("must be 1 to 255 visible ASCII characters", "必须是 1 到 255 个可见 ASCII 字符"),
    "key_reused": (
        "was used before for another request; use a new key for a new wish",
        "此前已用于其他请求；新的请求请使用新的键",
    ),
    "bad_tag": (
        'must be the ETag of an answer as it came, in its quotes, as in "7"; or *',
        '必须是响应中的 ETag 原文（含引号），如 "7"；或用 *',
    ),
    "match_of_several": (
        "names the version of one job, but {job_id} means several; ask one task, as in 42_7, or leave it out",
        "只能指定单个作业的版本，而 {job_id} 指多个作业；请指定其中一个（如 42_7），或不发送此头",
    ),
    "bad_hash": (
        "must be the 64 hexadecimal digits of an event's hash",
        "必须是事件散列值的 64 个十六进制数字",
    ),
    "contradiction": ("contradicts {other}; give one of them", "与 {other} 矛盾；请只提供其一"),
    "too_many_cpus": (
        "ntasks_per_node times cpus_per_task must be at most {most}",
        "ntasks_per_node 与 cpus_per_task 之积不得超过 {most}",
    ),
    "broken_line": ("is not JSON: {why}", "不是 JSON：{why}"),
    "beyond_head": (
        "must be at most {head}, where the log ends",
        "不得大于日志末尾位置 {head}",
    ),
    "other": ("is wrong: {why}", "有误：{why}"),
    "more_errors": ("{count} more errors are not listed", "另有 {count} 个错误未列出"),
}
