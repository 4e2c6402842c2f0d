"""What the operating system says when a file or a device refuses, in the reader's language."""

import errno
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conductor.cli.screen import Screen

_CHINESE: Mapping[int, str] = {
    errno.ENOENT: "没有该文件或目录",
    errno.EACCES: "权限不足",
    errno.EPERM: "不允许该操作",
    errno.EISDIR: "这是一个目录",
    errno.ENOTDIR: "路径中有一段不是目录",
    errno.ENAMETOOLONG: "名称过长",
    errno.ENOSPC: "设备空间不足",
    errno.EDQUOT: "超出磁盘配额",
    errno.EFBIG: "文件过大",
    errno.EIO: "输入输出错误",
    errno.EROFS: "文件系统为只读",
}


def told(error: OSError, screen: "Screen") -> str:
    """The system's own words where we have none of ours."""
    chinese = _CHINESE.get(error.errno or 0) if screen.language == "zh" else None
    return chinese or error.strerror or str(error)
