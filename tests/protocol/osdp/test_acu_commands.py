"""ACU cases 060: the commands of the Basic profile."""

import pytest

from protocol.osdp.bus import Answers, Delivered, Identified, Refused, WentOffline, WentSilent
from protocol.osdp.commands import (
    Identify,
    Poll,
    ReadCapabilities,
    ReadInputs,
    ReadLocalStatus,
    ReadOutputs,
    SetCommunication,
)
from protocol.osdp.replies import (
    Capabilities,
    Capability,
    CommunicationSettings,
    Function,
    LocalStatus,
    Nak,
    NakReason,
)
from tests.protocol.osdp.acu import CARD, KEY, case
from tests.simulate.script import ABILITIES, IDENTITY, SILENCE, again, on, then
from tests.simulate.stage import Stage, expecting

POLL_INTERVAL = 0.05
FARTHER = SetCommunication(5, 38400)


@case("060-02-01")
def test_polls_ask_in_a_steady_rhythm_and_take_whatever_waits() -> None:
    stage = Stage(on(Poll), on(Poll, CARD), on(Poll)).play().run(1)
    polls = stage.wires(Poll)

    assert {each.frame.body for each in polls} == {b""}
    assert stage.replies() == [CARD]
    exchange = 17 * stage.character_time + 0.003  # POLL, ACK, mark; the unit's delay
    count = len([each for each in polls if each.at > stage.now - 0.9])
    assert count == pytest.approx(0.9 / (POLL_INTERVAL + exchange), abs=2)

    stage.unit.cues = [on(Poll, SILENCE), again(SILENCE), again(SILENCE)]
    stage.play().run(3)
    assert [type(each) for _, each in stage.told if isinstance(each, WentSilent | Answers)] == [
        WentSilent,
        Answers,
    ]


@case("060-02-02")
def test_a_local_status_may_come_as_the_answer_to_a_poll() -> None:
    opened, closed = LocalStatus(1, 0), LocalStatus(0, 0)
    for key in (None, KEY):
        stage = Stage(on(Poll, opened), on(Poll, closed), on(Poll), key=key).play()
        assert stage.replies() == [opened, closed]


@case("060-03-01")
def test_the_identity_is_asked_for_first_and_told() -> None:
    stage = Stage(then(Identify(0)), admit=False).play().run(0.5)
    (told,) = stage.events(Identified)

    assert stage.written[0].frame.body == b"\x00"
    assert told.identification == IDENTITY
    assert told.evidence[0][6:-2] == IDENTITY.encode()
    later = {each.frame.code for each in stage.written[2:]}
    assert later <= {Identify.CODE}  # nothing else before somebody approved


@case("060-04-01")
def test_capabilities_are_asked_for_and_what_a_unit_lacks_is_not_asked_of_it() -> None:
    stage = Stage(then(Identify), then(ReadCapabilities(0))).play().connect()
    (told,) = stage.events(Identified)
    assert told.capabilities == ABILITIES
    assert stage.wires(ReadInputs)
    assert stage.wires(ReadOutputs)

    poor = Capabilities((Capability(Function.CONTACTS, 0, 0),))
    for answer in (poor, Nak(NakReason.UNKNOWN_COMMAND)):
        stage = Stage(on(ReadCapabilities, answer)).connect()
        assert not stage.wires(ReadInputs)
        assert not stage.wires(ReadOutputs)


@case("060-05-01")
def test_the_local_status_is_read_when_a_unit_is_admitted_and_when_asked() -> None:
    for key in (None, KEY):
        stage = Stage(on(ReadLocalStatus, LocalStatus(0, 1)), key=key).connect()
        assert stage.local_status() == [LocalStatus(0, 1)]
        assert stage.send(ReadLocalStatus())
        stage.run(0.5)
        assert stage.local_status() == [LocalStatus(0, 1), LocalStatus(0, 0)]
        assert stage.endings() == {1: Delivered()}


@case("060-13-01")
def test_a_unit_is_moved_to_another_address_and_speed_and_found_there() -> None:
    stage = Stage(on(FARTHER), settings=(expecting(1), expecting(5))).connect()
    assert stage.send(FARTHER)
    stage.play()
    stage.reconnect(38400)
    stage.run(10)

    (order,) = stage.wires(SetCommunication)
    assert order.frame.body == bytes.fromhex("05 00960000")
    assert stage.replies() == [CommunicationSettings(5, 38400)]
    assert stage.endings() == {1: Delivered()}
    assert [event.address for event in stage.events(Identified)] == [1, 5]
    assert [event.address for event in stage.events(WentOffline)] == [1]
    assert list(stage.connections) == [5]

    unmoved = CommunicationSettings(1, 9600)
    stage = Stage(on(FARTHER, unmoved), then(Identify)).connect()
    assert stage.send(FARTHER)
    stage.play().run(2)
    assert stage.replies() == [unmoved]
    assert list(stage.connections) == [1]

    refusal = Nak(NakReason.RECORD)
    stage = Stage(on(FARTHER, refusal), then(Poll)).connect()
    assert stage.send(FARTHER)
    stage.play().run(1)
    assert stage.endings() == {1: Refused(refusal)}
    assert not stage.events(WentOffline)


@case("060-16-05")
def test_a_unit_is_moved_inside_its_session_and_needs_a_new_one_there() -> None:
    settings = (expecting(1, KEY), expecting(5, KEY))
    stage = Stage(on(FARTHER), key=KEY, settings=settings).connect()
    assert stage.send(FARTHER)
    stage.play()
    stage.reconnect(38400)
    stage.run(10)

    (order,) = stage.wires(SetCommunication)
    assert order.frame.security is not None
    assert order.frame.body != FARTHER.encode()
    assert stage.replies() == [CommunicationSettings(5, 38400)]
    there = [event for event in stage.events(Identified) if event.address == 5]
    assert [event.proved for event in there] == [True]
    assert list(stage.connections) == [5]
    assert stage.bus.counters(5).sessions == 1
