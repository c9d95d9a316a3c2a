"""ACU cases 050-09: what every packet of the panel looks like, and which ones it takes."""

from dataclasses import replace
from itertools import pairwise

import pytest

from protocol.checks import checksum, crc16
from protocol.osdp.bus import (
    Alarm,
    Alarming,
    Delivered,
    Identified,
    Priority,
    WentOffline,
)
from protocol.osdp.commands import (
    COMMANDS,
    Challenge,
    Identify,
    LedRecord,
    Permanent,
    Poll,
    ReadCapabilities,
    SetCommunication,
    SetLeds,
    SoundBuzzer,
)
from protocol.osdp.frame import BROADCAST, Frame, SecurityBlock
from protocol.osdp.replies import (
    Ack,
    Busy,
    InputStatus,
    Keypad,
    LocalStatus,
    Nak,
    NakReason,
)
from protocol.osdp.scan import Scan
from protocol.osdp.secure_session import SIGNED_COMMAND
from tests.protocol.osdp.acu import CARD, KEY, case
from tests.simulate.script import IDENTITY, SILENCE, again, flip_last, on, then
from tests.simulate.stage import Stage, expecting

SILENCE_LIMIT = 8.0  # seconds; then both sides are offline (5.7)
LIGHT = SetLeds((LedRecord(permanent=Permanent.SET, permanent_on=1),))
SOUND = SoundBuzzer(0, 2, 1, 1, 1)

REQUESTS = (  # every way the panel can be asked to speak on its own account
    on(Poll, CARD),
    on(LIGHT),
    on(SOUND),
    on(Poll, SILENCE),
    again(),
    on(Poll, Busy(), number=0, clear=True),
    again(),
)


def a_day(key: bytes | None = None) -> Stage:
    """Return a stage on which everything usual has happened."""
    stage = Stage(*REQUESTS, key=key).connect()
    assert stage.send(LIGHT, 1)
    assert stage.send(SOUND, 2)
    stage.play()
    assert stage.endings() == {1: Delivered(), 2: Delivered()}
    return stage


def both_ways() -> list[bytes]:
    """Return everything written on such a day, in clear and sealed, without the marks."""
    return [each.wire[1:] for key in (None, KEY) for each in a_day(key).written]


@case("050-09-01")
def test_each_packet_has_the_parts_of_the_packet_format_in_their_order() -> None:
    for each in a_day(KEY).written:
        wire, frame = each.wire[1:], each.frame
        block = b"" if frame.security is None else frame.security.encode()
        parts = (
            b"\x53",
            bytes((1,)),
            len(wire).to_bytes(2, "little"),
            bytes((frame.sequence | 0x04 | (0x08 if block else 0),)),
            block,
            bytes((frame.code,)),
            frame.body,
            frame.mac,
        )
        assert wire == b"".join(parts) + crc16(wire[:-2]).to_bytes(2, "little")


@case("050-09-02")
def test_number_0_begins_a_connection_and_its_answer_is_followed_by_number_1() -> None:
    for key in (None, KEY):
        stage = a_day(key)
        numbers = [each.frame.sequence for each in stage.written]
        beginnings = [at for at, number in enumerate(numbers) if number == 0]
        codes = [stage.written[at].frame.code for at in beginnings]
        assert codes == [Identify.CODE] if key is None else [Identify.CODE, Challenge.CODE]
        assert all(numbers[at + 1] == 1 for at in beginnings)

        stage.unit.cues = [on(Poll, Ack(), number=0), then(Identify)]  # a new start, please
        stage.play()
        assert stage.written[-1].frame.sequence == 0
        assert len(stage.events(WentOffline)) == 1
        stage.run(2)
        assert len(stage.events(Identified)) == 2
        assert stage.unit.secure is (key is not None)

        silent = stage.now
        stage.unit.address = 9  # unplugged
        stage.run(SILENCE_LIMIT + 1)
        stage.unit.address = 1
        after = [each for each in stage.written if each.at > silent + SILENCE_LIMIT + 0.5]
        assert after[0].frame.sequence == 0
        assert after[0].frame.code == Identify.CODE


@case("050-09-03")
def test_every_command_begins_with_the_start_of_message() -> None:
    assert {wire[0] for wire in both_ways()} == {0x53}


