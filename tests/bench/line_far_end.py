"""Peripherals that cost nothing and answer at once, on a wire with or without a speed.

    python -m tests.bench.line_far_end --port LINK --addresses 1,2 [--baud 9600] [--secure]

A far end like any other (`tests/interop/far_end.py`). Every reply is laid out beforehand, so
what is measured is the panel; only with `--secure` each one has to be sealed. Without `--baud`
a reply is written as soon as its command was read: the kernel's pseudo-terminal is the wire.

With `--baud` this process is the wire. A character takes ten bit times, in both directions,
one direction at a time; a transmission begins when the line has been idle for two
characters, and its first character is the mark (SIA OSDP 2.2, 5.7). So an exchange of POLL
and ACK cannot be shorter than 22 characters, a secure one not than 34. Bytes of a reply are
handed over one by one when their last bit is through. All moments are computed from the ones
before, not from when this process got round to it. What it is late nevertheless counts
against the panel, so a wire takes real-time priority where it may, and tells its mean
lateness with every count.
"""

import argparse
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from protocol.message import Message
from protocol.osdp.commands import (
    Identify,
    Poll,
    ReadCapabilities,
    ReadLocalStatus,
    ReadOutputs,
    SetOutputs,
)
from protocol.osdp.frame import MARK, Frame
from protocol.osdp.identity import Capabilities, Capability, Identification
from protocol.osdp.replies import Ack, LocalStatus, OutputStatus
from tests.bench.line_secure_units import CARD, Answer, SecureUnit
from tests.interop.far_end import FarEnd
from tests.interop.pseudo_terminal import PseudoTerminal

IDLE_CHARACTERS = 2
BITS_PER_CHARACTER = 10
PRIORITY = 10
SPIN = 0.00015  # seconds before a moment from which on it is awaited with open eyes
MARKED = b"\xff"
SEQUENCES = range(4)
SECURE = Capability(9, 1, 1)  # AES-128, and a default key


def replies_of(address: int, *more: Capability) -> dict[int, Message]:
    """Return what one unit says to which command, and under its own code to a card."""
    return {
        Identify.CODE: Identification(b"\x02\xf1\x00", 1, 1, address, 1, 0, 0),
        ReadCapabilities.CODE: Capabilities((Capability(2, 1, 1), *more)),
        ReadLocalStatus.CODE: LocalStatus(0, 0),
        CARD.CODE: CARD,
        ReadOutputs.CODE: OutputStatus(b"\0"),
        SetOutputs.CODE: Ack(),
        Poll.CODE: Ack(),
    }


class Answers(Protocol):
    """What units say. The frame is one that a panel of this machine laid out."""

    def to(self, frame: bytes, cards: set[int]) -> Answer:
        """Return the code of a command and the reply, nothing if nobody has this address."""


class InClear:
    """Every reply is laid out beforehand."""

    def __init__(self, addresses: Sequence[int]) -> None:
        self._known = {
            (address, sequence, code): _wire(address, sequence, reply.CODE, reply.encode())
            for address in addresses
            for sequence in SEQUENCES
            for code, reply in replies_of(address).items()
        }

    def to(self, frame: bytes, cards: set[int]) -> Answer:
        """Look it up."""
        address, sequence, code = frame[1], frame[4] & 3, frame[5]
        key = CARD.CODE if code == Poll.CODE and address in cards else code
        return code, self._known.get((address, sequence, key), b"")


class Secured:
    """Every reply is sealed."""

    def __init__(self, addresses: Sequence[int]) -> None:
        self._units = {each: SecureUnit(each, replies_of(each, SECURE)) for each in addresses}

    def to(self, frame: bytes, cards: set[int]) -> Answer:
        """Ask the unit."""
        unit = self._units.get(frame[1])
        return (0, b"") if unit is None else unit.answer(frame, card=frame[1] in cards)


def _wire(address: int, sequence: int, code: int, body: bytes) -> bytes:
    return MARKED + Frame(address, sequence, code, body, reply=True).encode()


class AtOnce(FarEnd):
    """All peripherals of one line, and the line."""

    def __init__(
        self, port: PseudoTerminal, addresses: Sequence[int], baud: int, answers: Answers
    ) -> None:
        super().__init__(port, addresses)
        self._answers = answers
        self._sent = dict.fromkeys(addresses, 0)
        self._cards: set[int] = set()  # addresses with a card to report
        self._buffer = b""
        self._character = BITS_PER_CHARACTER / baud if baud else 0.0
        self._free_at = 0.0
        self._late = 0.0  # seconds, all last characters together
        self._exchanges = 0

    def present(self, address: int) -> None:
        """It goes out with the next answer to a poll."""
        self._cards.add(address)

    def replies(self) -> Mapping[int, int]:
        """Return how many replies each address sent."""
        return self._sent

    def state(self) -> dict[str, Any]:
        """Add how late the wire was, in seconds a reply."""
        return {**super().state(), "late": self._late / max(1, self._exchanges)}

    def overhear(self, data: bytes) -> None:
        """Answer every command in it."""
        if not data:
            return
        now = time.monotonic()
        self._buffer += data
        for frame, length in self._commands():
            ended = self._take(now, length)
            self.present_due()
            self._answer(frame, ended)

    def _commands(self) -> Iterator[tuple[bytes, int]]:
        """Yield commands and how many characters they were; trusts a local panel's bytes."""
        while (start := self._buffer.find(MARK)) >= 0 and len(self._buffer) >= start + 4:
            frame = self._buffer[start:]
            length = frame[2] | frame[3] << 8
            if len(frame) < length:
                return
            yield frame[:length], start + length
            self._buffer = self._buffer[start + length :]

    def _take(self, now: float, characters: int) -> float:
        """Return when the last of the panel's characters was through."""
        if not self._character:
            return now
        begun = max(now, self._free_at + IDLE_CHARACTERS * self._character)
        self._free_at = begun + characters * self._character
        _await(self._free_at)
        return self._free_at

    def _answer(self, frame: bytes, now: float) -> None:
        address = frame[1]
        code, reply = self._answers.to(frame, self._cards)
        if not reply:
            return
        if code == Poll.CODE:
            self._cards.discard(address)
        if code == SetOutputs.CODE:
            self.drove_output(address, now)
        self._sent[address] += 1
        self._write(reply)

    def _write(self, reply: bytes) -> None:
        if not self._character:
            self.port.write(reply)
            return
        self._free_at += IDLE_CHARACTERS * self._character
        for byte in reply:
            self._free_at += self._character
            _await(self._free_at)
            self.port.write(bytes((byte,)))
        self._late += time.monotonic() - self._free_at
        self._exchanges += 1


def _await(moment: float) -> None:
    """Return at that moment, as exactly as a process can."""
    if (rest := moment - time.monotonic()) > SPIN:
        time.sleep(rest - SPIN)
    while time.monotonic() < moment:
        pass


def main() -> None:
    """Run until standard input ends."""
    parser = argparse.ArgumentParser(description="peripherals that answer at once")
    parser.add_argument("--port", type=Path, required=True)
    parser.add_argument("--addresses", required=True)
    parser.add_argument("--baud", type=int, default=0)
    parser.add_argument("--secure", action="store_true")
    given = parser.parse_args()
    addresses = [int(address) for address in given.addresses.split(",")]
    if given.baud:
        with suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    answers = Secured(addresses) if given.secure else InClear(addresses)
    AtOnce(PseudoTerminal(given.port), addresses, given.baud, answers).run()


if __name__ == "__main__":
    main()
