"""What the operating system says when a file or a device refuses, in the reader's language."""

import errno
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conductor.cli.screen import Screen

_TEXTS: Mapping[int, tuple[str, str]] = {
    errno.ENOENT: ("no such file or directory", "没有该文件或目录"),
    errno.EACCES: ("permission denied", "权限不足"),
    errno.EPERM: ("operation not permitted", "不允许该操作"),
    errno.EISDIR: ("is a directory", "这是一个目录"),
    errno.ENOTDIR: ("a part of the path is no directory", "路径中有一段不是目录"),
    errno.ENAMETOOLONG: ("the name is too long", "名称过长"),
    errno.ENOSPC: ("no space left on the device", "设备空间不足"),
    errno.EDQUOT: ("the disk quota is used up", "超出磁盘配额"),
    errno.EFBIG: ("the file is too large", "文件过大"),
    errno.EIO: ("input/output error", "输入输出错误"),
    errno.EROFS: ("the file system is read-only", "文件系统为只读"),
}


def told(error: OSError, screen: "Screen") -> str:
    """The system's own words where we have none of ours."""
    texts = _TEXTS.get(error.errno or 0)
    return texts[screen.language == "zh"] if texts else error.strerror or str(error)
