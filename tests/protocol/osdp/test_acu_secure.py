"""ACU cases of the Secure Channel profile: the handshake, and what is told inside a session."""

from collections.abc import Callable
from dataclasses import replace

from protocol.osdp.bus import Alarm, Alarming, Identified, WentOffline
from protocol.osdp.commands import (
    Challenge,
    Identify,
    Poll,
    ReadCapabilities,
    ReadLocalStatus,
    ServerCryptogram,
)
from protocol.osdp.frame import Frame, SecurityBlock
from protocol.osdp.replies import Capabilities, Capability, Function, LocalStatus
from protocol.osdp.secure_keys import derive, initial_rmac, server_cryptogram
from tests.protocol.osdp.acu import CARD, KEY, NEW_KEY, case
from tests.simulate.script import ABILITIES, SILENCE, again, on, then
from tests.simulate.stage import Stage, expecting

FINE = LocalStatus(0, 0)

Edit = Callable[[Frame], Frame]


def block(kind: int, data: int) -> Edit:
    """Put another security block into an answer."""
    return lambda frame: replace(frame, security=SecurityBlock(kind, bytes((data,))))


def flip(at: int) -> Edit:
    """Turn one bit of the body of an answer around."""

    def edit(frame: Frame) -> Frame:
        body = bytearray(frame.body)
        body[at] ^= 1
        return replace(frame, body=bytes(body))

    return edit


def alarms(stage: Stage) -> list[Alarm]:
    return [event.what for event in stage.events(Alarming)]


def unproved(stage: Stage) -> bool:
    """Whether the unit was told of as one that proved nothing, and stays shut out."""
    stage.run(0.05)
    (told,) = stage.events(Identified)
    assert told.fault is not None
    assert not stage.bus.open_gate(1, told.connection)
    return not told.proved and not stage.connections


@case("060-17-01")
def test_a_session_begins_with_a_challenge_of_eight_fresh_bytes() -> None:
    handshake = (then(Challenge), then(ServerCryptogram), then(Identify))
    stage = Stage(then(Identify), then(ReadCapabilities), *handshake, key=KEY).play()
    (first,) = stage.wires(Challenge)

    assert first.frame.security == SecurityBlock(0x11, b"\x01")
    assert (len(first.frame.body), first.frame.sequence, first.frame.mac) == (8, 0, b"")

    stage.connect().unit.lose_session()
    stage.unit.cues = list(handshake)
    stage.unit.cues[0] = on(Challenge)
    stage.play()
    assert len({each.frame.body for each in stage.wires(Challenge)}) == 2

    lost = Stage(on(Challenge, SILENCE), again(), then(ServerCryptogram), key=KEY).play()
    assert len(lost.wires(Challenge)) == 2


@case("060-18-01")
def test_the_panel_proves_itself_with_its_cryptogram_of_both_random_numbers() -> None:
    answers: list[Frame] = []

    def overhear(frame: Frame) -> Frame:
        answers.append(frame)
        return frame

    stage = Stage(on(Challenge, edit=overhear), then(ServerCryptogram), key=KEY).play()
    random_a = stage.wires(Challenge)[0].frame.body
    random_b = answers[0].body[8:16]
    (proof,) = stage.wires(ServerCryptogram)
    assert proof.frame.security == SecurityBlock(0x13, b"\x01")
    assert proof.frame.sequence == 1
    assert proof.frame.body == server_cryptogram(derive(KEY, random_a), random_a, random_b)

    lost = Stage(on(ServerCryptogram, SILENCE), again(), then(Identify), key=KEY).play()
    assert lost.connect().unit.secure


@case("070-16-01")
def test_no_proof_is_given_to_a_unit_whose_own_is_wrong() -> None:
    wrong: list[tuple[Edit, list[Alarm]]] = [
        (flip(16), [Alarm.WRONG_CRYPTOGRAM]),
        (flip(8), [Alarm.WRONG_CRYPTOGRAM]),  # another RND.B
        (block(0x12, 0), [Alarm.DEFAULT_KEY]),
        (block(0x12, 9), [Alarm.WRONG_SELECTOR]),
        (block(0x14, 1), []),
        (lambda frame: replace(frame, body=frame.body[:-1]), []),
        (lambda frame: replace(frame, security=None), [Alarm.CLEAR_ANSWER]),
    ]
    for edit, expected in wrong:
        stage = Stage(on(Challenge, edit=edit), key=KEY).play()
        assert unproved(stage)
        assert alarms(stage) == expected
        assert not stage.wires(ServerCryptogram)

    stranger = Stage(on(Challenge), key=NEW_KEY, settings=(expecting(1, KEY),)).play()
    assert unproved(stranger)
    assert alarms(stranger) == [Alarm.WRONG_CRYPTOGRAM]

    stage = Stage(on(Challenge), then(ServerCryptogram), key=KEY).play().connect()
    assert stage.unit.secure


