"""The supervisor's loop: one selector, one socket, no threads.

A turn reads what has arrived, does it, reaps what has ended, spawns at most one child, writes the journal
once and then says everything that turn brought in one frame. Executors come and go; only the highest
incarnation that ever said hello is obeyed, and its going changes nothing.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
from itertools import groupby
from typing import Any, cast

from conductor.supervisor import program, protocol
from conductor.supervisor.adoption import adopt
from conductor.supervisor.attempt import Attempt
from conductor.supervisor.cgroups import Cgroups
from conductor.supervisor.connection import Connection
from conductor.supervisor.crash_point import crash_point
from conductor.supervisor.ending import Ending
from conductor.supervisor.gate import Gate
from conductor.supervisor.journal import Journal
from conductor.supervisor.kernel import Kernel
from conductor.supervisor.process_identity import read_boot_id, read_pid_namespace
from conductor.supervisor.requests import RequestRefused, checked
from conductor.supervisor.roster import Roster, log
from conductor.supervisor.spool import Spool
from conductor.supervisor.starting import Starting
from conductor.supervisor.withdrawal import Withdrawal

_AFTER_TROUBLE_SECONDS = 0.1
_IDLE_LOOK_SECONDS = 10.0


class Server:
    def __init__(
        self, spool: Spool, listener: socket.socket, kernel: Kernel, resumed: program.Resumed | None
    ) -> None:
        """The caller is this process's final form: signals, subreaper and children belong to it."""
        self._selector = selectors.DefaultSelector()
        self._listener = listener
        self._wakeup = _signals()
        self._asked_to_end = False
        self._asked_to_upgrade = False
        self._upgrade_asker: Connection | None = None  # None: a signal
        self._look_again = False  # a turn broke off: what it was told by a signal must be looked for
        self._connection: Connection | None = None
        journal = Journal(spool.folder)
        cgroups = Cgroups(kernel.cgroups, spool.unique_name, every_job=kernel.group_every_job)
        self._roster = Roster(spool, journal, cgroups, read_boot_id(), read_pid_namespace())
        self._ending = Ending(self._roster, self._selector, kernel)
        self._starting = Starting(self._roster, Gate(), self._ending.watch)
        self._withdrawal = Withdrawal(self._roster, self._starting, self._ending)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._signalled)
        if resumed is None:
            adopt(self._roster, self._ending)
        else:
            program.resume(self._roster, self._starting, self._ending, resumed)
            self._look_again = True
        self._write_journal()

    def run(self) -> None:
        """Returns when SIGTERM finds it without a live attempt, or when its spool has been deleted meanwhile."""
        while not (self._asked_to_end or self._abandoned()):
            try:
                self._turn()
            except Exception:  # whatever happens to one request, the jobs' parent stays
                import traceback  # costs memory, and is hardly ever needed

                log(traceback.format_exc())
                self._look_again = True
        self._roster.cgroups.close()

    def _abandoned(self) -> bool:
        idle = not (self._roster.live or self._connection)
        return idle and self._roster.spool.deleted()

    def _turn(self) -> None:
        for key, mask in self._selector.select(self._seconds_to_wait()):
            if isinstance(key.data, Attempt):
                self._ending.adopted_ended(key.data)
            elif isinstance(key.data, Connection):
                self._attend(key.data, mask)
            else:
                key.data()
        if self._look_again:
            self._look_again = False
            self._ending.reap()
        now = time.monotonic()
        self._withdrawal.look(now)
        self._ending.look(now)
        if self._starting.waiting:
            self._starting.advance(spawn=not self._asked_to_upgrade)
        self._write_journal()
        if self._roster.outbox:
            crash_point("supervisor.turn_written")
        self._tell()
        if self._asked_to_upgrade and not self._starting.identifying:
            self._upgrade()
        if self._withdrawal.node_stops and not self._roster.live:
            self._asked_to_end = True

    def _seconds_to_wait(self) -> float | None:
        if self._starting.waiting:
            return 0
        if self._look_again:
            return _AFTER_TROUBLE_SECONDS
        looks = [
            when for when in (self._ending.next_look(), self._withdrawal.next_look()) if when is not None
        ]
        if looks:
            return max(0.0, min(looks) - time.monotonic())
        return None if self._roster.live or self._connection else _IDLE_LOOK_SECONDS

    # Executors

    def _accept(self) -> None:
        try:
            accepted, _ = self._listener.accept()
        except OSError as error:  # out of descriptors, most likely; the caller waits in the backlog
            log(f"a connection could not be accepted: {error.strerror}")
            time.sleep(0.01)
            return
        connection = Connection(accepted)
        if connection.allowed():
            self._selector.register(accepted, selectors.EVENT_READ, connection)
        else:
            accepted.close()

    def _attend(self, connection: Connection, mask: int) -> None:
        if connection.closed:  # earlier in this turn, by a newer executor's hello
            return
        if mask & selectors.EVENT_WRITE:
            connection.flush()
        if mask & selectors.EVENT_READ:
            try:
                self._obey(connection, connection.receive())
            except protocol.BrokenFrame as error:
                self._refuse(connection, str(error))
                connection.closed = True
        self._settle(connection)

    def _settle(self, connection: Connection) -> None:
        """Brings the selector up to date with what the connection wants now."""
        if connection.closed:
            self._selector.unregister(connection.socket)
            connection.socket.close()
            if self._connection is connection:
                self._connection = None
            return
        if connection.unsent != connection.waits_to_send:
            connection.waits_to_send = connection.unsent
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)
            self._selector.modify(connection.socket, wanted, connection)

    def _obey(self, connection: Connection, messages: list[dict[str, Any]]) -> None:
        requests: list[protocol.Request] = []
        for message in messages:
            try:
                requests.append(checked(message))
            except RequestRefused as refusal:
                self._refuse(connection, str(refusal))
        for kind, group in groupby(requests, key=lambda request: request["type"]):
            if connection.closed:
                return
            if kind == "upgrade":
                self._asked_to_upgrade, self._upgrade_asker = True, connection
            elif kind == "hello":
                self._hello(connection, cast(list[protocol.Hello], list(group))[-1])
            elif connection is not self._connection:
                self._refuse(connection, "the first request on a connection is hello")
            else:
                self._do(kind, list(group))

    def _do(self, kind: str, requests: list[protocol.Request]) -> None:
        if kind == "gate":
            self._starting.gate(cast(list[protocol.Gate], requests))
            self._withdrawal.gated_anew()
            return
        if kind == "trust":
            self._withdrawal.trusted(cast(list[protocol.Trust], requests)[-1])
            return
        held: list[Attempt] = []
        for request in requests:
            attempt = self._held(cast(protocol.Open, request))
            if attempt is None:
                continue
            if kind == "open":
                held.append(attempt)
            elif kind == "stop":
                self._stop(attempt, cast(protocol.Stop, request))
            elif kind == "discard":
                self._starting.discard(attempt)
            elif attempt.outcome is not None:
                self._roster.forget(attempt)
            else:
                self._roster.tell(attempt)  # what has not ended cannot be forgotten
        if held:
            # This process may have stood still; nothing opens too late.
            self._withdrawal.look(time.monotonic())
            self._starting.open(held)

    def _stop(self, attempt: Attempt, request: protocol.Stop) -> None:
        if attempt.stage == "gated":
            self._starting.discard(attempt)
        else:
            self._ending.stop(attempt, request["cause"], request.get("grace_seconds"))

    def _held(self, request: protocol.Open) -> Attempt | None:
        allocation_id = request["allocation_id"]
        attempt = self._roster.attempts.get(allocation_id)
        if attempt is None:
            answer: protocol.NotHeld = {
                "type": "not_held",
                "allocation_id": allocation_id,
                "request": request["type"],
            }
            self._roster.outbox.append(answer)
        return attempt

    def _hello(self, connection: Connection, hello: protocol.Hello) -> None:
        journal = self._roster.journal
        if hello["protocol"] != protocol.PROTOCOL_VERSION:
            self._refuse(connection, f"this supervisor speaks protocol {protocol.PROTOCOL_VERSION}")
            connection.closed = True
            return
        if hello["incarnation"] < journal.incarnation:
            _supersede(connection, journal.incarnation)
            return
        journal.obeys(hello["incarnation"])
        older, self._connection = self._connection, connection
        if older is not None and older is not connection:
            _supersede(older, journal.incarnation)
            self._settle(older)
            self._connection = connection
        self._write_journal()  # nothing is told that the next supervisor would not know
        outcomes = [
            attempt.outcome for attempt in self._roster.attempts.values() if attempt.outcome is not None
        ]
        connection.send([self._welcome(), *outcomes, *self._ending.cleanups()])

    def _welcome(self) -> protocol.Welcome:
        return {
            "type": "welcome",
            "protocol": protocol.PROTOCOL_VERSION,
            "pid": os.getpid(),
            "boot_id": self._roster.boot_id,
            "pid_namespace": self._roster.pid_namespace,
            "cpu_ids_of_machine": sorted(os.sched_getaffinity(0)),
            "attempts": [attempt.held() for attempt in self._roster.attempts.values()],
        }

    def _refuse(self, connection: Connection, reason: str) -> None:
        log(f"refused: {reason}")
        connection.send([{"type": "refused", "reason": reason}])

    # The end of a turn

    def _write_journal(self) -> None:
        try:
            self._roster.journal.write()
        except OSError as error:  # kept, and tried again; until then a kill of this process would lose exits
            log(f"the journal cannot be written ({error.strerror}); exits are kept in memory")

    def _upgrade(self) -> None:
        """Does not return when there is a newer program; its executors find their connections closed."""
        asker, self._asked_to_upgrade, self._upgrade_asker = self._upgrade_asker, False, None
        command = program.newer_command(self._roster.spool.path, sys.argv[1:])
        try:
            program.become_newer(command, self._roster, self._listener.fileno())
        except program.UpgradeRefused as refusal:
            if asker is None or asker.closed:
                log(f"it stays what it is: {refusal}")
            else:
                self._refuse(asker, str(refusal))
                self._settle(asker)

    def _tell(self) -> None:
        messages, self._roster.outbox = self._roster.outbox, []
        if messages and self._connection is not None:
            self._connection.send(messages)
            self._settle(self._connection)

    # Signals

    def _signalled(self) -> None:
        numbers = self._wakeup.recv(4096)
        if signal.SIGCHLD in numbers:
            self._ending.reap()
        if signal.SIGHUP in numbers:
            self._asked_to_upgrade = True
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._asked_to_end = not self._roster.live
            if os.getpid() == 1:  # of a container, which is being stopped: nothing in it will outlive this
                self._withdrawal.stop_node()
            elif self._roster.live:
                log(f"asked to end, but this is the parent of {self._roster.live} live jobs; it stays")


def _supersede(connection: Connection, incarnation: int) -> None:
    connection.send([{"type": "superseded", "incarnation": incarnation}])
    connection.closed = True


def _signals() -> socket.socket:
    """Signals become bytes on a socket. Nothing inherited as ignored or blocked is passed on to jobs."""
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    kept = (
        signal.SIGPIPE,
        signal.SIGXFSZ,
        signal.SIGKILL,
        signal.SIGSTOP,
    )  # the first two Python restores itself
    for number in signal.valid_signals() - set(kept):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writing.detach(), warn_on_full_buffer=False)
    signal.pthread_sigmask(
        signal.SIG_SETMASK, []
    )  # last: a newer program finds them blocked by the older one
    return reading
