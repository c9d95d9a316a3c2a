"""A secure conversation with a foreign peripheral, recorded by us and checked MAC by MAC."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from protocol.osdp.commands import Identify, KeyType, Poll, SetKey
from protocol.osdp.frame import Frame
from protocol.osdp.replies import Ack, RawCard
from protocol.osdp.secure_handshake import Established, Handshake
from protocol.osdp.trace import Direction, Reassembly, Record
from protocol.osdp.trace_channel import Verdict
from protocol.osdp.trace_follow import Follower, Seen, Summary
from protocol.osdp.trace_mask import Recorder
from tests.interop.companion import PATIENCE
from tests.interop.foreign import ForeignPeripherals
from tests.interop.test_foreign_secure import (
    ADDRESS,
    CARD,
    KEY,
    OTHER_KEY,
    Conversation,
    begin,
    secured,
)

NEW_KEY = bytes.fromhex("c41f03d95be27a68904d117e3fa65bb2")


class Recorded(Conversation):
    """A conversation that is recorded on our side."""

    def __init__(self, port: Path, *, unmasked: bool) -> None:
        super().__init__(port)
        self.lines: list[str] = []
        self._recorder = Recorder(unmasked=unmasked)

    def ask(self, seal: Callable[[int], bytes]) -> Frame:
        def sealed(number: int) -> bytes:
            wire = seal(number)
            self._keep(Direction.OUTPUT, wire)
            return wire

        frame = super().ask(sealed)
        self._keep(Direction.INPUT, frame.encode())
        return frame

    def _keep(self, direction: Direction, data: bytes) -> None:
        records = self._recorder.take(time.time_ns(), direction, data)
        self.lines += [each.encode() for each in records]


async def recorded(
    foreign: ForeignPeripherals, hold: Callable[[Recorded], None], *, unmasked: bool = False
) -> list[str]:
    """Return the lines of a recording."""

    def conversation(port: Path) -> list[str]:
        talk = Recorded(port, unmasked=unmasked)
        try:
            hold(talk)
        finally:
            talk.close()
        return talk.lines

    return await asyncio.to_thread(conversation, foreign.path)


def follow(lines: list[str], *keys: bytes) -> tuple[list[Seen], Summary]:
    reassembly, follower = Reassembly(), Follower({ADDRESS: keys})
    seen = [
        follower.take(found.frame, masked=found.record.masked)
        for line in lines
        for found in reassembly.take(Record.decode(line.encode()))
    ]
    return seen, follower.summary


@pytest.fixture
async def foreign(tmp_path: Path) -> AsyncIterator[ForeignPeripherals]:
    async with ForeignPeripherals(tmp_path / "bus", [ADDRESS], {ADDRESS: KEY}) as peripherals:
        yield peripherals


async def test_every_mac_of_a_foreign_session_is_right(foreign: ForeignPeripherals) -> None:
    await foreign.present_card(ADDRESS, 26, CARD)

    def hold(talk: Recorded) -> None:
        session = secured(talk)
        talk.say(session, Identify())
        give_up = time.monotonic() + PATIENCE
        while isinstance(talk.say(session, Poll()), Ack):
            assert time.monotonic() < give_up

    lines = await recorded(foreign, hold)
    seen, summary = follow(lines, OTHER_KEY, KEY)
    assert {each.verdict for each in seen[1:]} == {Verdict.PROVED}
    assert (summary.sessions, summary.wrong, summary.faults) == (1, 0, 0)
    assert summary.macs_checked == len(seen) - 4
    card = seen[-1].message
    assert isinstance(card, RawCard)
    assert card.data.hex() == CARD
    assert {each.verdict for each in follow(lines, OTHER_KEY)[0][1:]} == {Verdict.UNKNOWN}


async def test_a_new_key_is_followed_from_the_old_one(foreign: ForeignPeripherals) -> None:
    def hold(talk: Recorded) -> None:
        assert talk.say(secured(talk), SetKey(KeyType.SCBK, NEW_KEY)) == Ack()
        renewed = begin(talk, Handshake(ADDRESS, NEW_KEY))
        assert isinstance(renewed, Established)
        assert talk.say(renewed.session, Poll()) == Ack()

    lines = await recorded(foreign, hold, unmasked=True)
    seen, summary = follow(lines, KEY)
    assert [each.verdict for each in seen if each.name != "CHLNG"] == [Verdict.PROVED] * 10
    assert (summary.sessions, summary.macs_checked) == (2, 4)