@case("070-17-01")
def test_the_initial_mac_is_compared_and_then_signs_the_first_command() -> None:
    answers: list[Frame] = []

    def overhear(frame: Frame) -> Frame:
        answers.append(frame)
        return frame

    stage = Stage(on(ServerCryptogram, edit=overhear), then(Identify), key=KEY).play()
    (proof,) = stage.wires(ServerCryptogram)
    keys = derive(KEY, stage.wires(Challenge)[0].frame.body)
    assert answers[0].body == initial_rmac(keys, proof.frame.body)
    assert stage.connect().events(Identified)[0].proved

    for at in (0, 15):
        stage = Stage(on(ServerCryptogram, edit=flip(at)), key=KEY).play()
        assert unproved(stage)
        assert alarms(stage) == [Alarm.WRONG_RMAC]


@case("070-17-02")
def test_a_session_whose_end_of_the_handshake_says_error_is_not_used() -> None:
    for status in (0xFF, 0x00, 0x02):
        stage = Stage(on(ServerCryptogram, edit=block(0x14, status)), key=KEY).play()
        assert unproved(stage)
        assert alarms(stage) == [Alarm.CRYPTOGRAM_REFUSED]
        refused = len(stage.written)

        stage.run(3)
        after = stage.written[refused:]
        assert after[0].frame.code == Identify.CODE
        assert (after[0].frame.sequence, after[0].frame.security) == (0, None)
        assert len(stage.wires(Challenge)) == 2  # a new one, with new random bytes
        assert stage.events(Identified)[-1].proved


@case("070-05-10")
def test_whether_there_is_a_session_is_configured_whatever_a_unit_says_it_can_do() -> None:
    for can in (0, 1):
        said = Capabilities((Capability(Function.SECURITY, can, can),))
        stage = Stage(on(ReadCapabilities, said), on(ReadCapabilities, said), key=KEY)
        (told,) = stage.play().connect().events(Identified)
        assert (told.capabilities, told.proved) == (said, True)
        assert not alarms(stage)

        stage = Stage(on(ReadCapabilities, said), on(Poll)).play()
        (told,) = stage.events(Identified)
        assert (told.capabilities, told.proved) == (said, False)
        assert not stage.wires(Challenge)

    none = Capabilities(())
    stage = Stage(on(ReadCapabilities, none), on(Poll), key=KEY).play()
    assert stage.events(Identified)[0].capabilities == ABILITIES  # as it said inside
    assert alarms(stage) == [Alarm.CAPABILITIES_CHANGED]


@case("070-06-01")
def test_the_local_status_is_told_inside_a_session_asked_for_or_not() -> None:
    both = LocalStatus(1, 1)
    stage = Stage(on(ReadLocalStatus, both), on(Poll, FINE), on(Poll, both), key=KEY).connect()
    stage.play().run(0.2)
    assert stage.local_status() == [both, FINE, both]
    assert all(each.frame.security for each in stage.wires(ReadLocalStatus))
    assert not stage.events(WentOffline)


@case("070-06-02")
def test_an_opened_housing_is_told_when_it_opens_and_when_it_closes() -> None:
    opened = LocalStatus(1, 0)
    stage = Stage(on(Poll, opened), on(Poll, CARD), on(Poll, FINE), on(Poll), key=KEY).play()
    assert stage.replies() == [opened, CARD, FINE]


@case("070-06-03")
def test_a_lost_supply_is_told_when_it_goes_and_when_it_comes_back() -> None:
    lost = LocalStatus(0, 1)
    stage = Stage(on(Poll, lost), on(Poll, CARD), on(Poll, FINE), on(Poll), key=KEY).play()
    assert stage.replies() == [lost, CARD, FINE]
