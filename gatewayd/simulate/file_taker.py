"""The end of a file transfer that is in the unit: it takes files, part by part.

A strict one. Parts come in order and without gaps, the first at 0, which begins anew; bytes
it has already must come again the same. Anything else is refused (NAK 9) and what it had is
thrown away, as it is when its power goes. Only a file that came whole goes into `files`.

    taker = FileTaker()
    taker.delay, taker.longest, taker.idle, taker.verdict     how it wants to be treated
"""

from collections import deque

from protocol.message import Message
from protocol.osdp.replies import Ack, Nak, TransferAction, TransferResult, TransferStatus
from protocol.osdp.transfer import TransferFile

LARGEST = 16 << 20  # bytes of a file
FILES_BOUND = 16  # files that are kept
RECORD = 9  # reason of a NAK


class FileTaker:
    """Takes one file at a time."""

    def __init__(self) -> None:
        self.files: deque[bytes] = deque(maxlen=FILES_BOUND)
        self.delay = 0  # milliseconds before the next part
        self.longest = 0  # bytes of a message, as it says; 0: it says nothing
        self.action = TransferAction.INTERLEAVE
        self.idle = 0  # how often it wants to be asked before it is done with a whole file
        self.verdict: TransferResult | int = TransferResult.PROCESSED  # on a whole file
        self.objects_at: int | None = None  # it refuses the part that brings it so far
        self.objection: TransferResult | int = TransferResult.ABORTED
        self.parts = 0  # taken, with data
        self.aborted = 0
        self._got: bytearray | None = None
        self._asks = 0

    def forget(self) -> None:
        """Lose what is not whole."""
        self._got = None

    def abort(self) -> Message:
        """The panel does not want it any more."""
        self.aborted += self._got is not None
        self.forget()
        return Ack()

    def take(self, part: TransferFile) -> Message:
        """Return what it says to one part."""
        if part.offset == 0 and part.data:
            self._got, self._asks = bytearray(), 0
        if self._got is None or part.total > LARGEST or not self._fits(part, self._got):
            self.forget()
            return Nak(RECORD)
        self._got[part.offset : part.offset + len(part.data)] = part.data
        self.parts += bool(part.data)
        if self.objects_at is not None and len(self._got) >= self.objects_at:
            self.forget()
            return self._status(self.objection)
        if len(self._got) < part.total:
            return self._status(TransferResult.PROCEED)
        return self._whole(bytes(self._got))

    def _fits(self, part: TransferFile, got: bytearray) -> bool:
        again = got[part.offset : part.offset + len(part.data)]
        return part.offset <= len(got) and again == part.data[: len(again)]

    def _whole(self, content: bytes) -> Message:
        if self._asks < self.idle:
            self._asks += 1
            return self._status(TransferResult.FINISHING)
        self.files.append(content)
        self.forget()
        return self._status(self.verdict)

    def _status(self, status: TransferResult | int) -> Message:
        return TransferStatus(self.action, self.delay, status, self.longest)