@case("050-09-04")
def test_commands_carry_the_seven_bits_of_an_address_and_answers_of_others_are_not_taken() -> (
    None
):
    for address in (0, 1, 0x7E):
        stage = Stage(on(Poll), settings=(expecting(address),)).play()
        assert {each.wire[2] for each in stage.written} == {address}
    with pytest.raises(ValueError, match="address is 127"):
        expecting(BROADCAST)
    with pytest.raises(ValueError, match="address is 128"):
        expecting(0x80)

    def other(frame: Frame) -> Frame:
        return replace(frame, address=2)

    def no_reply(frame: Frame) -> Frame:
        return replace(frame, reply=False)

    for edit in (other, no_reply):
        stage = Stage(on(Poll, CARD, edit=edit), again(), on(Poll)).play()
        assert stage.replies() == [CARD]  # from the repetition


@case("050-09-05")
def test_the_configuration_address_is_asked_for_its_identity_by_a_search_and_no_more() -> None:
    stage = a_day()
    assert not any(each.frame.address == BROADCAST for each in stage.written)
    ((_, connection),) = stage.connections.items()
    for command in (LIGHT, SetCommunication(2, 9600), Identify()):
        assert not stage.bus.send(
            BROADCAST,
            command,
            priority=Priority.ROUTINE,
            expires=99,
            tag=9,
            connection=connection,
        )

    search, asked, now = Scan([BROADCAST]), [], 0.0
    search.link_up(now)
    while not search.done:
        said = b""
        if wire := search.outgoing(now):
            asked.append(Frame.decode(wire[1:]))
            said = Frame(BROADCAST, 0, IDENTITY.CODE, IDENTITY.encode(), reply=True).encode()
        else:
            now = search.deadline
        search.receive(said, now)
    assert [(each.address, each.code) for each in asked] == [(BROADCAST, Identify.CODE)]


@case("050-09-06")
def test_the_length_counts_from_start_to_check_lowest_byte_first() -> None:
    for wire in both_ways():
        assert wire[2] | wire[3] << 8 == len(wire)

    def longer(wire: bytes) -> bytes:
        return wire[:2] + (len(wire) + 1).to_bytes(2, "little") + wire[4:]

    def shorter(wire: bytes) -> bytes:
        return wire[:2] + (len(wire) - 1).to_bytes(2, "little") + wire[4:]

    for spoil in (longer, shorter):
        stage = Stage(on(Poll, CARD, spoil=spoil), again(), on(Poll)).play()
        assert stage.replies() == [CARD]  # from the repetition
        assert stage.bus.counters(1).retries == 1


@case("050-09-07")
def test_every_command_has_a_control_byte_that_says_what_follows() -> None:
    for key in (None, KEY):
        for each in a_day(key).written:
            control = each.wire[5]
            assert control & 0xF0 == 0
            assert control & 0x08 == (0x08 if each.frame.security else 0)
            assert control & 0x04  # a CRC follows
            assert control & 0x03 == each.frame.sequence


@case("050-09-08")
def test_a_security_block_is_there_when_the_flag_is_set_and_of_the_right_kind() -> None:
    blocks = {
        (each.frame.code, each.frame.security.type, each.frame.security.data)
        for each in a_day(KEY).written
        if each.frame.security is not None
    }
    assert blocks == {
        (Challenge.CODE, 0x11, b"\x01"),
        (0x77, 0x13, b"\x01"),
        (Identify.CODE, 0x17, b""),
        (ReadCapabilities.CODE, 0x17, b""),
        (0x64, SIGNED_COMMAND, b""),
        (0x65, SIGNED_COMMAND, b""),
        (0x66, SIGNED_COMMAND, b""),
        (Poll.CODE, SIGNED_COMMAND, b""),
        (SetLeds.CODE, 0x17, b""),
        (SoundBuzzer.CODE, 0x17, b""),
    }
    for each in a_day(KEY).written:
        block = each.frame.security
        if block is not None:
            assert each.wire[6] == 2 + len(block.data)
            assert len(each.frame.mac) == (4 if block.has_mac else 0)

    def of_a_command(frame: Frame) -> Frame:
        return replace(frame, security=SecurityBlock(0x17))

    stage = Stage(on(Poll, CARD, edit=of_a_command), again(), on(Poll), key=KEY).play()
    assert stage.replies() == [CARD]  # once, from the repetition

    def of_another_mac(frame: Frame) -> Frame:
        return replace(frame, mac=bytes(4))

    stage = Stage(on(Poll, CARD, edit=of_another_mac), then(Identify), key=KEY).play()
    assert stage.replies() == []
    assert [each.what for each in stage.events(Alarming)] == [Alarm.WRONG_MAC]


