"""One executor's end of the socket: received bytes become messages, messages become bytes. It decides
nothing.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

from conductor.supervisor import protocol

_CREDENTIALS = struct.Struct("3i")
_READ_BYTES = 256 * 1024
# An executor that reads nothing for this long a list is cut off; it learns everything again when it returns.
_UNSENT_LIMIT_BYTES = 64 * 1024 * 1024


class Connection:
    __slots__ = ("_reader", "_unsent", "closed", "incarnation", "socket", "waits_to_send")

    def __init__(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        self.socket = accepted
        self.incarnation: int | None = None  # None until it has said hello
        self.closed = False
        self.waits_to_send = False  # the selector's view of `unsent`
        self._reader = protocol.FrameReader()
        self._unsent = b""

    @property
    def unsent(self) -> bool:
        return bool(self._unsent)

    def allowed(self) -> bool:
        """Our own user or root; the folder's mode already says so, unless somebody changed it."""
        credentials = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, user, _ = _CREDENTIALS.unpack(credentials)
        return user in (0, os.geteuid())

    def receive(self) -> list[dict[str, Any]]:
        """What has arrived; `closed` afterwards when the other side is gone. Raises BrokenFrame."""
        try:
            data = self.socket.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return []
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return []
        return self._reader.feed(data)

    def send(self, messages: list[Any]) -> None:
        self._unsent += protocol.frame(messages)
        self.flush()

    def flush(self) -> None:
        try:
            sent = self.socket.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.closed = True
            return
        self._unsent = self._unsent[sent:]
        if len(self._unsent) > _UNSENT_LIMIT_BYTES:
            self.closed = True
