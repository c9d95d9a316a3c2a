"""What somebody far away may ask for; every request gets exactly one answer."""

from dataclasses import replace

import pytest

from gatewayd.core import desk as desk_module
from gatewayd.core.actions import (
    Action,
    Answer,
    Identify,
    Record,
    Release,
    ReportHealth,
)
from gatewayd.core.desk import Desk
from gatewayd.core.events import DoorReleased, RequestEnded
from gatewayd.core.facts import ControllerIdentified, Outcome, RequestCommitted
from gatewayd.core.model import AuditReport, ClientId, DoorId, DoorMode, OrderId, RequestId
from gatewayd.core.requests import ReadHealth, Request, RunAudit, SetDoorMode, UnlockDoor
from tests.core.site import (
    CLOSED,
    DESK,
    LOBBY,
    OFFICE,
    OPEN,
    REST,
    STRIKE,
    World,
    admitted,
    answers,
    events,
    identity,
    of,
    orders,
    ready,
)

UNLOCK = UnlockDoor(LOBBY)
R1 = RequestId("r1")


# --- door.unlock -------------------------------------------------------------------------


def test_a_request_releases_a_door_and_is_answered_when_the_lock_says_so() -> None:
    world = ready()
    assert world.ask(UNLOCK) == [
        Record(DoorReleased(LOBBY, "request office", 5.0)),
        Release(OrderId(1), STRIKE, 1, 0, seconds=5.0, expires=102.0),
    ]
    done = world.done(OrderId(1))
    assert events(done) == [RequestEnded(R1, OFFICE)]
    (answer,) = of(Answer, done)
    assert (answer.request, answer.client, answer.error) == (R1, OFFICE, None)
    assert answer.result == world.views[LOBBY]


@pytest.mark.parametrize(
    ("outcome", "error", "part"),
    [
        (Outcome.REFUSED, "controller_refused", "NAK 9"),
        (Outcome.EXPIRED, "controller_silent", "did not move"),
        (Outcome.UNCONFIRMED, "controller_silent", "may have moved"),
        (Outcome.NOT_SENT, "controller_offline", "nothing was sent"),
    ],
)
def test_a_release_that_fails_is_answered_with_what_is_known(
    outcome: Outcome, error: str, part: str
) -> None:
    world = ready()
    world.ask(UNLOCK)
    done = world.done(OrderId(1), outcome, "NAK 9")
    (answer,) = of(Answer, done)
    assert answer.error == error
    assert part in answer.message
    assert RequestEnded(R1, OFFICE, error) in events(done)


def test_an_answer_that_the_line_forgets_is_given_all_the_same() -> None:
    world = ready()
    world.ask(UNLOCK)
    assert answers(world.wait(3.1)) == [("r1", "controller_silent")]
    assert answers(world.done(OrderId(1))) == []


def test_a_door_that_does_not_exist_cannot_be_opened() -> None:
    world = ready()
    assert answers(world.ask(UnlockDoor(DoorId("attic")))) == [("r1", "no_such_door")]
    attic = SetDoorMode(DoorId("attic"), DoorMode.UNLOCKED)
    assert answers(world.ask(attic)) == [("r2", "no_such_door")]


def test_a_blocked_door_cannot_be_opened_from_afar() -> None:
    world = ready()
    world.done(orders(world.ask(SetDoorMode(LOBBY, DoorMode.BLOCKED)))[0])
    assert answers(world.ask(UNLOCK)) == [("r2", "door_blocked")]


def test_a_request_that_comes_too_late_moves_nothing() -> None:
    asked = ready().ask(UNLOCK, seconds=0)
    assert orders(asked) == []
    assert answers(asked) == [("r1", "request_expired")]


def test_an_order_is_not_sent_later_than_its_request_allows() -> None:
    (release,) = of(Release, ready().ask(UNLOCK, seconds=0.5))
    assert release.expires == 100.5


def test_a_lock_that_is_away_is_answered_at_once() -> None:
    world = ready()
    world.offline(STRIKE)
    assert answers(world.ask(UNLOCK)) == [("r1", "controller_offline")]


def test_an_unlocked_door_is_open_already() -> None:
    world = ready()
    (latch,) = orders(world.ask(SetDoorMode(LOBBY, DoorMode.UNLOCKED)))
    (again,) = orders(world.ask(UNLOCK))
    world.done(latch)
    assert answers(world.done(again)) == [("r2", None)]
    asked = world.ask(UNLOCK)
    assert orders(asked) == []
    assert answers(asked) == [("r3", None)]


