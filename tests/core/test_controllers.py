"""The gate: nothing is believed or driven before the audit has approved it."""

from dataclasses import replace

import pytest

from gatewayd.core.actions import (
    Admit,
    ApproveInventory,
    Bar,
    Record,
    Refuse,
    Show,
)
from gatewayd.core.events import (
    AuditBlocked,
    ControllerOnline,
    ControllerSecurity,
    ControllerTampered,
    ControllerWentOffline,
    ReportsIgnored,
)
from gatewayd.core.facts import (
    ControllerAlarmed,
    ControllerIdentified,
    HealthRead,
)
from gatewayd.core.model import (
    AuditReport,
    ControllerId,
    ControllerView,
    Point,
    Verdict,
)
from gatewayd.core.site import OnClassic, SiteConfig
from tests.core.site import (
    CLOSED,
    DESK,
    LAB_DOOR,
    LOBBY_DOOR,
    NOON,
    REST,
    STRIKE,
    World,
    admitted,
    events,
    identity,
    lobby,
    of,
    ready,
    site,
)

CLASSIC = identity(model=9)
STRICT = site(on_classic=OnClassic.REFUSE)


def reports(actions: list[object]) -> list[AuditReport]:
    shown = (each.view for each in actions if isinstance(each, Show))
    return [view for view in shown if isinstance(view, AuditReport)]


def views(actions: list[object]) -> list[ControllerView]:
    shown = (each.view for each in actions if isinstance(each, Show))
    return [view for view in shown if isinstance(view, ControllerView)]


def begun(config: SiteConfig | None = None) -> World:
    world = World(config)
    world.tick()
    return world


# --- one controller ----------------------------------------------------------------------


def test_at_first_every_controller_and_door_is_shown_as_unknown() -> None:
    world = World()
    assert world.brain.deadline == 0.0
    shown = world.tick()
    assert [(view.controller, view.verdict) for view in views([*shown])] == [
        (DESK, "unreachable"),
        (STRIKE, "unreachable"),
    ]
    assert set(world.views) == {"lobby", "lab"}
    assert len(reports([*shown])) == 1


def test_an_approved_controller_is_admitted_for_its_connection() -> None:
    world = begun()
    actions = world.tell(ControllerIdentified(DESK, 4, identity()))
    assert actions[:2] == [Record(ControllerOnline(DESK)), Admit(DESK, 4)]
    (view,) = views([*actions])
    assert (view.online, view.verdict, view.family) == (True, "approved", "good")
    assert view.since == NOON
    assert view.identity == identity()


def test_a_proved_identity_shows_as_secure() -> None:
    world = begun()
    proved = replace(identity(), proved=True)
    (view,) = views([*world.tell(ControllerIdentified(DESK, 1, proved))])
    assert view.secure


def test_a_controller_that_must_prove_itself_and_does_not_is_barred_and_told_why() -> None:
    world = begun(site(require_secure=frozenset({DESK})))
    said = ControllerIdentified(DESK, 1, identity(), "the cryptogram is wrong")
    actions = world.tell(said)

    assert admitted(actions) == []
    (view,) = views([*actions])
    assert (view.verdict, view.secure) == ("misconfigured", False)
    assert "the cryptogram is wrong" in view.why
    assert "has the key" in view.why
    proved = replace(identity(), proved=True)
    assert admitted(world.tell(ControllerIdentified(DESK, 2, proved))) == [DESK]


def test_a_controller_somebody_meddles_with_is_not_believed_until_it_is_judged_again() -> None:
    world = ready()
    actions = world.tell(ControllerAlarmed(DESK, "an answer was forged"))

    assert actions == [
        Record(ControllerSecurity(DESK, "an answer was forged")),
        Bar(DESK),
    ]
    assert [type(event) for event in events(world.card())] == [ReportsIgnored]
    assert admitted(world.online(DESK, connection=2)) == [DESK]


@pytest.mark.parametrize("model", [9, 77])
def test_any_other_controller_is_barred(model: int) -> None:
    world = begun()
    actions = world.tell(ControllerIdentified(DESK, 1, identity(model=model)))
    assert admitted(actions) == []
    assert of(Bar, actions) == [Bar(DESK)]
    (blocked,) = events(actions)
    assert isinstance(blocked, AuditBlocked)
    assert f"model {model}" in blocked.why


