"""All messages of boards and hosts, from values to bytes and back."""

from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import (
    FrameError,
    MalformedMessage,
    ProtocolError,
    UnknownMessage,
    UnsendableMessage,
)
from protocol.uhppote.cards import (
    ALWAYS,
    INVALID_CARDS,
    CardRecord,
    GetCard,
    GetCardAtIndex,
    IndexedCard,
    PutCard,
)
from protocol.uhppote.doors import (
    DoorControl,
    DoorControlSet,
    DoorMode,
    DoorOpened,
    FirstCardMode,
    GetDoorControl,
    OpenDoor,
    SetAntipassback,
    SetDoorControl,
    SetFirstCard,
    SetInterlock,
    SetPasscodes,
)
from protocol.uhppote.frame import MARK, ODD_MARK, SIZE, STATUS, Frame
from protocol.uhppote.message import Done, Reply, Request
from protocol.uhppote.messages import (
    REPLIES,
    REQUESTS,
    decode_reply,
    decode_request,
    encode,
)
from protocol.uhppote.schedules import (
    AddTask,
    GetProfile,
    Profile,
    SetProfile,
    SetTime,
    TaskKind,
    TimeHeld,
)
from protocol.uhppote.settings import Identify, RecordSpecialEvents, SetAddress
from protocol.uhppote.status import NEWEST, OLDEST, Event, GetEvent, GetStatus, Status
from protocol.uhppote.values import (
    END_OF_DAY,
    EVERY_DAY,
    MIDNIGHT,
    NO_SEGMENT,
    Date,
    Minute,
)
from tests.protocol.uhppote.messages import KINDS, messages_of, serials
from tests.protocol.uhppote.plain import plain
from tests.protocol.vectors import vectors

SERIAL = 405419896
CARD = PutCard(8165538, Date(2022, 1, 1), Date(2022, 12, 31), (0, 1, 29, 0), pin=7531)
TO_SEVENTEEN = (Minute(8, 30), FirstCardMode.NORMALLY_OPEN, Minute(17, 0))


def decoded(kind: type[Request | Reply], raw: bytes) -> Request | Reply:
    frame = Frame.decode(raw)
    return decode_request(frame) if issubclass(kind, Request) else decode_reply(frame)


# --- the wire -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "vector",
    vectors("uhppote_messages"),
    ids=lambda vector: f"{vector['message']} {vector['wire']}",
)
def test_other_peoples_messages_say_what_they_meant(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["wire"]).ljust(SIZE, b"\0")
    frame = Frame.decode(raw)
    message = decode_request(frame) if vector["from"] == "host" else decode_reply(frame)
    assert type(message).__name__ == vector["message"]
    assert plain(message) == vector["fields"]
    assert (
        Frame(frame.function, frame.serial, message.encode(), mark=frame.mark).encode() == raw
    )


def test_there_is_a_vector_of_every_message() -> None:
    told = {vector["message"] for vector in vectors("uhppote_messages")}
    assert told == {kind.__name__ for kind in KINDS}
    assert len(REQUESTS) == 34
    assert {kind.CODE for kind in REQUESTS} - {kind.CODE for kind in REPLIES} == {
        SetAddress.CODE
    }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_a_message_survives_the_wire_whatever_lies_beside_its_fields(
    kind: type[Request | Reply], data: st.DataObject
) -> None:
    """Real boards leave other data there."""
    message, serial = data.draw(messages_of(kind)), data.draw(serials)
    raw = bytearray(encode(serial, message))
    assert decoded(kind, bytes(raw)) == message
    assert Frame.decode(bytes(raw)).serial == serial
    size = 8 + kind.LAYOUT.sizeof()
    raw[2:4] = data.draw(st.binary(min_size=2, max_size=2))
    raw[size:] = data.draw(st.binary(min_size=SIZE - size, max_size=SIZE - size))
    assert decoded(kind, bytes(raw)) == message


@given(
    st.sampled_from((MARK, ODD_MARK)),
    st.sampled_from(sorted({kind.CODE for kind in KINDS})) | st.integers(0, 255),
    st.binary(min_size=SIZE - 2, max_size=SIZE - 2),
)
def test_any_64_bytes_are_a_message_or_an_error(mark: int, code: int, rest: bytes) -> None:
    for decode in (decode_request, decode_reply):
        try:
            message = decode(Frame.decode(bytes((mark, code)) + rest))
        except ProtocolError:
            continue
        assert code == message.CODE


@given(st.binary(max_size=200))
def test_any_bytes_at_all_are_a_message_or_an_error(raw: bytes) -> None:
    try:
        frame = Frame.decode(raw)
    except FrameError:
        return
    assert len(raw) == SIZE
    assert frame.mark in (MARK, ODD_MARK)


@pytest.mark.parametrize("length", [0, 1, 63, 65, 1024])
def test_a_message_has_64_bytes(length: int) -> None:
    with pytest.raises(FrameError, match=f"64 bytes, not {length}"):
        Frame.decode(bytes((MARK, STATUS)).ljust(length, b"\0")[:length])


