"""ACU cases 060-16: how a unit is given a key, another one, and the first one again."""

from protocol.osdp.bus import Alarming, Delivered, Identified, WentOffline
from protocol.osdp.commands import (
    Challenge,
    Identify,
    KeyType,
    ReadCapabilities,
    ServerCryptogram,
    SetKey,
)
from protocol.osdp.frame import SecurityBlock
from protocol.osdp.happenings import SetUp, WindowClosed
from protocol.osdp.replies import Ack, Nak, NakReason
from protocol.osdp.secure_keys import BaseKey
from protocol.osdp.settings import PeripheralSettings
from tests.protocol.osdp.acu import KEY, NEW_KEY, case
from tests.simulate.script import SILENCE, again, on, then
from tests.simulate.stage import Stage

OWN, NEW = BaseKey("own", KEY), BaseKey("new", NEW_KEY)
BY_DEFAULT, BY_OWN = SecurityBlock(0x11, b"\x00"), SecurityBlock(0x11, b"\x01")
TAG = 7


def fresh() -> Stage:
    """Return a stage whose unit has no key and takes the default one, and whose panel knows."""
    known = (PeripheralSettings(1, secure=True),)
    return Stage(settings=known, install_mode=True).run(1)


def pair(stage: Stage, key: BaseKey) -> None:
    """Open the window and give the unit its key."""
    assert stage.bus.commission(1, stage.now + 60)
    stage.run_until(lambda: bool(stage.events(SetUp)), 5)
    ready = stage.events(SetUp)[-1]
    stage.bus.set_keys(1, (key,))
    order = SetKey(KeyType.SCBK, key.content)
    assert stage.bus.set_up(1, order, tag=TAG, connection=ready.connection)
    stage.run_until(lambda: bool(stage.connections), 5)


def rotate(stage: Stage, new: BaseKey, old: BaseKey) -> None:
    """Give a paired unit another key, inside its session."""
    stage.bus.set_keys(1, (new, old))
    assert stage.send(SetKey(KeyType.SCBK, new.content), TAG)


def proofs(stage: Stage) -> list[str | None]:
    """By which keys the unit proved itself, in order."""
    return [event.key for event in stage.events(Identified) if event.proved]


@case("060-16-01")
def test_a_unit_without_a_key_is_given_one_inside_a_session_by_the_default_key() -> None:
    stage = fresh()
    assert not stage.wires(Challenge)  # nothing happens by itself
    pair(stage, OWN)

    (keyset,) = stage.wires(SetKey)
    assert keyset.frame.security == SecurityBlock(0x17)
    assert KEY not in keyset.wire
    given = [each for each in stage.unit.heard if isinstance(each, SetKey)]
    assert given == [SetKey(KeyType.SCBK, KEY)]
    assert given[0].encode() == bytes.fromhex("01 10") + KEY
    assert [each.frame.security for each in stage.wires(Challenge)] == [BY_DEFAULT, BY_OWN]
    assert proofs(stage) == ["own"]
    assert [event.done for event in stage.events(WindowClosed)] == [True]
    assert stage.run(1).endings() == {TAG: Delivered()}
    assert stage.unit.secure


@case("060-16-02")
def test_a_new_key_is_used_from_the_next_session_on_and_not_before() -> None:
    stage = Stage(key=KEY).connect()
    stage.bus.set_keys(1, (NEW, OWN))
    stage.run(1)
    assert len(stage.wires(Challenge)) == 1  # knowing it does not disturb what stands

    assert stage.send(SetKey(KeyType.SCBK, NEW_KEY), TAG)
    stage.unit.cues = [on(SetKey), then(Identify), then(ReadCapabilities), then(Challenge)]
    stage.play().run(1)  # the unit opened KEYSET in the old session, or had said NAK

    assert stage.endings() == {TAG: Delivered()}
    assert stage.wires(Challenge)[1].frame.security == BY_OWN
    assert proofs(stage) == ["key 1", "new"]
    assert stage.unit.secure
    assert len(stage.wires(ServerCryptogram)) == 2


@case("060-16-03")
def test_a_paired_key_is_forgotten_and_a_unit_set_back_is_paired_anew() -> None:
    stage = Stage(key=KEY).connect()
    stage.unit.key, stage.unit.install_mode = None, True  # set back to what the maker left
    stage.unit.lose_session()
    stage.run(10)
    assert not stage.connections
    assert {each.frame.security for each in stage.wires(Challenge)} == {BY_OWN}  # no other way

    stage.bus.set_keys(1, ())
    stage.run(10)
    asked = len(stage.wires(Challenge))
    stage.run(10)
    assert len(stage.wires(Challenge)) == asked  # the old key is not used any more
    assert not stage.connections

    pair(stage, NEW)
    assert proofs(stage) == ["key 1", "new"]
    assert [event.done for event in stage.events(WindowClosed)] == [True]


@case("060-16-04")
def test_a_key_is_changed_inside_a_paired_session_again_and_again() -> None:
    stage = Stage(key=KEY).connect()
    for new, old in ((NEW, OWN), (OWN, NEW)):
        rotate(stage, new, old)
        stage.run(2)
        assert stage.unit.secure
        assert stage.unit.key == new.content
    assert proofs(stage) == ["key 1", "new", "own"]
    assert not stage.wires(SetKey)[2:]
    assert all(each.frame.security == SecurityBlock(0x17) for each in stage.wires(SetKey))
    assert [event.why for event in stage.events(WentOffline)] == ["it was given a new key"] * 2
    assert {each.frame.security for each in stage.wires(Challenge)} == {BY_OWN}

    taken = [
        (on(SetKey, clear=True),),  # as some units do
        (on(SetKey, SILENCE), again()),
    ]
    for script in taken:
        stage = Stage(*script, key=KEY).connect()
        rotate(stage, NEW, OWN)
        stage.play().run(3)
        assert stage.endings() == {TAG: Delivered()}
        assert proofs(stage) == ["key 1", "new"]
        assert not stage.events(Alarming)

    for answer in (Nak(NakReason.RECORD), Ack()):  # it says no, or says yes and forgets it
        stage = Stage(on(SetKey, answer), key=KEY).connect()
        rotate(stage, NEW, OWN)
        stage.play().run(3)
        assert stage.unit.secure
        assert stage.unit.key == KEY
        assert list(stage.connections) == [1]
        assert not stage.events(Alarming)
