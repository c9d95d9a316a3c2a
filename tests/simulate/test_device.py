"""The simulated peripheral keeps the rules a good one keeps."""

from collections import deque
from dataclasses import replace

import pytest

from gatewayd.simulate.device import REPORTS_BOUND, AfterKey, Device, Pulse
from protocol.message import Message
from protocol.osdp.commands import (
    Abort,
    FileType,
    Identify,
    KeepActive,
    KeyType,
    LedColour,
    LedRecord,
    ManufacturerCommand,
    OutputAction,
    OutputRecord,
    Poll,
    ReadBiometric,
    ReadCapabilities,
    ReadInputs,
    ReadLocalStatus,
    ReadOutputs,
    ReadReaders,
    ServerCryptogram,
    SetCommunication,
    SetKey,
    SetLeds,
    SetOutputs,
    SetReceiveSize,
    ShowText,
    SoundBuzzer,
    TransferFile,
)
from protocol.osdp.frame import BROADCAST, Frame, FrameReader, SecurityBlock
from protocol.osdp.lights import BuzzerTone
from protocol.osdp.replies import (
    Ack,
    Busy,
    CommunicationSettings,
    InputStatus,
    Keypad,
    LocalStatus,
    ManufacturerReply,
    Nak,
    OutputStatus,
    RawCard,
    ReaderStatus,
    TransferStatus,
    decode_reply,
)
from protocol.osdp.secure_handshake import (
    Challenging,
    Established,
    Failed,
    Handshake,
    Proving,
    Reason,
    Said,
)
from protocol.osdp.secure_keys import DEFAULT_KEY
from protocol.osdp.secure_session import Fault, SecureSession

CARD = bytes.fromhex("de ad be c0")


