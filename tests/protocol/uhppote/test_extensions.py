"""What the maker's papers add; no hardware has confirmed any of it."""

import pytest

from protocol.errors import FrameError, MalformedMessage, UnsendableMessage
from protocol.uhppote.doors import DoorOpened, OpenDoor
from protocol.uhppote.extensions import (
    BATCH,
    Capability,
    CardReplaced,
    ChainedCipherKeySet,
    CipherKeySet,
    OpenDoorFor,
    ReplaceCard,
    Replaced,
    SetChainedCipherKey,
    SetCipherKey,
    SetLimitedProfile,
    batches,
    decode_extended_reply,
    decode_extended_request,
    long_card,
    messages_of,
)
from protocol.uhppote.frame import SIZE, Frame
from protocol.uhppote.message import Request
from protocol.uhppote.messages import encode
from protocol.uhppote.schedules import SetProfile
from protocol.uhppote.status import Direction, Event
from protocol.uhppote.values import EVERY_DAY, NO_SEGMENT, Date

SERIAL = 405419896
ALL = ~Capability.NONE
KEY = bytes(range(16))
IN_JANUARY = (Date(2026, 1, 1), Date(2026, 1, 31))
PROFILE = (29, *IN_JANUARY, EVERY_DAY, (NO_SEGMENT, NO_SEGMENT, NO_SEGMENT))


@pytest.mark.parametrize(
    "request_",
    [
        OpenDoorFor(3, 8165538),
        OpenDoorFor(3, 8165538 << 32, Direction.OUT),
        ReplaceCard(8165538, *IN_JANUARY, (0, 1, 29, 0), 7531, total=80_000, index=70_000),
        SetCipherKey(KEY, KEY),
        SetChainedCipherKey(KEY, KEY, bytes(12), b"last"),
        SetLimitedProfile(*PROFILE, 30, 1, 2, 3, (4, 5, 6), deny_weekend=True),
    ],
)
def test_a_board_that_knows_an_extension_reads_it(request_: Request) -> None:
    raw = encode(SERIAL, request_)
    assert len(raw) == SIZE
    assert decode_extended_request(Frame.decode(raw), ALL) == request_


def test_another_board_opens_the_door_all_the_same() -> None:
    frame = Frame.decode(encode(SERIAL, OpenDoorFor(3, 8165538)))
    assert decode_extended_request(frame, Capability.NONE) == OpenDoor(3)


def test_a_plain_question_stays_plain() -> None:
    opening = Frame.decode(encode(SERIAL, OpenDoor(3)))
    assert decode_extended_request(opening, ALL) == OpenDoor(3)
    profile = Frame.decode(encode(SERIAL, SetProfile(*PROFILE)))
    assert decode_extended_request(profile, Capability.NONE) == SetProfile(*PROFILE)


def test_the_card_for_the_log_lies_where_the_papers_say() -> None:
    raw = encode(SERIAL, OpenDoorFor(3, 0x1122334455667788, Direction.OUT), 0x40000001)
    assert raw[8] == 3
    assert raw[20:28].hex() == "8877665544332211"
    assert raw[28] == 1
    assert raw[32] == 0x5A
    assert raw[40:44].hex() == "01000040"


def test_a_list_counts_its_records() -> None:
    raw = encode(SERIAL, ReplaceCard(9, None, None, (1, 1, 1, 1), total=0x010203, index=2))
    assert raw[32:38].hex() == "030201020000"


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (OpenDoorFor(5, 1), "1 to 4"),
        (OpenDoorFor(1, 1 << 64), "eight bytes"),
        (ReplaceCard(9, None, None, (1, 1, 1, 1), total=2, index=3), "not in the list"),
        (ReplaceCard(9, None, None, (1, 1, 1, 1), total=1 << 24, index=1), "not in the list"),
        (ReplaceCard(0, None, None, (1, 1, 1, 1), total=2, index=1), "no card"),
        (SetCipherKey(KEY, bytes(16)), "not repeated"),
        (SetChainedCipherKey(KEY, bytes(16), bytes(12), bytes(4)), "not repeated"),
    ],
)
def test_what_cannot_be_is_not_sent(message: Request, why: str) -> None:
    with pytest.raises(UnsendableMessage, match=why):
        encode(SERIAL, message)


def test_the_answers_of_extensions_are_read() -> None:
    for reply in (
        CardReplaced(Replaced.OK),
        CardReplaced(Replaced.NOT_SORTED),
        CardReplaced(7),
        CipherKeySet(1),
        ChainedCipherKeySet(1),
    ):
        assert decode_extended_reply(Frame.decode(encode(SERIAL, reply))) == reply
    assert decode_extended_reply(Frame.decode(encode(SERIAL, DoorOpened()))) is None
    with pytest.raises(MalformedMessage):
        decode_extended_reply(Frame(CardReplaced.CODE, SERIAL, b""))


def test_a_card_of_64_bits_has_its_upper_half_behind_the_event() -> None:
    body = bytearray(56)
    body[36:40] = bytes.fromhex("44332211")
    assert long_card(Frame(0x20, SERIAL, bytes(body)), Event(1, card=5)) == 0x1122334400000005


def test_sixteen_messages_go_into_one_datagram() -> None:
    each = [encode(SERIAL, OpenDoor(1 + number % 4)) for number in range(BATCH + 3)]
    joined = batches(each)
    assert [len(datagram) for datagram in joined] == [1024, 192]
    assert [raw for datagram in joined for raw in messages_of(datagram)] == each
    for wrong in (b"", bytes(63), bytes(SIZE * 17)):
        with pytest.raises(FrameError, match="no batch"):
            messages_of(wrong)


def test_keys_are_not_shown() -> None:
    shown = repr(SetCipherKey(KEY, KEY)) + repr(
        SetChainedCipherKey(KEY, KEY, KEY[:12], KEY[:4])
    )
    assert "\\x0" not in shown