def test_a_classic_unit_is_blocked_alone() -> None:
    world = begun()
    world.tell(ControllerIdentified(STRIKE, 1, CLASSIC))
    assert admitted(world.online(DESK)) == [DESK]


def test_every_connection_is_judged_again() -> None:
    world = ready()
    assert admitted(world.online(DESK, connection=2)) == [DESK]
    assert admitted(world.tell(ControllerIdentified(DESK, 3, CLASSIC))) == []
    assert world.card(connection=3) != []
    assert world.card(connection=2) == []


def test_a_unit_that_turns_classic_within_a_connection_is_barred_and_forgotten() -> None:
    world = ready()
    actions = world.tell(ControllerIdentified(DESK, 1, CLASSIC))
    assert of(Bar, actions) == [Bar(DESK)]
    assert world.views[LOBBY_DOOR.id].contact == "unknown"
    assert events(world.card())[0] == ReportsIgnored(DESK, "CardRead", "it is classic")


def test_the_same_verdict_in_the_same_connection_is_told_once() -> None:
    world = begun()
    unknown = ControllerIdentified(DESK, 1, identity(model=77))
    assert len(events(world.tell(unknown))) == 1
    assert events(world.tell(unknown)) == []
    assert len(events(world.tell(replace(unknown, connection=2)))) == 1
    assert len(events(world.tell(replace(unknown, connection=2, identity=CLASSIC)))) == 1


def test_an_approved_unit_is_greeted_once_a_connection() -> None:
    world = begun()
    assert events(world.online(DESK)) == [ControllerOnline(DESK)]
    assert events(world.online(DESK)) == []
    assert events(world.online(DESK, connection=2)) == [ControllerOnline(DESK)]


def test_an_old_connection_cannot_come_back() -> None:
    world = begun()
    world.online(DESK, connection=5)
    assert world.online(DESK, connection=4) == []
    assert world.offline(DESK, connection=4) == []
    world.offline(DESK, connection=5)
    assert world.online(DESK, connection=5) == []


def test_a_connection_that_ended_before_it_was_judged_is_over() -> None:
    world = begun()
    assert world.offline(DESK, connection=3) == []
    assert world.online(DESK, connection=3) == []


def test_offline_is_recorded_and_ends_the_approval() -> None:
    world = ready()
    actions = world.offline(DESK)
    assert ControllerWentOffline(DESK, "gone") in events(actions)
    (view,) = views([*actions])
    assert (view.online, view.verdict) == (False, Verdict.UNREACHABLE)
    assert view.identity == identity()
    assert world.card() != []  # noted, not believed
    assert world.views[LAB_DOOR.id].alarms == ("lock_offline", "reader_offline")


def test_a_unit_that_never_was_online_does_not_go_offline() -> None:
    world = begun()
    world.tell(ControllerIdentified(DESK, 1, CLASSIC))
    assert events(world.offline(DESK)) == []


def test_what_a_unit_reports_unasked_is_told_once_a_connection() -> None:
    world = begun()
    assert events(world.card()) == [ReportsIgnored(DESK, "CardRead", "it is unreachable")]
    assert events(world.inputs(CLOSED, REST)) == []
    assert events(world.card()) == []
    assert len(events(world.card(connection=2))) == 1
    assert world.card(connection=1) == []


def test_tamper_and_power_are_told_as_they_change() -> None:
    world = ready()

    def health(*, tamper: bool, power: bool = False) -> list[object]:
        return [*events(world.tell(HealthRead(DESK, 1, tamper, power)))]

    assert health(tamper=False) == []
    assert health(tamper=True) == [ControllerTampered(DESK, tamper=True, power=False)]
    assert health(tamper=True) == []
    assert health(tamper=False, power=True) == [
        ControllerTampered(DESK, tamper=False, power=True)
    ]


def test_a_door_that_needs_more_than_its_unit_has_is_misconfigured() -> None:
    far = lobby(lock=Point(STRIKE, 8))
    world = begun(site(far, LAB_DOOR))
    actions = world.online(STRIKE)
    assert [view.verdict for view in views([*actions])] == [Verdict.MISCONFIGURED]


# --- the report --------------------------------------------------------------------------