def test_the_odd_mark_of_firmware_6_62_belongs_to_events_only() -> None:
    raw = bytearray(encode(SERIAL, Event(1)))
    raw[0] = ODD_MARK
    with pytest.raises(FrameError, match="0x19 is not one of function 0xb0"):
        Frame.decode(bytes(raw))
    question = Frame(STATUS, SERIAL, b"", mark=ODD_MARK)
    with pytest.raises(FrameError, match="event on a question"):
        decode_request(Frame.decode(question.encode()))


def test_only_one_question_goes_to_every_board() -> None:
    everybody = encode(0, Identify())
    assert decode_request(Frame.decode(everybody)) == Identify()
    with pytest.raises(UnsendableMessage, match="OpenDoor cannot go to every board"):
        encode(0, OpenDoor(1))
    with pytest.raises(FrameError, match="every board"):
        decode_request(Frame(OpenDoor.CODE, 0, b"\1"))
    with pytest.raises(FrameError, match="without a serial"):
        decode_reply(Frame.decode(everybody))


def test_a_serial_number_has_four_bytes() -> None:
    for serial in (-1, 1 << 32):
        with pytest.raises(UnsendableMessage, match="four bytes"):
            encode(serial, GetStatus())


def test_a_body_ends_where_the_message_does() -> None:
    with pytest.raises(UnsendableMessage, match="57 bytes"):
        Frame(STATUS, SERIAL, bytes(57)).encode()


def test_a_number_can_come_along_with_any_question() -> None:
    frame = Frame.decode(encode(SERIAL, OpenDoor(3), sequence=0x40000001))
    assert frame.sequence == 0x40000001
    assert decode_request(frame) == OpenDoor(3)
    assert Frame.decode(encode(SERIAL, OpenDoor(3))).sequence == 0


@pytest.mark.parametrize("decode", [decode_request, decode_reply])
def test_a_function_nobody_has_is_named(decode: Any) -> None:  # noqa: ANN401 - either of two
    with pytest.raises(UnknownMessage, match="0x21"):
        decode(Frame(0x21, SERIAL, bytes(56)))


# --- what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (OpenDoor(0), "1 to 4"),
        (OpenDoor(5), "1 to 4"),
        (SetDoorControl(1, 5, 3), "no door mode"),
        (SetDoorControl(1, DoorMode.CONTROLLED, 256), "delay"),
        (GetDoorControl(9), "1 to 4"),
        (SetAntipassback(5), "no anti-passback"),
        (SetInterlock(5), "no interlock"),
        (SetPasscodes(1, (1_000_000, 0, 0, 0)), "six digits"),
        (SetPasscodes(1, (1, 2, 3)), "four passcodes"),  # type: ignore[arg-type]  # on purpose
        (SetPasscodes(5, (0, 0, 0, 0)), "1 to 4"),
        (SetFirstCard(1, *TO_SEVENTEEN, 4, EVERY_DAY), "no first card mode"),
        (
            SetFirstCard(1, MIDNIGHT, 3, END_OF_DAY, 0, EVERY_DAY),
            "first card mode inside the window",
        ),
        (PutCard(1, None, None, (0, 0, 0, 255)), "2 to 254"),
        (PutCard(1, None, None, (0, 0, 0)), "doors must have 4"),  # type: ignore[arg-type]  # on purpose
        (PutCard(1, None, None, (0, 0, 0, 0), pin=1_000_000), "six digits"),
        (GetCard(1 << 32), "card does not fit"),
        (GetProfile(1), "2 to 254"),
        (SetProfile(255, None, None, EVERY_DAY, (NO_SEGMENT,) * 3), "2 to 254"),
        (SetProfile(3, None, None, EVERY_DAY, (NO_SEGMENT,) * 3, linked=1), "2 to 254"),
        (SetProfile(3, None, None, EVERY_DAY, (NO_SEGMENT,) * 3, linked=3), "itself"),
        (AddTask(None, None, EVERY_DAY, MIDNIGHT, 1, 13), "no task"),
        (AddTask(None, None, EVERY_DAY, MIDNIGHT, 0, TaskKind.PULSE), "1 to 4"),
        (CardRecord(1, None, None, (0, 0, 0, 0), pin=1 << 24), "three bytes"),
    ],
)
def test_what_no_board_can_hold_is_not_sent(message: Request | Reply, why: str) -> None:
    with pytest.raises(UnsendableMessage, match=why):
        encode(SERIAL, message)


@pytest.mark.parametrize("card", INVALID_CARDS)
def test_three_numbers_are_no_cards(card: int) -> None:
    with pytest.raises(UnsendableMessage, match="no card"):
        encode(SERIAL, PutCard(card, None, None, (ALWAYS,) * 4))


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        (SetTime, "20230230 120000", "no such date"),
        (SetTime, "2022082a 120000", "decimal"),
        (SetTime, "20220823 246000", "no such time"),
        (SetTime, "00000000 000000", "no time"),
        (RecordSpecialEvents, "02", "0 or 1"),
        (OpenDoor, "05", "1 to 4"),
        (SetProfile, "1d" + "00" * 15 + "08302515" + "00" * 9, "no such minute"),
    ],
)
def test_a_question_must_be_exact(kind: type[Request], body: str, why: str) -> None:
    with pytest.raises(MalformedMessage, match=why):
        decode_request(Frame(kind.CODE, SERIAL, bytes.fromhex(body).ljust(56, b"\0")))