class Panel:
    """Asks one device, counting as a panel should."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.sequence = 0
        self.now = 0.0

    def ask(self, command: Message, *, sequence: int | None = None) -> Message:
        """Return what it answers to the next command."""
        reply = self.raw(command, sequence=sequence)
        self.sequence = reply.sequence % 3 + 1
        return decode_reply(reply)

    def raw(self, command: Message, *, sequence: int | None = None) -> Frame:
        """Return the frame it answers with, without counting on."""
        number = self.sequence if sequence is None else sequence
        frame = Frame(self.device.address, number, command.CODE, command.encode())
        (reply,) = FrameReader().feed(self.device.answer(b"\xff" + frame.encode(), self.now))
        assert reply.reply
        return reply


@pytest.fixture
def panel() -> Panel:
    return Panel(Device(1))


def drive(panel: Panel, action: OutputAction, tenths: int = 0, output: int = 0) -> Message:
    return panel.ask(SetOutputs((OutputRecord(output, action, tenths),)))


def test_it_says_who_it_is_and_what_it_can(panel: Panel) -> None:
    assert panel.ask(Identify()) == panel.device.identification
    assert panel.ask(ReadCapabilities()) == panel.device.capabilities


def test_the_same_number_brings_the_same_reply_and_does_nothing_again(panel: Panel) -> None:
    panel.ask(Identify())
    pulse = SetOutputs((OutputRecord(0, OutputAction.PULSE_ON, 50),))
    first, second = panel.raw(pulse), panel.raw(pulse)

    assert first == second
    assert panel.device.pulses == type(panel.device.pulses)([Pulse(0.0, 0, 5.0)])
    assert not panel.device.complaints


def test_another_command_under_the_same_number_is_complained_of(panel: Panel) -> None:
    panel.ask(Identify())
    panel.raw(Poll())

    assert decode_reply(panel.raw(ReadInputs())) == Ack()
    assert len(panel.device.complaints) == 1


def test_an_unexpected_number_is_refused(panel: Panel) -> None:
    panel.ask(Identify())

    assert panel.ask(Poll(), sequence=3) == Nak(4)


def test_nothing_but_zero_begins_a_conversation(panel: Panel) -> None:
    assert panel.ask(Poll(), sequence=1) == Nak(4)
    assert panel.ask(Poll(), sequence=0) == Ack()


def test_after_eight_seconds_it_is_offline_and_forgets_its_cards(panel: Panel) -> None:
    panel.ask(Identify())
    assert panel.device.online(7.9)
    assert not panel.device.online(8.0)
    panel.device.present_card(26, CARD)
    panel.now = 9.0

    assert panel.ask(Poll()) == Nak(4)
    assert panel.ask(Poll(), sequence=0) == Ack()


def test_a_new_start_in_time_keeps_what_it_has_to_report(panel: Panel) -> None:
    panel.ask(Identify())
    panel.device.present_card(26, CARD)
    panel.ask(Identify(), sequence=0)

    assert panel.ask(Poll()) == RawCard(0, 1, 26, CARD)


def test_reports_come_one_a_poll_in_order(panel: Panel) -> None:
    device = panel.device
    panel.ask(Identify())
    device.present_card(26, CARD, reader=1)
    device.press(0, "12#")
    device.press(1, "*")
    device.set_input(1, active=True)
    device.set_input(1, active=True)
    device.set_status(tamper=True)
    device.set_status(power=True)

    assert [panel.ask(Poll()) for _ in range(7)] == [
        RawCard(1, 1, 26, CARD),
        Keypad(0, b"12\r"),
        Keypad(1, b"\x7f"),
        InputStatus(bytes([0, 1, 0, 0])),
        LocalStatus(1, 0),
        LocalStatus(1, 1),
        Ack(),
    ]


def test_it_has_no_other_keys_than_keypads_have(panel: Panel) -> None:
    with pytest.raises(ValueError, match="the keys 0 to 9, # and"):
        panel.device.press(0, "1A")
    assert panel.device.waiting == 0


def test_it_keeps_only_so_many_reports(panel: Panel) -> None:
    for _ in range(REPORTS_BOUND + 5):
        panel.device.press(0, "1")

    assert panel.device.waiting == REPORTS_BOUND


def test_it_tells_its_state_when_asked(panel: Panel) -> None:
    panel.device.set_input(3, active=True)

    assert panel.ask(ReadLocalStatus()) == LocalStatus(0, 0)
    assert panel.ask(ReadInputs()) == InputStatus(bytes([0, 0, 0, 1]))
    assert panel.ask(ReadOutputs()) == OutputStatus(bytes([0, 0]))
    assert panel.ask(ReadReaders()) == ReaderStatus(bytes([0]))


def test_a_pulse_falls_back_by_itself(panel: Panel) -> None:
    device = panel.device
    assert device.deadline == float("inf")
    assert drive(panel, OutputAction.PULSE_ON, 50) == Ack()

    assert device.outputs(4.9) == (True, False)
    assert device.deadline == 5.0
    assert device.outputs(5.0) == (False, False)
    assert device.deadline == float("inf")


@pytest.mark.parametrize(
    ("actions", "during", "after"),
    [
        ([OutputAction.ON], True, True),
        ([OutputAction.ON, OutputAction.OFF], False, False),
        ([OutputAction.ON, OutputAction.PULSE_OFF], False, True),
        ([OutputAction.PULSE_ON, OutputAction.ON_AFTER_TIMER], True, True),
        ([OutputAction.ON, OutputAction.PULSE_ON, OutputAction.OFF_AFTER_TIMER], True, False),
        ([OutputAction.PULSE_ON, OutputAction.OFF], False, False),
        ([OutputAction.PULSE_ON, OutputAction.LEAVE], True, False),
    ],
)
def test_an_output_does_what_it_is_told(
    panel: Panel, actions: list[OutputAction], *, during: bool, after: bool
) -> None:
    for action in actions:
        drive(panel, action, 50)

    assert panel.device.outputs(4.0)[0] == during
    assert panel.device.outputs(6.0)[0] == after


def test_records_it_cannot_process_are_refused_all_together(panel: Panel) -> None:
    good = OutputRecord(0, OutputAction.PULSE_ON, 50)

    assert panel.ask(SetOutputs((good, OutputRecord(2, OutputAction.ON)))) == Nak(9)
    assert panel.ask(SetOutputs((good, OutputRecord(0, 77)))) == Nak(9)
    assert panel.device.outputs(1.0) == (False, False)


def test_lights_sounds_and_texts_are_kept(panel: Panel) -> None:
    light = LedRecord(permanent=1, permanent_on=1, permanent_on_colour=LedColour.GREEN)
    sound = SoundBuzzer(0, BuzzerTone.DEFAULT, 1, 1, 2)
    text = ShowText(0, 1, 0, 1, 1, b"welcome")

    assert [panel.ask(each) for each in (SetLeds((light,)), sound, text)] == [Ack()] * 3
    assert list(panel.device.lights) == [light]
    assert list(panel.device.sounds) == [sound]
    assert list(panel.device.texts) == [text]


@pytest.mark.parametrize("light", [LedRecord(permanent=1), LedRecord(temporary=2)])
def test_a_light_that_is_neither_on_nor_off_is_refused(panel: Panel, light: LedRecord) -> None:
    assert panel.ask(SetLeds((light,))) == Nak(9)


def test_a_busy_unit_says_so_under_zero_and_looks_at_nothing(panel: Panel) -> None:
    panel.ask(Identify())
    panel.device.busy = 1
    busy = panel.raw(Poll())

    assert (decode_reply(busy), busy.sequence) == (Busy(), 0)
    assert panel.ask(Poll()) == Ack()


def test_what_it_does_not_know_is_refused(panel: Panel) -> None:
    device = panel.device
    unknown = Frame(1, 0, 0xFE, b"").encode()
    malformed = Frame(1, 0, SetCommunication.CODE, b"\x01").encode()
    sealed = Frame(1, 0, Poll.CODE, b"", security=SecurityBlock(0x15), mac=bytes(4)).encode()

    reasons = [
        next(FrameReader().feed(device.answer(raw, 0.0))).body[0]
        for raw in (unknown, malformed, sealed)
    ]
    assert reasons == [3, 2, 5]
    assert panel.ask(ReadBiometric(0, 0, 0, 0)) == Nak(3)


def test_it_moves_to_a_new_address_after_its_answer(panel: Panel) -> None:
    assert panel.ask(SetCommunication(7, 115_200)) == CommunicationSettings(7, 115_200)
    assert (panel.device.address, panel.device.baud) == (7, 115_200)
    assert panel.ask(Poll(), sequence=0) == Ack()


def test_the_configuration_address_reaches_it_for_a_few_commands(panel: Panel) -> None:
    def broadcast(command: Message) -> Frame:
        raw = Frame(BROADCAST, 0, command.CODE, command.encode()).encode()
        return next(FrameReader().feed(panel.device.answer(raw, 0.0)))

    assert broadcast(Identify()).address == BROADCAST
    assert decode_reply(broadcast(Identify())) == panel.device.identification
    assert decode_reply(broadcast(Poll())) == Nak(3)


def test_it_answers_with_the_kind_of_check_it_was_asked_with(panel: Panel) -> None:
    raw = Frame(1, 0, Poll.CODE, b"", crc=False).encode()

    assert not next(FrameReader().feed(panel.device.answer(raw, 0.0))).crc


def test_it_does_not_answer_for_others(panel: Panel) -> None:
    device = panel.device

    assert device.answer(Frame(2, 0, Poll.CODE, b"").encode(), 0.0) == b""
    assert device.answer(Frame(1, 0, Ack.CODE, b"", reply=True).encode(), 0.0) == b""
    assert not device.heard


def test_without_power_it_is_silent_and_afterwards_it_begins_anew(panel: Panel) -> None:
    device = panel.device
    panel.ask(Identify())
    drive(panel, OutputAction.ON)
    device.present_card(26, CARD)
    device.off = True
    assert device.answer(Frame(1, 2, Poll.CODE, b"").encode(), 0.0) == b""
    device.off = False
    device.cycle_power()

    assert device.outputs(0.0) == (False, False)
    assert panel.ask(Poll()) == Nak(4)
    assert panel.ask(Poll(), sequence=0) == Ack()


def test_half_a_command_does_not_swallow_the_next(panel: Panel) -> None:
    panel.device.answer(bytes.fromhex("53 01 a0 05 04"), 0.0)
    panel.now = 0.1

    assert panel.ask(Poll()) == Ack()


# --- with a key ----------------------------------------------------------------------------

KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18")
OTHER_KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa19")


class SecurePanel(Panel):
    """Asks one device inside a session, as far as it gets."""

    session: SecureSession

    def begin(self, handshake: Handshake) -> Established | Failed:
        self.sequence = 0
        step: Challenging | Proving | Established | Failed = handshake.start(bytes(range(8)))
        while isinstance(step, Challenging | Proving):
            step = step.take(self.step(step.said))
        if isinstance(step, Established):
            self.session = step.session
        return step

    def step(self, said: Said) -> Frame:
        return self.hear(said.frame(1, self.sequence).encode())

    def hear(self, wire: bytes) -> Frame:
        (reply,) = FrameReader().feed(self.device.answer(b"\xff" + wire, self.now))
        self.sequence = self.sequence % 3 + 1
        return reply

    def sealed(self, command: Message) -> bytes:
        return self.session.seal(self.sequence, command.CODE, command.encode())

    def say(self, command: Message) -> Message:
        reply = self.session.open(self.hear(self.sealed(command)))
        assert reply is not None
        return decode_reply(reply)


def secured(device: Device) -> SecurePanel:
    panel = SecurePanel(device)
    assert isinstance(panel.begin(Handshake(1, KEY)), Established)
    return panel


def test_a_unit_with_a_key_answers_inside_a_session() -> None:
    device = Device(1, key=KEY)
    panel = secured(device)
    device.present_card(26, CARD)

    assert device.secure
    assert panel.say(Poll()) == RawCard(reader=0, format=1, bits=26, data=CARD)
    assert panel.say(Poll()) == Ack()


@pytest.mark.parametrize("command", [Poll(), ReadInputs(), ShowText(0, 1, 0, 1, 1, b"x")])
def test_a_unit_with_a_key_refuses_nearly_everything_in_clear(command: Message) -> None:
    panel = Panel(Device(1, key=KEY))
    assert panel.ask(command) == Nak(6)


def test_in_clear_it_says_who_it_is_and_what_it_can_do() -> None:
    device = Device(1, key=KEY)
    panel = Panel(device)
    assert panel.ask(Identify()) == device.identification
    assert panel.ask(ReadCapabilities()) == device.capabilities


def test_a_unit_that_does_not_insist_answers_in_clear_too() -> None:
    panel = Panel(Device(1, key=KEY, enforce=False))
    assert panel.ask(Poll()) == Ack()


def test_a_repeated_command_is_answered_by_the_same_sealed_bytes() -> None:
    device = Device(1, key=KEY)
    panel = secured(device)
    device.present_card(26, CARD)
    wire = b"\xff" + panel.sealed(Poll())
    assert device.answer(wire, 0.0) == device.answer(wire, 0.1)
    assert device.waiting == 0


def test_a_frame_in_clear_ends_its_session() -> None:
    device = Device(1, key=KEY)
    panel = secured(device)
    assert panel.ask(Poll()) == Nak(6)
    assert not device.secure


def test_a_forged_frame_ends_its_session() -> None:
    device = Device(1, key=KEY)
    panel = secured(device)
    (frame,) = FrameReader().feed(panel.sealed(Poll()))
    reply = panel.hear(replace(frame, mac=bytes(4)).encode())
    assert decode_reply(reply) == Nak(6)
    assert not device.secure


def test_power_silence_and_another_key_end_its_session() -> None:
    for end in (
        Device.cycle_power,
        lambda device: device.take_key(OTHER_KEY),
        lambda device: device.answer(b"", 100.0),
    ):
        device = Device(1, key=KEY)
        panel = secured(device)
        wire = panel.sealed(Poll())
        end(device)
        panel.now = 100.0
        (reply,) = FrameReader().feed(device.answer(b"\xff" + wire, panel.now))
        assert panel.session.open(reply) is None
        assert panel.session.fault is Fault.NAK_IN_CLEAR
        assert not device.secure


def test_another_key_is_no_way_in() -> None:
    panel = SecurePanel(Device(1, key=KEY))
    assert panel.begin(Handshake(1, OTHER_KEY)) == Failed(Reason.WRONG_CRYPTOGRAM)


def test_a_wrong_proof_is_refused() -> None:
    device = Device(1, key=KEY)
    panel = SecurePanel(device)
    step = Handshake(1, KEY).start(bytes(8))
    proving = step.take(panel.step(step.said))
    assert isinstance(proving, Proving)
    forged = replace(proving.said, message=ServerCryptogram(bytes(16)))
    assert proving.take(panel.step(forged)) == Failed(Reason.REFUSED, 0xFF)
    assert decode_reply(panel.step(proving.said)) == Nak(6)
    assert not device.secure


def test_a_proof_with_another_selector_is_refused() -> None:
    panel = SecurePanel(Device(1, key=KEY))
    step = Handshake(1, KEY).start(bytes(8))
    proving = step.take(panel.step(step.said))
    assert isinstance(proving, Proving)
    other = replace(proving.said, security=SecurityBlock(0x13, b"\x00"))
    assert decode_reply(panel.step(other)) == Nak(6)


def test_the_default_key_opens_only_in_install_mode() -> None:
    handshake = Handshake.by_default_key(1)
    assert SecurePanel(Device(1, key=KEY)).begin(handshake) == Failed(Reason.NAK, 6)
    panel = SecurePanel(Device(1, install_mode=True))
    assert isinstance(panel.begin(handshake), Established)
    assert DEFAULT_KEY not in repr(panel.device).encode()


def test_it_takes_a_file_and_forgets_half_of_one_with_its_power(panel: Panel) -> None:
    panel.ask(Identify())
    half = TransferFile(FileType.OPAQUE, 6, 0, b"abc")
    assert isinstance(panel.ask(half), TransferStatus)
    panel.device.cycle_power()
    panel.ask(Identify(), sequence=0)
    assert panel.ask(TransferFile(FileType.OPAQUE, 6, 3, b"def")) == Nak(9)
    assert isinstance(panel.ask(half), TransferStatus)
    assert panel.ask(Abort()) == Ack()
    assert panel.device.files.aborted == 1


def test_it_listens_to_its_maker_and_to_nobody_elses(panel: Panel) -> None:
    panel.ask(Identify())
    vendor = panel.device.identification.vendor
    assert panel.ask(ManufacturerCommand(vendor, b"x")) == ManufacturerReply(vendor, b"x")
    assert panel.ask(ManufacturerCommand(b"abc", b"x")) == Nak(3)


def test_it_is_told_how_long_its_answers_may_be_and_to_keep_a_card(panel: Panel) -> None:
    panel.ask(Identify())
    assert panel.ask(SetReceiveSize(1440)) == Ack()
    assert panel.ask(KeepActive(3000)) == Ack()
    assert (panel.device.panel_takes, panel.device.keeps_card_for) == (1440, 3000)


def test_a_new_key_leaves_the_session_alone_and_opens_the_next() -> None:
    device = Device(1, key=KEY)
    panel = secured(device)
    assert panel.say(SetKey(KeyType.SCBK, OTHER_KEY)) == Ack()
    assert panel.say(Poll()) == Ack()
    assert isinstance(SecurePanel(device).begin(Handshake(1, OTHER_KEY)), Established)


@pytest.mark.parametrize("after", [AfterKey.END, AfterKey.END_IN_CLEAR])
def test_a_new_key_may_end_the_session(after: AfterKey) -> None:
    device = Device(1, key=KEY)
    device.after_key = after
    panel = secured(device)
    reply = panel.hear(panel.sealed(SetKey(KeyType.SCBK, OTHER_KEY)))
    assert reply.code == Ack.CODE
    assert (reply.security is None) == (after is AfterKey.END_IN_CLEAR)
    assert not device.secure
    assert device.key == OTHER_KEY


@pytest.mark.parametrize("command", [SetKey(2, OTHER_KEY), SetKey(KeyType.SCBK, b"short")])
def test_what_is_no_key_is_refused(command: SetKey) -> None:
    device = Device(1, key=KEY)
    assert secured(device).say(command) == Nak(9)
    assert device.key == KEY


def test_a_key_in_clear_is_refused_and_complained_about() -> None:
    device = Device(1)
    assert Panel(device).ask(SetKey(KeyType.SCBK, KEY)) == Nak(6)
    assert device.complaints == deque(["a key was told in clear"])
    assert device.key is None


def test_with_a_key_of_its_own_install_mode_is_over_until_it_is_put_back() -> None:
    device = Device(1, install_mode=True)
    by_default = Handshake.by_default_key(1)
    panel = SecurePanel(device)
    assert isinstance(panel.begin(by_default), Established)
    panel.say(SetKey(KeyType.SCBK, KEY))

    assert SecurePanel(device).begin(by_default) == Failed(Reason.NAK, 6)
    assert Panel(device).ask(Poll()) == Nak(6)
    device.forget_key()
    assert isinstance(SecurePanel(device).begin(by_default), Established)
    assert Panel(device).ask(Poll()) == Ack()
