"""Permission updates: whole, on disk, and only then in charge."""

from gatewayd.core.actions import Answer, PermissionsView, Record, SavePermissions, Show
from gatewayd.core.events import (
    AccessDenied,
    AccessGranted,
    InternalError,
    PermissionsChanged,
    RequestEnded,
)
from gatewayd.core.facts import PermissionsCommitted, PermissionsNotCommitted
from gatewayd.core.permissions import Grant, Permissions, Update
from gatewayd.core.requests import ApplyPermissions
from gatewayd.core.updates import MAX_WAITING
from tests.core.site import (
    ANNA,
    BORIS,
    LOBBY,
    OFFICE,
    OTHER_CARD,
    World,
    answers,
    events,
    of,
    orders,
    ready,
)

ANNAS, BORISS = "H10301:36:6765", "H10301:0:3"
BORIS_TOO = Update(1, 2, {BORISS: Grant(BORIS, frozenset({LOBBY}))})
NOT_ANNA = Update(1, 2, {ANNAS: None})


def opens(world: World) -> tuple[bool, bool]:
    """Say whether Anna and Boris get in."""
    first, second = events(world.card()), events(world.card(OTHER_CARD))
    return isinstance(first[0], AccessGranted), isinstance(second[0], AccessGranted)


def test_an_update_decides_once_it_is_on_disk() -> None:
    world = ready()
    assert world.ask(ApplyPermissions(BORIS_TOO)) == [SavePermissions(BORIS_TOO)]
    assert opens(world) == (True, False)
    told = world.tell(PermissionsCommitted(2))
    view = PermissionsView(2, digest_of(BORIS_TOO), 0, 2)
    assert told == [
        Record(PermissionsChanged(2, 2)),
        Record(RequestEnded(of(Answer, told)[0].request, OFFICE)),
        Answer(of(Answer, told)[0].request, result=view, client=OFFICE),
        Show(view),
    ]
    assert opens(world) == (True, True)


def test_what_an_update_takes_away_is_denied_from_the_start() -> None:
    world = ready()
    world.ask(ApplyPermissions(NOT_ANNA))
    assert opens(world) == (False, False)
    world.tell(PermissionsCommitted(2))
    assert opens(world) == (False, False)


def test_if_the_disk_fails_only_revocations_count() -> None:
    world = ready()
    both = Update(1, 2, {**NOT_ANNA.grants, **BORIS_TOO.grants})
    world.ask(ApplyPermissions(both))
    told = world.tell(PermissionsNotCommitted(2, "disk full"))
    assert answers(told) == [("r1", "storage_failed")]
    assert "disk full" in of(Answer, told)[0].message
    assert opens(world) == (False, False)


def test_after_a_failure_the_next_update_that_is_saved_decides_again() -> None:
    world = ready()
    disabled = Update(1, 2, {ANNAS: Grant(ANNA, frozenset({LOBBY}), enabled=False)})
    world.ask(ApplyPermissions(disabled))
    world.tell(PermissionsNotCommitted(2, "disk full"))
    (denied,) = events(world.card())
    assert isinstance(denied, AccessDenied)
    assert denied.reason == "credential_disabled"
    world.ask(ApplyPermissions(BORIS_TOO))
    world.tell(PermissionsCommitted(2))
    assert opens(world) == (True, True)


def test_a_gap_or_a_step_back_is_refused_with_the_version_held() -> None:
    world = ready()
    for base in (0, 2):
        asked = world.ask(ApplyPermissions(Update(base, 9, {})))
        (answer,) = of(Answer, asked)
        assert answer.error == "permissions_version"
        assert "version 1 is held" in answer.message
        assert of(SavePermissions, asked) == []


def test_an_update_with_mistakes_is_refused_whole() -> None:
    world = ready()
    asked = world.ask(
        ApplyPermissions(Update(1, 2, {**BORIS_TOO.grants, "x": None, "y": None}))
    )
    (answer,) = of(Answer, asked)
    assert answer.error == "permissions_invalid"
    assert "'x'" in answer.message
    assert "'y'" in answer.message
    assert of(SavePermissions, asked) == []


def test_an_update_behind_another_is_checked_at_its_turn() -> None:
    world = ready()
    world.ask(ApplyPermissions(BORIS_TOO))
    assert world.ask(ApplyPermissions(Update(2, 3, {ANNAS: None}))) == []
    assert world.ask(ApplyPermissions(Update(2, 3, {}))) == []
    assert opens(world) == (True, False)
    told = world.tell(PermissionsCommitted(2))
    assert of(SavePermissions, told) == [SavePermissions(Update(2, 3, {ANNAS: None}))]
    told = world.tell(PermissionsCommitted(3))
    assert answers(told) == [("r2", None), ("r3", "permissions_version")]


def test_an_update_that_waited_too_long_is_not_applied() -> None:
    world = ready()
    world.ask(ApplyPermissions(BORIS_TOO))
    world.ask(ApplyPermissions(Update(2, 3, {})), seconds=1)
    world.mono += 1
    assert answers(world.tell(PermissionsCommitted(2))) == [
        ("r1", None),
        ("r2", "request_expired"),
    ]


def test_after_a_failure_those_behind_get_their_turn() -> None:
    world = ready()
    world.ask(ApplyPermissions(BORIS_TOO))
    world.ask(ApplyPermissions(BORIS_TOO))
    told = world.tell(PermissionsNotCommitted(2, "disk full"))
    assert of(SavePermissions, told) == [SavePermissions(BORIS_TOO)]


def test_too_many_updates_at_a_time_are_turned_away() -> None:
    world = ready()
    for _ in range(MAX_WAITING + 1):
        assert answers(world.ask(ApplyPermissions(BORIS_TOO))) == []
    assert answers(world.ask(ApplyPermissions(BORIS_TOO))) == [("r10", "busy")]


def test_a_version_nobody_was_saving_changes_nothing() -> None:
    world = ready()
    expected = InternalError("nobody was saving version 7 of the permissions")
    assert events(world.tell(PermissionsCommitted(7))) == [expected]
    world.ask(ApplyPermissions(BORIS_TOO))
    assert events(world.tell(PermissionsNotCommitted(7, "?"))) == [expected]
    assert len(orders(world.card())) == 2


def digest_of(update: Update) -> str:
    held = ready().brain._permissions
    held.apply(update)
    assert isinstance(held, Permissions)
    return held.digest