@pytest.mark.parametrize("kind", [kind for kind in REPLIES if issubclass(kind, Done)])
def test_done_is_1_and_refused_is_0_and_nothing_else_is_either(kind: type[Done]) -> None:
    assert decode_reply(Frame(kind.CODE, SERIAL, b"\1".ljust(56, b"\0"))) == kind(ok=True)
    assert decode_reply(Frame(kind.CODE, SERIAL, bytes(56))) == kind(ok=False)
    with pytest.raises(MalformedMessage, match="0 or 1"):
        decode_reply(Frame(kind.CODE, SERIAL, b"\xe1".ljust(56, b"\0")))


def test_a_board_without_a_clock_can_still_be_understood() -> None:
    for raw in ("20000000000000", "ffffffffffffff", "20220823097000", "00000000000000"):
        body = bytes.fromhex(raw).ljust(56, b"\0")
        assert decode_reply(Frame(TimeHeld.CODE, SERIAL, body)) == TimeHeld(None)


def test_a_card_with_impossible_dates_has_none() -> None:
    body = bytes.fromhex("a2987c00 20223301 00010101 01010101 00000000").ljust(56, b"\0")
    reply = decode_reply(Frame(CardRecord.CODE, SERIAL, body))
    assert reply == CardRecord(8165538, None, None, (1, 1, 1, 1))


def test_a_profile_with_an_impossible_minute_shows_it_and_is_not_sent_back() -> None:
    body = bytes.fromhex("1d" + "00" * 8 + "02" * 7 + "08302460" + "00" * 9).ljust(56, b"\0")
    reply = decode_reply(Frame(Profile.CODE, SERIAL, body))
    assert isinstance(reply, Profile)
    assert reply.weekdays == EVERY_DAY
    assert (reply.segments[0].start, reply.segments[0].end) == (Minute(8, 30), None)
    with pytest.raises(UnsendableMessage, match="a minute is missing"):
        encode(SERIAL, reply)


# --- questions and their answers ----------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "fitting", "other"),
    [
        (OpenDoor(1), DoorOpened(), Event()),
        (GetStatus(), Status(), DoorOpened()),
        (GetEvent(7), Event(7), Event(8)),
        (GetEvent(7), Event(), DoorOpened()),
        (GetEvent(OLDEST), Event(9), DoorOpened()),
        (GetEvent(NEWEST), Event(9), DoorOpened()),
        (GetCard(5), CardRecord(5), CardRecord(6)),
        (GetCard(5), CardRecord(), IndexedCard(5)),
        (GetCardAtIndex(5), IndexedCard(9), CardRecord(9)),
        (GetDoorControl(2), DoorControl(2, 3, 5), DoorControl(1, 3, 5)),
        (
            SetDoorControl(2, DoorMode.FIRST_CARD, 5),
            DoorControlSet(2, DoorMode.CONTROLLED, 5),
            DoorControlSet(3, DoorMode.FIRST_CARD, 5),
        ),
        (GetProfile(9), Profile(9), Profile(8)),
        (GetProfile(9), Profile(), DoorOpened()),
    ],
)
def test_an_answer_fits_its_question_as_far_as_it_tells(
    request_: Request, fitting: Reply, other: Reply
) -> None:
    assert request_.fits(fitting)
    assert not request_.fits(other)


def test_nothing_fits_a_question_that_is_never_answered() -> None:
    nobody = IPv4Address(0)
    assert SetAddress.REPLY is None
    assert not SetAddress(nobody, nobody, nobody).fits(DoorOpened())


def test_some_answers_name_what_was_asked_and_others_do_not() -> None:
    assert GetEvent(7).told_apart
    assert GetDoorControl(1).told_apart
    assert not GetEvent(OLDEST).told_apart
    assert not OpenDoor(1).told_apart


def test_what_does_more_when_done_twice_is_never_repeated() -> None:
    assert [kind for kind in REQUESTS if not kind.REPEATABLE] == [OpenDoor, AddTask]


# --- secrets ------------------------------------------------------------------------------


def test_pins_and_passcodes_are_not_shown() -> None:
    codes = SetPasscodes(3, (12345, 0, 999999, 54321))
    record = CardRecord(8165538, None, None, (0, 0, 0, 0), pin=7531)
    for message in (CARD, record, codes):
        shown = repr(message) + repr(Frame.decode(encode(SERIAL, message)))
        assert not any(secret in shown for secret in ("7531", "12345", "54321", "999999"))


def test_an_error_does_not_tell_the_pin() -> None:
    for message in (
        PutCard(1, None, None, (0, 0, 0, 0), pin=7_777_777),
        PutCard(1, None, None, (0, 0, 0, 0), pin=-7_777_777),
        CardRecord(1, pin=77_777_777),
        SetPasscodes(1, (7_777_777, 0, 0, 0)),
    ):
        with pytest.raises(UnsendableMessage) as caught:
            message.encode()
        assert "77777" not in str(caught.value)