def test_reports_are_shown_as_verdicts_change_but_not_too_often() -> None:
    world = begun()
    assert reports([*world.online()]) == []
    (report,) = reports([*world.wait(1.0)])
    assert [view.verdict for view in report.controllers] == ["approved", "approved"]
    assert reports([*world.wait(60)]) == []
    assert len(reports([*world.offline(DESK)])) == 1


# --- a whole site ------------------------------------------------------------------------


def test_the_inventory_is_approved_when_everything_is_for_the_first_time() -> None:
    world = begun()
    assert of(ApproveInventory, world.online(DESK)) == []
    assert of(ApproveInventory, world.online(STRIKE)) == [ApproveInventory()]
    assert of(ApproveInventory, world.online(STRIKE, connection=2)) == []


def test_an_inventory_that_was_approved_is_not_approved_again() -> None:
    world = begun(site(inventory_approved=True))
    assert of(ApproveInventory, world.online()) == []


def test_a_new_strict_site_is_only_looked_at_until_all_are_judged() -> None:
    world = begun(STRICT)
    assert admitted(world.online(DESK)) == []
    assert admitted(world.online(STRIKE)) == [DESK, STRIKE]


def test_a_new_strict_site_does_not_wait_for_ever() -> None:
    world = begun(STRICT)
    world.online(DESK)
    assert admitted(world.wait(2.9)) == []
    assert admitted(world.wait(0.2)) == [DESK]
    assert admitted(world.online(STRIKE)) == [STRIKE]


def test_a_new_strict_site_with_classic_units_is_refused_naming_all() -> None:
    world = begun(STRICT)
    assert of(Refuse, world.tell(ControllerIdentified(DESK, 1, CLASSIC))) == []
    actions = world.tell(ControllerIdentified(STRIKE, 1, CLASSIC))
    (refuse,) = of(Refuse, actions)
    assert "desk on north" in refuse.why
    assert "strike on south" in refuse.why
    assert "replace it by model 1" in refuse.why
    assert reports([*actions])[-1].refused


def test_a_new_strict_site_is_refused_after_a_while_if_others_do_not_answer() -> None:
    world = begun(STRICT)
    world.tell(ControllerIdentified(DESK, 1, replace(CLASSIC, serial="0000000a")))
    assert len(of(Refuse, world.wait(3.1))) == 1


def test_a_classic_unit_that_appears_later_refuses_a_site_not_yet_approved() -> None:
    world = begun(STRICT)
    world.online(DESK)
    world.wait(5)
    actions = world.tell(ControllerIdentified(STRIKE, 1, CLASSIC))
    assert len(of(Refuse, actions)) == 1
    assert Bar(DESK) in actions


def test_a_refused_site_stays_refused() -> None:
    world = begun(STRICT)
    world.tell(ControllerIdentified(DESK, 1, CLASSIC))
    world.wait(4)
    assert world.online(connection=2)
    assert admitted(world.online(connection=3)) == []
    assert of(Refuse, world.tell(ControllerIdentified(DESK, 4, CLASSIC))) == []


def test_a_strict_site_that_was_approved_once_blocks_a_classic_unit_alone() -> None:
    world = begun(site(on_classic=OnClassic.REFUSE, inventory_approved=True))
    assert admitted(world.online(DESK)) == [DESK]
    assert of(Refuse, world.tell(ControllerIdentified(STRIKE, 1, CLASSIC))) == []


def test_a_strict_site_becomes_approved_and_then_blocks_alone() -> None:
    world = begun(STRICT)
    assert of(ApproveInventory, world.online()) == [ApproveInventory()]
    assert of(Refuse, world.tell(ControllerIdentified(STRIKE, 2, CLASSIC))) == []


# --- a site that contradicts itself ------------------------------------------------------


def test_a_site_must_hang_together() -> None:
    with pytest.raises(ValueError, match="same id"):
        site(LOBBY_DOOR, LOBBY_DOOR)
    with pytest.raises(ValueError, match="same reader"):
        site(LOBBY_DOOR, replace(LAB_DOOR, reader=LOBBY_DOOR.reader))
    with pytest.raises(ValueError, match="which is missing"):
        site(lobby(lock=Point(ControllerId("attic"), 0)))


def test_only_a_configured_controller_can_be_demanded_to_prove_itself() -> None:
    with pytest.raises(ValueError, match="must be secure, but is missing"):
        site(require_secure=frozenset({ControllerId("nobody's")}))
