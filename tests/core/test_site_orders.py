"""What is ordered for the whole site is in force, kept, told and answered."""

from gatewayd.core.access.state import Presence, PresenceIs
from gatewayd.core.actions import Answer, KeepState
from gatewayd.core.events import (
    DoorModeChanged,
    PassbackForgiven,
    RequestEnded,
    SiteLockdown,
    SiteThreatLevel,
)
from gatewayd.core.model import AreaId, DoorMode, HolderId, RequestId
from gatewayd.core.reaction import LockDown, SetMode, ThreatLevel
from gatewayd.core.requests import ForgivePassback, LockDownSite, SetThreatLevel
from tests.core.modes import ANNA, LAB, NOON, Modes, answers, changes, events

BY_OFFICE, BY_BUTTON = "request office", "reaction button"
BORIS, NOBODY = HolderId("boris"), HolderId("nobody")
ROOM = AreaId("room")


def test_a_lockdown_is_told_kept_and_answered() -> None:
    site = Modes(rules=())
    told = site.ask(LockDownSite(on=True))
    assert events(told)[0] == SiteLockdown(on=True, by=BY_OFFICE)
    assert told[1] == KeepState((("lockdown", {"on": True}),))
    assert isinstance(events(told)[1], DoorModeChanged)
    assert told[-1].result == {"on": True}  # type: ignore[union-attr]  # an answer, see below
    assert answers(told) == [None]
    assert site.state.lockdown


def test_the_same_lockdown_again_is_answered_and_no_change() -> None:
    site = Modes(rules=())
    told = site.ask(LockDownSite(on=False))
    assert events(told) == [RequestEnded(RequestId("r1"), "office")]  # type: ignore[arg-type]  # a client by its name
    assert answers(told) == [None]


def test_a_threat_level_is_told_kept_and_answered() -> None:
    site = Modes()
    told = site.ask(SetThreatLevel(20))
    assert events(told)[0] == SiteThreatLevel(20, BY_OFFICE)
    assert told[1] == KeepState((("threat_level", {"level": 20}),))
    assert answers(told) == [None]
    assert answers(site.ask(SetThreatLevel(20))) == [None]
    assert site.restarted().state.threat_level == 20


def test_one_holder_is_forgiven_where_they_are() -> None:
    site = Modes()
    site.state.apply(PresenceIs(ANNA, Presence(ROOM, NOON)))
    told = site.ask(ForgivePassback(ANNA))
    assert events(told)[0] == PassbackForgiven(ANNA, BY_OFFICE)
    assert answers(told) == [None]
    assert site.state.presences == {ANNA: Presence(ROOM, NOON, forgiven=True)}
    assert site.state.occupancy == {ROOM: 1}
    assert site.restarted().state.presences == site.state.presences


def test_a_holder_of_whom_nothing_is_known_is_forgiven_too() -> None:
    site = Modes()
    site.ask(ForgivePassback(ANNA))
    assert site.state.presences == {ANNA: Presence(None, NOON, forgiven=True)}


def test_nobody_is_forgiven_who_does_not_exist() -> None:
    site = Modes()
    told = site.ask(ForgivePassback(NOBODY))
    assert answers(told) == ["no_such_holder"]
    assert site.state.presences == {}


def test_everybody_is_forgiven_at_once() -> None:
    site = Modes()
    for each in (ANNA, BORIS):
        site.state.apply(PresenceIs(each, Presence(ROOM, NOON)))
    told = site.ask(ForgivePassback())
    assert events(told)[0] == PassbackForgiven(None, BY_OFFICE)
    assert answers(told) == [None]
    assert site.state.presences == {}
    assert site.state.forgiven == NOON


def test_a_local_reaction_orders_the_same() -> None:
    site = Modes(rules=())
    site.site.apply(SetMode(LAB, DoorMode.BLOCKED), BY_BUTTON, site.now)
    site.site.apply(ThreatLevel(5), BY_BUTTON, site.now)
    site.site.apply(LockDown(), BY_BUTTON, site.now)
    told = site.wait()
    assert (LAB, DoorMode.BLOCKED, BY_BUTTON) in changes(told)
    assert SiteThreatLevel(5, BY_BUTTON) in events(told)
    assert SiteLockdown(on=True, by=BY_BUTTON) in events(told)
    assert not any(isinstance(each, Answer) for each in told)
