"""Long answers come in parts (SIA OSDP 2.2, 5.10): total, offset, and the bytes from there.

Parts come in order and without gaps. One without data at or behind the end says that there
will be no more.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from construct import Construct, GreedyBytes, Int16ul, Struct

from protocol.message import Message


@dataclass(frozen=True, slots=True)
class Part(Message):
    """One part of a long answer."""

    total: int
    offset: int
    data: bytes = field(repr=False)

    LAYOUT: ClassVar[Construct] = Struct(
        "total" / Int16ul, "offset" / Int16ul, "length" / Int16ul, "data" / GreedyBytes
    )

    def check(self) -> None:
        """A part ends within its whole."""
        if self.data and self.offset + len(self.data) > self.total:
            raise ValueError("the part ends behind the whole")
