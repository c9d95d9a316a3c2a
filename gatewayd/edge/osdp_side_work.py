"""What goes over a line beside the work for doors: files, long answers, makers' replies.

* A unit that has long answers is told how long a frame we take (osdp_ACURXSIZE), once a
  connection.
* Answers that come in parts are put together, one of each kind from each unit at a time.
* Answers that nothing uses yet are counted by their kind: templates, PIV objects, transparent
  mode. What they carry is a person's, so it is neither kept nor logged. Keys of a keypad that
  mean nothing are counted with them.
"""

from collections import Counter
from collections.abc import Callable

import structlog

from gatewayd.core.model import Identity
from gatewayd.edge.osdp_limits import has_long_answers, size_of
from gatewayd.edge.osdp_transfer import Opened, Send, Transfers
from protocol.osdp.assembly import Assembly, Broken
from protocol.osdp.bus import Done, Priority, Replied
from protocol.osdp.commands import SetReceiveSize
from protocol.osdp.file_sender import End, Ended
from protocol.osdp.frame import LONGEST
from protocol.osdp.parts import Part
from protocol.osdp.replies import Function, ManufacturerReply

UNTAGGED = 0
ANNOUNCEMENT_PATIENCE = 5.0  # seconds

_ENDS = {
    End.PROCESSED: "the unit has put it to use",
    End.REBOOTING: "the unit restarts with it",
    End.RECEIVED: "the unit has it and said no more",
}

log = structlog.get_logger()


def in_words(ended: Ended) -> str:
    """Say how the transfer of a file ended."""
    return ended.why or _ENDS[ended.end]


class SideWork:
    """The side work of one line."""

    def __init__(
        self,
        line: str,
        send: Send,
        character_time: float,
        ended: Callable[[int, Ended], None],
    ) -> None:
        """`ended`: told of an address how the transfer of its file ended."""
        self.transfers = Transfers(send, character_time, ended)
        self._line = line
        self._send = send
        self._open: dict[int, Opened] = {}
        self._told: dict[int, int] = {}  # the connection in which a unit learnt our size
        self._assemblies: dict[tuple[int, int], Assembly] = {}
        self._replies: dict[int, str] = {}  # by the tag of the command
        self._unused: dict[int, Counter[str]] = {}

    def unused(self, address: int) -> Counter[str]:
        """Count the answers of a unit that nothing used, by kind."""
        return Counter(self._unused.get(address, ()))

    # --- the gate ---------------------------------------------------------------------

    def opened(self, address: int, connection: int, who: Identity, now: float) -> None:
        """The gate of a unit is open."""
        size = size_of(who.capabilities, Function.RECEIVE_SIZE)
        unit = Opened(
            address, connection, (who.vendor, who.model, who.serial), size, who.proved
        )
        self._open[address] = unit
        if has_long_answers(who.capabilities) and self._told.get(address) != connection:
            self._told[address] = connection
            self._announce(unit, now)
        self.transfers.opened(unit, now)

    def _announce(self, unit: Opened, now: float) -> None:
        self._send(
            unit.address,
            SetReceiveSize(LONGEST),
            priority=Priority.ROUTINE,
            expires=now + ANNOUNCEMENT_PATIENCE,
            tag=UNTAGGED,
            connection=unit.connection,
        )

    def closed(self, address: int, now: float, *, gone: bool) -> None:
        """The gate of a unit is closed. `gone`: its connection is over, perhaps its power."""
        if self._open.pop(address, None) is not None:
            self.transfers.lost(address, now, forgotten=gone)

    def line_lost(self, now: float) -> None:
        """The line is gone, and with it all connections."""
        self._open.clear()
        self.transfers.line_lost(now)

    # --- files ------------------------------------------------------------------------

    def send_file(self, address: int, content: bytes, now: float) -> str:
        """Begin to send a file; return why not, if it does not begin."""
        unit = self._open.get(address)
        if unit is None:
            return "it is not there, or barred"
        try:
            begun = self.transfers.begin(address, content, unit.who)
        except ValueError as error:
            return str(error)
        if not begun:
            return "it is being sent a file already"
        self.transfers.opened(unit, now)
        return ""

    # --- answers ----------------------------------------------------------------------

    def replied(self, event: Replied) -> bool:
        """Take an answer; False: it is not for us."""
        if self.transfers.replied(event):
            return True
        if isinstance(event.reply, ManufacturerReply) and event.tag:
            self._replies[event.tag] = event.reply.data.hex()
            return True
        return False

    def reply_to(self, tag: int) -> str | None:
        """Give what a unit said to its maker's command, once, in hexadecimal."""
        return self._replies.pop(tag, None)

    def unclaimed(self, event: Replied, now: float) -> None:
        """Take an answer that means nothing to anybody."""
        reply = event.reply
        kind = type(reply).__name__
        if isinstance(reply, Part):
            key = event.address, reply.CODE
            said = self._assemblies.setdefault(key, Assembly()).take(reply, now)
            if said is None:
                return
            if isinstance(said, Broken):
                kind = f"broken {kind}"
        self._unused.setdefault(event.address, Counter())[kind] += 1
        log.debug("answer_unused", line=self._line, address=event.address, answer=kind)

    def strange_keys(self, address: int, count: int) -> None:
        """So many keys were pressed that mean nothing; which ones is nobody's business."""
        if count:
            self._unused.setdefault(address, Counter())["key"] += count

    def done(self, event: Done, now: float) -> bool:
        """Take the end of a command; False: it is none of ours."""
        return self.transfers.done(event, now)
