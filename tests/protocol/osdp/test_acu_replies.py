"""ACU cases 070: the replies of the Basic profile."""

from dataclasses import replace

from protocol.osdp.bus import Delivered, Identified, Refused, WentOffline
from protocol.osdp.commands import (
    Identify,
    LedRecord,
    Permanent,
    Poll,
    ReadCapabilities,
    SetCommunication,
    SetLeds,
)
from protocol.osdp.frame import Frame
from protocol.osdp.replies import (
    Ack,
    Capabilities,
    Capability,
    CommunicationSettings,
    Function,
    Identification,
    InputStatus,
    Keypad,
    Nak,
    NakReason,
    RawCard,
    RawFormat,
)
from tests.protocol.osdp.acu import CARD, KEY, case
from tests.simulate.script import ABILITIES, again, on, then
from tests.simulate.stage import Stage, expecting

LIGHT = SetLeds((LedRecord(permanent=Permanent.SET, permanent_on=1),))


@case("070-02-01")
def test_an_ack_ends_a_command_well() -> None:
    for key in (None, KEY):
        stage = Stage(on(LIGHT, Ack()), on(Poll, Ack()), key=key).connect()
        assert stage.send(LIGHT)
        stage.play()
        assert stage.endings() == {1: Delivered()}
        assert stage.replies() == []


@case("070-02-02")
def test_inputs_may_come_as_the_answer_to_a_poll() -> None:
    inputs = InputStatus(bytes((0, 1, 0, 0)))
    for key in (None, KEY):
        stage = Stage(on(Poll, inputs), on(Poll), key=key).play()
        assert stage.replies() == [inputs]
        assert not stage.events(WentOffline)


@case("070-03-01")
def test_a_nak_ends_the_command_and_nothing_else() -> None:
    refusals = [Nak(reason) for reason in (2, 3, 7, 8, 9, 0xFF)]
    for key in (None, KEY):
        stage = Stage(*(on(LIGHT, each) for each in refusals), on(Poll), key=key).connect()
        for tag in range(len(refusals)):
            assert stage.send(LIGHT, tag)
        stage.play().run(1)

        assert list(stage.endings().values()) == [Refused(each) for each in refusals]
        assert stage.bus.counters(1).naks == {each.reason: 1 for each in refusals}
        assert not stage.events(WentOffline)
        assert stage.bus.counters(1).retries == 0


@case("070-03-04")
def test_a_command_that_arrived_damaged_is_sent_again_and_a_poll_too() -> None:
    damaged = Nak(NakReason.CHECK)
    stage = Stage(on(LIGHT, damaged), again(damaged), again(), on(Poll, damaged), again())
    stage.connect()
    assert stage.send(LIGHT)
    stage.play().run(1)
    assert stage.endings() == {1: Delivered()}
    assert stage.bus.counters(1).naks == {NakReason.CHECK: 3}
    assert not stage.events(WentOffline)
    assert all(each.frame.crc for each in stage.written)  # it is no reason for checksums

    stage = Stage(on(LIGHT, damaged), again(damaged), again(damaged), then(Poll)).connect()
    assert stage.send(LIGHT)
    stage.play()
    assert stage.endings() == {1: Refused(damaged)}  # it is not repeated for ever


@case("070-04-01")
def test_an_identification_is_read_field_by_field_and_a_short_one_is_not_believed() -> None:
    stage = Stage(then(Identify), admit=False).play().run(0.2)
    (told,) = stage.events(Identified)
    assert told.evidence[0][6:-2] == bytes.fromhex("02475f 01 01 78563412 03 02 01")
    assert told.identification == Identification(
        vendor=bytes.fromhex("02475f"),
        model=1,
        version=1,
        serial=0x12345678,
        firmware_major=3,
        firmware_minor=2,
        firmware_build=1,
    )

    def short(frame: Frame) -> Frame:
        return replace(frame, body=frame.body[:-1])

    stage = Stage(on(Identify, edit=short), on(Identify), then(ReadCapabilities)).play().run(1)
    assert len(stage.events(Identified)) == 1
    assert stage.bus.counters(1).unreadable == 1


