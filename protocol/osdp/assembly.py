"""Puts the parts of one long answer together (SIA OSDP 2.2, 5.10).

    assembly = Assembly()
    assembly.take(part, now)    None: go on; else the whole, or why there will be none

Parts come in order and without gaps. Offset 0 begins anew; what was sent before may come
again if it says the same. Whatever else comes ends the answer, and so does a part without
data, which is how a unit says that there will be no more. A whole is at most `LONGEST_WHOLE`
bytes; what the unit says of its size is believed no further than that.
"""

from dataclasses import dataclass, field

from protocol.osdp.parts import Part

LONGEST_WHOLE = 16 << 10  # bytes; a certificate of a PIV card has three thousand
PATIENCE = 8.0  # seconds from a part to the next; later it is none of them any more


@dataclass(frozen=True, slots=True)
class Whole:
    """All parts are there."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Broken:
    """There will be no whole; what was there of it is thrown away."""

    why: str


class Assembly:
    """One long answer on its way. Afterwards it is ready for the next."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._total = 0
        self._until = -float("inf")

    @property
    def size(self) -> int:
        """How many bytes wait for the rest."""
        return len(self._data)

    def take(self, part: Part, now: float) -> Whole | Broken | None:
        """Take the next part; None if more must come."""
        if part.offset == 0:
            self._data.clear()
            self._total = part.total
        fault = self._fault(part, now)
        if fault is not None:
            self._data.clear()
            return Broken(fault)
        self._data[part.offset : part.offset + len(part.data)] = part.data
        self._until = now + PATIENCE
        if len(self._data) < self._total:
            return None
        whole = Whole(bytes(self._data))
        self._data.clear()
        return whole

    def _fault(self, part: Part, now: float) -> str | None:
        """Say what is wrong with a part, without what is in it."""
        if part.total > LONGEST_WHOLE:
            return f"it would have {part.total} bytes, {LONGEST_WHOLE} is the limit"
        if part.total != self._total:
            return f"it has {part.total} bytes now, and had {self._total} before"
        if not part.data and part.total:
            return f"it was ended after {len(self._data)} of {self._total} bytes"
        return self._misplaced(part, now)

    def _misplaced(self, part: Part, now: float) -> str | None:
        if part.offset and now > self._until:
            return "its parts came too slowly"
        if part.offset > len(self._data):
            return f"bytes {len(self._data)} to {part.offset} are missing"
        again = self._data[part.offset : part.offset + len(part.data)]
        if again != part.data[: len(again)]:
            return "a part came again and was another"
        return None
