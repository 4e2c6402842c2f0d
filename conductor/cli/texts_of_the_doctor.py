"""What is said around the checks of `conductor doctor` and by the operators' small tools. Part of the catalogue in
`texts`, under the same promises; the checks' own sentences are in `conductor/doctor`.
"""

from collections.abc import Mapping

TEXTS_OF_THE_DOCTOR: Mapping[str, tuple[str, str]] = {
    "doctor_ok": ("ok", "正常"),
    "doctor_note": ("note", "提示"),
    "doctor_warning": ("warning", "警告"),
    "doctor_wrong": ("wrong", "错误"),
    "doctor_unknown": ("unknown", "未知"),
    "doctor_group_machine": ("Machine", "机器"),
    "doctor_group_folders": ("Settings and folders", "设置与目录"),
    "doctor_group_database": ("Database", "数据库"),
    "doctor_group_system": ("System", "系统"),
    "doctor_also": ("    The same: {names}", "    同上：{names}"),
    "doctor_all_well": ("{checks} checks, nothing to mend.", "共 {checks} 项检查，无需处理。"),
    "doctor_sum": (
        "{checks} checks: {wrong} wrong, {warning} warnings, {unknown} could not look.",
        "共 {checks} 项检查：{wrong} 个错误，{warning} 条警告，{unknown} 项无法查看。",
    ),
}