@case("070-05-01")
def test_capabilities_are_read_record_by_record_and_unknown_ones_are_kept() -> None:
    strange = Capabilities((*ABILITIES.records, Capability(99, 1, 2)))
    stage = Stage(on(ReadCapabilities, strange)).connect()
    (told,) = stage.events(Identified)

    assert told.capabilities == strange
    assert told.evidence[1][6:-2] == strange.encode()
    assert told.evidence[1][6:9] == bytes((1, 1, 4))  # contacts, unsupervised, four
    assert told.evidence[1][-5:-2] == bytes((99, 1, 2))


@case("070-05-09")
def test_the_kind_of_check_a_unit_can_do_is_told_and_a_crc_is_used_all_the_same() -> None:
    for can in (0, 1):
        said = Capabilities((Capability(Function.CHECK, can, 0),))
        stage = Stage(on(ReadCapabilities, said), on(Poll, CARD)).play().run(0.5)
        (told,) = stage.events(Identified)
        assert told.capabilities == said
        assert all(each.frame.crc for each in stage.written)
        assert stage.replies() == [CARD]

    old = Stage(on(Poll), settings=(expecting(1, crc=False),)).play()  # by configuration only
    assert not any(each.frame.crc for each in old.written)


@case("070-05-17")
def test_the_version_of_the_standard_a_unit_speaks_is_told_and_any_will_do() -> None:
    for version in (0, 1, 2, 3, 4):
        said = Capabilities((Capability(Function.VERSION, version, 0),))
        stage = Stage(on(ReadCapabilities, said), on(Poll, CARD)).play().run(0.5)
        (told,) = stage.events(Identified)
        assert told.capabilities == said
        assert stage.replies() == [CARD]
    assert Stage(on(ReadCapabilities, Capabilities(()))).connect().connections


@case("070-10-01")
def test_the_bits_of_a_card_are_told_once_and_without_what_stands_behind_them() -> None:
    def rubbish_behind(frame: Frame) -> Frame:
        return replace(frame, body=frame.body[:-1] + bytes((frame.body[-1] | 0x3F,)))

    def lying(frame: Frame) -> Frame:
        return replace(frame, body=frame.body[:2] + b"\xff\x00" + frame.body[4:])

    long = RawCard(0xFF, RawFormat.UNSPECIFIED, 200, bytes(range(25)))
    for key in (None, KEY):
        stage = Stage(on(Poll, CARD), on(Poll, long), on(Poll, CARD), on(Poll), key=key).play()
        assert stage.replies() == [CARD, long, CARD]

    stage = Stage(on(Poll, CARD, edit=rubbish_behind), on(Poll)).play()
    assert stage.replies() == [CARD]
    stage = Stage(on(Poll, CARD, edit=lying), on(Poll)).play()
    assert stage.replies() == []
    assert stage.bus.counters(1).unreadable == 1


@case("070-12-01")
def test_keys_are_told_in_their_order_and_stay_out_of_what_is_printed() -> None:
    typed = (Keypad(0, b"1"), Keypad(0, b"234567890"), Keypad(0, b"\x0d"), Keypad(0, b"\x7f"))
    for key in (None, KEY):
        stage = Stage(*(on(Poll, each) for each in typed), on(Poll), key=key).play()
        assert stage.replies() == list(typed)
        assert not any("234567890" in repr(event) for event in stage.told)


@case("070-13-01")
def test_the_settings_a_unit_answers_with_are_told_whatever_was_asked_for() -> None:
    asked, answered = SetCommunication(1, 115200), CommunicationSettings(1, 9600)
    for key in (None, KEY):
        stage = Stage(on(asked, answered), then(Identify), key=key).connect()
        assert stage.send(asked)
        stage.play().run(2)  # whoever answers now says who it is
        assert stage.replies() == [answered]
        assert stage.endings() == {1: Delivered()}
        assert len(stage.events(WentOffline)) == 1
        assert list(stage.connections) == [1]