@case("050-09-09")
def test_the_code_of_an_answer_decides_what_it_means() -> None:
    reports = (CARD, Keypad(0, b"12"), LocalStatus(1, 0), InputStatus(b"\x00\x01\x00\x00"))
    for key in (None, KEY):
        stage = Stage(*(on(Poll, each) for each in reports), on(Poll), key=key).play()
        assert stage.replies() == list(reports)


@case("050-09-10")
def test_only_codes_of_the_list_are_said_and_others_are_not_believed() -> None:
    assert {each[5] for each in both_ways() if not each[4] & 0x08} <= {
        each.CODE for each in COMMANDS
    }
    assert all(0x60 <= each.CODE <= 0xA7 for each in COMMANDS)

    def unknown(frame: Frame) -> Frame:
        return replace(frame, code=0xFE)

    stage = Stage(on(Poll, CARD, edit=unknown), on(Poll, CARD)).play()
    assert stage.replies() == [CARD]
    assert stage.bus.counters(1).unreadable == 1
    assert not stage.events(WentOffline)


@case("050-09-12")
def test_what_comes_before_the_start_of_message_is_ignored() -> None:
    assert all(each.wire[:2] == b"\xff\x53" for each in a_day(KEY).written)
    for noise in (b"\xff", b"\xff" * 9, b"\x00\x12", bytes(range(0x53))):
        stage = Stage(on(Poll, CARD, spoil=noise.__add__), on(Poll)).play()
        assert stage.replies() == [CARD]
        assert stage.bus.counters(1).retries == 0


@case("050-09-15")
def test_a_crc_is_used_and_not_a_checksum() -> None:
    for wire in both_ways():
        assert wire[4] & 0x04
        assert crc16(wire[:-2]) == wire[-2] | wire[-1] << 8
    assert crc16(bytes.fromhex("537f0d0004 6e00 80250000")) == 0x386E  # Annex E
    assert crc16(bytes.fromhex("53000900046100")) == 0x66C0


@case("050-09-16")
def test_an_answer_with_a_wrong_crc_is_not_accepted() -> None:
    for key in (None, KEY):
        stage = Stage(on(Poll, CARD, spoil=flip_last), again(), on(Poll), key=key).play()
        assert stage.replies() == [CARD]  # once, from the repetition
        assert stage.bus.counters(1).bad_checks == 1
        assert stage.bus.counters(1).retries == 1
        assert not stage.events(WentOffline)

    def checked_otherwise(wire: bytes) -> bytes:
        return wire[:-2] + checksum(wire[:-2]).to_bytes(1, "big") * 2

    stage = Stage(on(Poll, CARD, spoil=checked_otherwise), again(), on(Poll)).play()
    assert stage.replies() == [CARD]


@case("050-09-18")
def test_with_a_key_only_questions_of_identity_and_the_challenge_go_in_clear() -> None:
    stage = a_day(KEY)
    in_clear = [each.frame.code for each in stage.written if each.frame.security is None]
    assert in_clear == [Identify.CODE, ReadCapabilities.CODE]

    stage = Stage(on(Poll, Nak(NakReason.SECURITY_REQUIRED), clear=True), key=KEY).play()
    stage.unit.lose_session()
    stage.run(3)
    clear = {each.frame.code for each in stage.written if each.frame.security is None}
    assert clear == {Identify.CODE, ReadCapabilities.CODE}
    assert stage.unit.secure

    stage = Stage(on(Poll, CARD, clear=True), then(Identify), key=KEY).play()
    assert stage.replies() == []  # a card in clear opens nothing
    assert [each.what for each in stage.events(Alarming)] == [Alarm.CLEAR_ANSWER]

    stage = Stage(on(Poll, Nak(NakReason.SECURITY_REQUIRED)), on(Poll)).play()
    assert not any(each.frame.security for each in stage.written)  # nor does a NAK decide


@case("050-09-19")
def test_numbers_rise_with_each_answer_and_an_answer_must_repeat_its_own() -> None:
    for key in (None, KEY):
        written = a_day(key).written
        for one, other in pairwise(written):
            expected = one.frame.sequence % 3 + 1
            repeated = other.wire == one.wire
            begun_anew = other.frame.code == Challenge.CODE
            assert other.frame.sequence == (
                one.frame.sequence if repeated else 0 if begun_anew else expected
            )

    def next_number(frame: Frame) -> Frame:
        return replace(frame, sequence=frame.sequence % 3 + 1)

    stage = Stage(on(Poll, CARD, edit=next_number), again(), on(Poll)).play()
    assert stage.replies() == [CARD]  # from the repetition
    assert stage.bus.counters(1).stragglers == 1