def test_a_door_released_on_request_may_be_opened() -> None:
    world = ready()
    world.done(orders(world.ask(UNLOCK))[0])
    world.inputs(OPEN, REST)
    assert world.views[LOBBY].alarms == ()
    world.inputs(CLOSED, REST)


def test_two_clients_may_use_the_same_id() -> None:
    world = ready()
    ours = Request(R1, OFFICE, UNLOCK, expires=200)
    world.tell(RequestCommitted(ours))
    world.tell(RequestCommitted(replace(ours, client=ClientId("app"))))
    told = [*world.done(OrderId(1)), *world.done(OrderId(2))]
    assert [(each.request, each.client) for each in of(Answer, told)] == [
        (R1, "office"),
        (R1, "app"),
    ]


def test_the_same_request_again_does_nothing_while_the_first_is_under_way() -> None:
    world = ready()
    request = Request(R1, OFFICE, UNLOCK, expires=200)
    assert len(orders(world.tell(RequestCommitted(request)))) == 1
    assert world.tell(RequestCommitted(request)) == []


def test_too_many_requests_at_a_time_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "MAX_OPEN", 1)
    world = ready()
    world.ask(UNLOCK)
    asked = world.ask(UNLOCK)
    assert orders(asked) == []
    assert answers(asked) == [("r2", "busy")]


def test_rights_come_before_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "_may", lambda _: False)
    world = ready()
    assert answers(world.ask(UnlockDoor(DoorId("attic")), seconds=0)) == [
        ("r1", "not_permitted")
    ]


def test_a_request_is_answered_once() -> None:
    out: list[Action] = []
    desk = Desk(out)
    request = Request(R1, OFFICE, UNLOCK, expires=1)
    assert desk.begin(request)
    desk.end(request)
    desk.end(request, "busy")
    assert len(of(Answer, out)) == 1
    assert len(desk) == 0


# --- health.read -------------------------------------------------------------------------


def test_health_is_answered_by_the_daemon() -> None:
    world = ready()
    request = Request(R1, OFFICE, ReadHealth(), expires=200)
    assert world.tell(RequestCommitted(request)) == [ReportHealth(request)]


def test_reading_too_late_leaves_no_trace_but_an_answer() -> None:
    asked = ready().ask(ReadHealth(), seconds=0)
    assert events(asked) == []
    assert answers(asked) == [("r1", "request_expired")]


# --- audit.run ---------------------------------------------------------------------------


def test_an_audit_asks_everybody_again_and_reports_when_all_have_answered() -> None:
    world = ready()
    asked = world.ask(RunAudit())
    assert of(Identify, asked) == [Identify(DESK), Identify(STRIKE)]
    assert answers(asked) == []
    assert admitted(world.online(DESK)) == [DESK]
    told = world.tell(ControllerIdentified(STRIKE, 1, identity(model=9)))
    (answer,) = of(Answer, told)
    assert isinstance(answer.result, AuditReport)
    assert [view.verdict for view in answer.result.controllers] == ["approved", "classic"]


def test_nothing_is_driven_while_it_is_audited_and_nothing_is_alarmed() -> None:
    world = ready()
    world.ask(RunAudit())
    assert world.card() == []
    assert orders(world.ask(UNLOCK)) == []
    assert world.views[LOBBY].alarms == ()


def test_an_audit_does_not_wait_for_those_who_stay_silent() -> None:
    world = ready()
    world.ask(RunAudit())
    world.online(DESK)
    assert answers(world.wait(1.9)) == []
    assert answers(world.wait(0.2)) == [("r1", None)]


def test_an_audit_does_not_wait_for_those_who_are_away_or_leave() -> None:
    world = ready()
    world.offline(DESK)
    world.ask(RunAudit())
    assert answers(world.offline(STRIKE)) == [("r1", None)]
    assert answers(world.ask(RunAudit())) == [("r2", None)]


def test_two_who_ask_for_an_audit_get_the_same_report() -> None:
    world = ready()
    world.ask(RunAudit())
    assert of(Identify, world.ask(RunAudit())) == []
    assert answers(world.online()) == [("r1", None), ("r2", None)]


def test_controllers_may_identify_themselves_without_an_audit() -> None:
    world = World()
    assert answers(world.online()) == []
