"""ACU cases 050-03 to 050-08: characters, turns and times on the line."""

from protocol.osdp.bus import Delivered
from protocol.osdp.commands import (
    ManufacturerCommand,
    OutputAction,
    OutputRecord,
    Poll,
    ReadOutputs,
    SetCommunication,
    SetLeds,
    SetOutputs,
)
from protocol.osdp.lights import LedRecord, Permanent
from protocol.osdp.replies import Ack, Busy, Identification, LocalStatus, ManufacturerReply
from tests.protocol.osdp.acu import CARD, KEY, case
from tests.simulate.script import IDENTITY, SILENCE, again, on, then
from tests.simulate.stage import Stage

LONGEST = 1440  # bytes of a packet (5.6)
REPLY_DELAY = 0.2  # seconds a unit may take (5.7)
EVERY_VALUE = bytes(range(0x100))
VENDOR = bytes.fromhex("02475f")
LIGHT = SetLeds((LedRecord(permanent=Permanent.SET, permanent_on=1),))


@case("050-03-01")
def test_every_value_of_a_character_is_said_and_heard() -> None:
    for key in (None, KEY):
        question = ManufacturerCommand(VENDOR, EVERY_VALUE)
        answer = ManufacturerReply(VENDOR, EVERY_VALUE[::-1])
        stage = Stage(on(question, answer), key=key).connect()
        assert stage.send(question)
        stage.play()

        assert stage.replies() == [answer]
        assert stage.endings() == {1: Delivered()}


@case("050-04-01")
def test_the_panel_speaks_and_waits_for_one_answer_busy_or_not() -> None:
    stage = Stage(on(LIGHT, Busy(), number=0), again(), then(Poll)).connect()
    assert stage.send(LIGHT)
    stage.play()
    assert stage.endings() == {1: Delivered()}
    assert stage.unit.heard.count(LIGHT) == 1

    stage = Stage(on(Poll, CARD, spoil=lambda wire: wire + wire), on(Poll)).play()
    assert stage.replies() == [CARD]  # of two answers to one command the first counts

    stage = Stage().connect()
    stage.run_until(lambda: stage.bus.deadline > stage.now + 0.02, 1)
    spoken = len(stage.written)
    stage.put(bytes.fromhex("5381080005487fff"))  # nobody was asked
    stage.run(0.01)
    assert len(stage.written) == spoken


@case("050-05-01")
def test_numbers_of_several_bytes_begin_with_the_lowest_and_are_not_padded() -> None:
    stage = Stage(on(SetOutputs), on(SetCommunication)).connect()
    assert stage.send(SetOutputs((OutputRecord(3, OutputAction.PULSE_ON, 0x1234),)), 1)
    assert stage.send(SetCommunication(1, 0x00012C00), 2)
    stage.play()

    (pulse,) = stage.wires(SetOutputs)
    assert pulse.frame.body == bytes.fromhex("03 05 34 12")
    assert pulse.wire[3:5] == bytes.fromhex("0c 00")
    (move,) = stage.wires(SetCommunication)
    assert move.frame.body == bytes.fromhex("01 00 2c 01 00")
    told = Identification.decode(bytes.fromhex("02475f 01 01 78563412 03 02 01"))
    assert told == IDENTITY
    assert told.serial == 0x12345678


@case("050-06-02")
def test_answers_up_to_the_longest_frame_are_taken_and_no_longer_ones() -> None:
    for whole in (128, 512, LONGEST):
        answer = ManufacturerReply(VENDOR, bytes(whole - 11))  # head, code, vendor, CRC
        stage = Stage(on(Poll, answer), on(Poll)).play()
        assert stage.replies() == [answer]

    def too_long(wire: bytes) -> bytes:
        return wire[:2] + (LONGEST + 1).to_bytes(2, "little") + wire[4:]

    stage = Stage(on(Poll, CARD, spoil=too_long), again(), on(Poll)).play()
    assert stage.replies() == [CARD]  # once, from the repetition


@case("050-07-01")
def test_an_answer_may_take_200_ms_and_the_line_is_taken_after_a_pause_with_a_mark() -> None:
    first_character_in_time = REPLY_DELAY - 1.1 * 10 / 9600
    stage = Stage(on(Poll, CARD, after=first_character_in_time), on(Poll), on(Poll)).play()
    assert stage.replies() == [CARD]
    assert stage.bus.counters(1).timeouts == 0

    stage = Stage(on(Poll, SILENCE), again()).play()
    asked, repeated = stage.wires(Poll)
    spoken = len(asked.wire) * stage.character_time
    assert REPLY_DELAY <= repeated.at - (asked.at + spoken) <= REPLY_DELAY + 0.001

    assert min(stage.pauses) >= 2 * stage.character_time - 1e-9
    assert all(each.wire.startswith(b"\xff\x53") for each in stage.written)


@case("050-08-01")
def test_gaps_within_an_answer_are_waited_for_and_half_an_answer_is_forgotten() -> None:
    stage = Stage(on(Poll, LocalStatus(1, 0), gap=0.019), on(Poll)).play()
    assert stage.replies() == [LocalStatus(1, 0)]
    assert stage.bus.counters(1).retries == 0

    stage = Stage(on(Poll, CARD, spoil=lambda wire: wire[:-3]), again(), then(Poll)).play()
    assert stage.replies() == [CARD]
    assert stage.bus.counters(1).retries == 1
    asked, repeated, *_ = stage.wires(Poll)
    assert repeated.at - asked.at < 2 * REPLY_DELAY  # nobody waits for the rest for ever

    noise = bytes.fromhex("00 ff 53 ff ff 12 53")  # before the start of the message
    stage = Stage(on(Poll, CARD, spoil=lambda wire: noise + wire), then(Poll, Ack())).play()
    assert stage.replies() == [CARD]
    assert not stage.wires(ReadOutputs)[1:]
