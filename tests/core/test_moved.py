"""A change is in force at once, and kept if it outlasts a restart."""

from datetime import UTC, datetime

from gatewayd.core.access.model import PointId
from gatewayd.core.access.state import (
    CardWait,
    CardWaits,
    LockdownIs,
    Presence,
    PresenceIs,
    State,
    ThreatLevelIs,
)
from gatewayd.core.actions import Action, KeepState
from gatewayd.core.model import AreaId, Card, HolderId
from gatewayd.core.moved import Moved

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
ANNA, LAB = HolderId("anna"), AreaId("lab")
WAITS = CardWaits(PointId("lab:in"), CardWait(Card("26:12345680"), 15.0))


def test_what_is_changed_is_in_force_and_kept_in_one_go() -> None:
    out: list[Action] = []
    state = State()
    Moved(state, out).change([PresenceIs(ANNA, Presence(LAB, NOON)), ThreatLevelIs(2)])
    assert state.presences == {ANNA: Presence(LAB, NOON)}
    assert state.threat_level == 2
    (kept,) = out
    assert isinstance(kept, KeepState)
    assert [key for key, _ in kept.entries] == ["presence/anna", "threat_level"]


def test_who_waits_is_not_kept() -> None:
    out: list[Action] = []
    state = State()
    moved = Moved(state, out)
    moved.change([WAITS])
    assert moved.state.cards == {WAITS.point: WAITS.wait}
    assert out == []
    moved.change([LockdownIs(on=True), WAITS])
    assert out == [KeepState((("lockdown", {"on": True}),))]


def test_no_change_keeps_nothing() -> None:
    out: list[Action] = []
    Moved(State(), out).change(())
    assert out == []
