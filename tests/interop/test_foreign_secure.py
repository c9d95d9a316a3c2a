"""Our secure channel against a peripheral of somebody else's making.

Only the handshake and the session are ours here: the other end is PyPI libosdp's, and between
them is a blocking conversation over its pseudo-terminal. What both sides of our own agree on
could be wrong twice; this cannot.
"""

import asyncio
import os
import select
import time
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_bytes
from typing import TypeVar

import pytest

from protocol.message import Message
from protocol.osdp.commands import Identify, OutputAction, OutputRecord, Poll, SetOutputs
from protocol.osdp.frame import Frame, FrameReader
from protocol.osdp.replies import Ack, Identification, Nak, RawCard, decode_reply
from protocol.osdp.secure_handshake import (
    Challenging,
    Established,
    Failed,
    Handshake,
    Proving,
    Reason,
    Said,
)
from protocol.osdp.secure_session import Fault, SecureSession
from tests.interop.companion import PATIENCE
from tests.interop.foreign import ForeignPeripherals, Who

ADDRESS = 1
KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18")
OTHER_KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa19")
REPLY_TIME = 0.2  # seconds, after which a command is repeated
CARD = "12345680"

Outcome = TypeVar("Outcome")


class Conversation:
    """One command at a time; what gets no answer is said again as it was."""

    def __init__(self, port: Path) -> None:
        self._port = os.open(port, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._port)
        self._reader = FrameReader()
        self._sequence = -1

    def close(self) -> None:
        os.close(self._port)

    def ask(self, seal: Callable[[int], bytes]) -> Frame:
        """Say what `seal` makes of the next sequence number; return what is answered."""
        self._sequence = self._sequence % 3 + 1 if self._sequence >= 0 else 0
        wire = b"\xff" + seal(self._sequence)
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            os.write(self._port, wire)
            for frame in self._hear(time.monotonic() + REPLY_TIME):
                return frame
        raise AssertionError(f"no answer within {PATIENCE} s")

    def step(self, said: Said) -> Frame:
        return self.ask(lambda sequence: said.frame(ADDRESS, sequence).encode())

    def say(self, session: SecureSession, command: Message) -> Message:
        """Have a command answered inside a session."""
        body = command.encode()
        frame = self.ask(lambda sequence: session.seal(sequence, command.CODE, body))
        reply = session.open(frame)
        assert reply is not None, session.fault
        return decode_reply(reply)

    def start_again(self) -> None:
        self._sequence = -1

    def _hear(self, until: float) -> Iterator[Frame]:
        while (left := until - time.monotonic()) > 0:
            if select.select([self._port], [], [], left)[0]:
                yield from self._reader.feed(os.read(self._port, 4096))


@contextmanager
def talking(port: Path) -> Iterator[Conversation]:
    conversation = Conversation(port)
    try:
        yield conversation
    finally:
        conversation.close()


def begin(talk: Conversation, handshake: Handshake) -> Established | Failed:
    """Go through the handshake as far as it goes."""
    talk.start_again()
    step: Challenging | Proving | Established | Failed = handshake.start(token_bytes(8))
    while isinstance(step, Challenging | Proving):
        step = step.take(talk.step(step.said))
    return step


def secured(talk: Conversation) -> SecureSession:
    established = begin(talk, Handshake(ADDRESS, KEY))
    assert isinstance(established, Established)
    return established.session


@pytest.fixture
async def foreign(tmp_path: Path) -> AsyncIterator[ForeignPeripherals]:
    port = tmp_path / "bus"
    async with ForeignPeripherals(port, [ADDRESS], {ADDRESS: KEY}) as peripherals:
        yield peripherals


async def over(
    foreign: ForeignPeripherals, conversation: Callable[[Conversation], Outcome]
) -> Outcome:
    """Hold a blocking conversation over the port while the tests' side goes on listening."""

    def hold() -> Outcome:
        with talking(foreign.path) as talk:
            return conversation(talk)

    return await asyncio.to_thread(hold)


async def test_both_prove_themselves_and_polls_are_answered(
    foreign: ForeignPeripherals,
) -> None:
    def conversation(talk: Conversation) -> list[Message]:
        session = secured(talk)
        return [talk.say(session, Poll()) for _ in range(10)]

    assert await over(foreign, conversation) == [Ack()] * 10


async def test_a_units_identity_is_read_in_the_session(foreign: ForeignPeripherals) -> None:
    answer = await over(foreign, lambda talk: talk.say(secured(talk), Identify()))
    assert isinstance(answer, Identification)
    assert answer.serial == Who.at(ADDRESS).serial


async def test_a_card_is_read_in_the_session(foreign: ForeignPeripherals) -> None:
    await foreign.present_card(ADDRESS, 26, CARD)

    def conversation(talk: Conversation) -> Message:
        session = secured(talk)
        give_up = time.monotonic() + PATIENCE
        while isinstance(answer := talk.say(session, Poll()), Ack):
            assert time.monotonic() < give_up
        return answer

    answer = await over(foreign, conversation)
    assert isinstance(answer, RawCard)
    assert (answer.bits, answer.data.hex()) == (26, CARD)


async def test_an_output_is_driven_in_the_session(foreign: ForeignPeripherals) -> None:
    pulse = SetOutputs((OutputRecord(1, OutputAction.PULSE_ON, 50),))
    answer = await over(foreign, lambda talk: talk.say(secured(talk), pulse))
    assert not isinstance(answer, Nak)
    heard = await foreign.wait_heard("output", address=ADDRESS)
    assert (heard["output"], heard["code"], heard["tenths"]) == (1, 5, 50)


async def test_another_key_gets_no_session(foreign: ForeignPeripherals) -> None:
    failed = await over(foreign, lambda talk: begin(talk, Handshake(ADDRESS, OTHER_KEY)))
    assert failed == Failed(Reason.WRONG_CRYPTOGRAM)


async def test_the_default_key_gets_no_session(foreign: ForeignPeripherals) -> None:
    """This one answers with its own key's selector; others refuse."""
    failed = await over(foreign, lambda talk: begin(talk, Handshake.by_default_key(ADDRESS)))
    assert isinstance(failed, Failed)
    assert failed.reason in (Reason.WRONG_SELECTOR, Reason.NAK, Reason.NOT_SUPPORTED)


async def test_a_new_session_follows_the_old(foreign: ForeignPeripherals) -> None:
    def conversation(talk: Conversation) -> Message:
        first = secured(talk)
        talk.say(first, Poll())
        return talk.say(secured(talk), Poll())

    assert await over(foreign, conversation) == Ack()


async def test_a_unit_that_lost_its_session_ends_ours(foreign: ForeignPeripherals) -> None:
    def conversation(talk: Conversation) -> Fault | None:
        old = secured(talk)
        secured(talk)  # the unit knows only this one now
        frame = talk.ask(lambda sequence: old.seal(sequence, Poll.CODE, b""))
        assert old.open(frame) is None
        return old.fault

    assert await over(foreign, conversation) is Fault.NAK_IN_CLEAR
