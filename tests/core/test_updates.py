"""Permission updates: whole, on disk, and only then in charge."""

from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from gatewayd.core.access.book import Book
from gatewayd.core.access.model import AccessLevel, AreaRules, DoorRules, Holder, LevelRule
from gatewayd.core.access.policy import Policy, Stale
from gatewayd.core.access.portals import portal_of
from gatewayd.core.access.records import Rules, Update
from gatewayd.core.access.rules_narrowing import narrowed_rules
from gatewayd.core.actions import (
    Action,
    Answer,
    KeepState,
    PermissionsView,
    Record,
    SavePermissions,
    SaveSnapshot,
    Show,
)
from gatewayd.core.events import (
    AccessDenied,
    AccessGranted,
    InternalError,
    PermissionsChanged,
    PermissionsFresh,
    PermissionsStale,
    RequestEnded,
)
from gatewayd.core.facts import PermissionsCommitted, PermissionsNotCommitted, RequestCommitted
from gatewayd.core.model import AreaId, RequestId
from gatewayd.core.permission_age import LOOK
from gatewayd.core.permission_updates import MAX_WAITING
from gatewayd.core.requests import (
    ApplyPermissions,
    ConfirmPermissions,
    ReplacePermissions,
    Request,
)
from gatewayd.core.schedule import ALWAYS
from tests.core.site import (
    BORIS,
    HALL,
    HELD,
    KEY,
    LAB,
    LOBBY,
    NOON,
    OFFICE,
    STAFF,
    World,
    anna,
    answers,
    events,
    lobby,
    of,
    orders,
    permit,
    site,
)

ONLY_LAB = AccessLevel(STAFF, (LevelRule(ALWAYS, frozenset({LAB})),))
BOTH = AccessLevel(STAFF, (LevelRule(ALWAYS, frozenset({LOBBY, LAB})),))
RULES = Rules(levels={STAFF: BOTH})
NO_LOBBY = Update(1, 2, levels={STAFF: ONLY_LAB})
NEW_BORIS = Update(1, 2, holders={BORIS: Holder(BORIS)})
HELD_LATER = PermissionsView(2, "1" * 64, 2, 3, {"levels": 1})


def book_of(rules: Rules) -> Book:
    """Return a book of these rules and of Anna."""
    return Book(map(portal_of, site().doors), rules.permission_set(UTC), anna(), KEY)


def holding(rules: Rules = RULES) -> World:
    world = World(book=book_of(rules), rules=rules)
    world.online()
    return world


def committed(version: int = 2, rules: Rules | None = None) -> PermissionsCommitted:
    """Return what the disk says when it has an update."""
    view = replace(HELD_LATER, version=version)
    return PermissionsCommitted(version, view, None if rules is None else book_of(rules), rules)


def failed(rules: Rules | None = None, version: int = 2) -> PermissionsNotCommitted:
    book = None if rules is None else book_of(rules)
    return PermissionsNotCommitted(version, "disk full", book, rules)


def opens(world: World) -> bool:
    """Say whether Anna gets into the lobby."""
    (decided,) = (
        each for each in events(world.card()) if isinstance(each, AccessGranted | AccessDenied)
    )
    return isinstance(decided, AccessGranted)


def the_answer(actions: list[Action]) -> Answer:
    (answer,) = of(Answer, actions)
    return answer


# --- an update --------------------------------------------------------------------


def test_an_update_of_people_is_told_when_it_is_on_disk() -> None:
    world = holding()
    assert world.ask(ApplyPermissions(NEW_BORIS)) == [SavePermissions(NEW_BORIS)]
    told = world.tell(committed())
    view = replace(HELD_LATER, confirmed=world.now.utc)
    changed = PermissionsChanged(2, "1" * 64, 2, 3, {"levels": 1})
    answer = the_answer(told)
    assert told == [
        KeepState((("confirmed", {"at": "2030-01-01T12:00:00.000000Z"}),)),
        Record(changed),
        Record(RequestEnded(answer.request, OFFICE)),
        Answer(answer.request, result=view, client=OFFICE),
        Show(view),
    ]


def test_rules_decide_once_they_are_on_disk() -> None:
    world = holding()
    after = RULES.after(NO_LOBBY)
    asked = world.ask(ApplyPermissions(NO_LOBBY))
    assert asked == [SavePermissions(NO_LOBBY, after, narrowed_rules(RULES, after))]
    assert opens(world)
    world.tell(committed(rules=after))
    assert not opens(world)


def test_if_the_disk_fails_only_what_both_rules_allow_counts() -> None:
    world = holding()
    (save,) = of(SavePermissions, world.ask(ApplyPermissions(NO_LOBBY)))
    told = world.tell(failed(save.narrowed))
    assert answers(told) == [("r1", "storage_failed")]
    message = the_answer(told).message
    assert message == "disk full; version 1 still decides, but what was taken away stays denied"
    assert not opens(world)


def test_what_failed_before_stays_away_when_the_next_one_fails() -> None:
    world = holding()
    (save,) = of(SavePermissions, world.ask(ApplyPermissions(NO_LOBBY)))
    world.tell(failed(save.narrowed))
    area = Update(1, 2, doors={LAB: DoorRules(LAB)})
    (save,) = of(SavePermissions, world.ask(ApplyPermissions(area)))
    assert save.rules == RULES.after(area)
    assert save.narrowed is not None
    assert save.narrowed.levels == {STAFF: ONLY_LAB}
    world.tell(failed(save.narrowed))
    assert not opens(world)


def test_after_a_failure_the_next_update_that_is_saved_decides_again() -> None:
    world = holding()
    (save,) = of(SavePermissions, world.ask(ApplyPermissions(NO_LOBBY)))
    world.tell(failed(save.narrowed))
    world.ask(ApplyPermissions(NEW_BORIS))
    world.tell(committed(rules=RULES))
    assert opens(world)


def test_if_the_disk_fails_to_take_people_the_rules_stay() -> None:
    world = holding()
    world.ask(ApplyPermissions(NEW_BORIS))
    assert answers(world.tell(failed())) == [("r1", "storage_failed")]
    assert opens(world)


def test_a_gap_or_a_step_back_is_refused_with_what_to_send_instead() -> None:
    world = holding()
    for base in (0, 2):
        asked = world.ask(ApplyPermissions(Update(base, 9)))
        answer = the_answer(asked)
        assert answer.error == "permissions_version"
        assert "version 1 is held; send what leads on from 1" in answer.message
        assert of(SavePermissions, asked) == []


def test_an_update_with_mistakes_is_refused_whole() -> None:
    world = holding()
    wrong = replace(NEW_BORIS, credentials={"x": None, "y": None})
    asked = world.ask(ApplyPermissions(wrong))
    answer = the_answer(asked)
    assert answer.error == "permissions_invalid"
    assert "'x'" in answer.message
    assert "'y'" in answer.message
    assert of(SavePermissions, asked) == []


def test_mistakes_that_only_the_store_can_find_refuse_it_as_well() -> None:
    world = holding()
    world.ask(ApplyPermissions(NO_LOBBY))
    mistakes = tuple(f"mistake {number}" for number in range(30))
    told = world.tell(PermissionsNotCommitted(2, "refused", mistakes=mistakes))
    answer = the_answer(told)
    assert answer.error == "permissions_invalid"
    assert answer.message.startswith("mistake 0; mistake 1; ")
    assert answer.message.endswith("; and 10 more")
    assert opens(world)


def test_rules_name_doors_and_areas_of_the_site() -> None:
    world = World(site(lobby(inside=HALL)))
    hall, cave = Update(1, 2, areas={HALL: AreaRules(HALL)}), AreaId("cave")
    assert len(of(SavePermissions, world.ask(ApplyPermissions(hall)))) == 1
    world.tell(committed())
    wrong = Update(2, 3, areas={cave: AreaRules(cave)})
    answer = the_answer(world.ask(ApplyPermissions(wrong)))
    assert answer.message == "area 'cave': the site has no such area"


# --- one after the other ----------------------------------------------------------


def test_an_update_behind_another_is_checked_at_its_turn() -> None:
    world = holding()
    world.ask(ApplyPermissions(NEW_BORIS))
    next_one = Update(2, 3, holders={BORIS: None})
    assert world.ask(ApplyPermissions(next_one)) == []
    assert world.ask(ApplyPermissions(Update(2, 3))) == []
    told = world.tell(committed())
    assert of(SavePermissions, told) == [SavePermissions(next_one)]
    told = world.tell(committed(3))
    assert answers(told) == [("r2", None), ("r3", "permissions_version")]


def test_an_update_that_waited_too_long_is_not_applied() -> None:
    world = holding()
    world.ask(ApplyPermissions(NEW_BORIS))
    world.ask(ApplyPermissions(Update(2, 3)), seconds=1)
    world.mono += 1
    assert answers(world.tell(committed())) == [("r1", None), ("r2", "request_expired")]


@pytest.mark.parametrize(
    "fact", [failed(), PermissionsNotCommitted(2, "refused", mistakes=("wrong",))]
)
def test_after_a_failure_those_behind_get_their_turn(fact: PermissionsNotCommitted) -> None:
    world = holding()
    world.ask(ApplyPermissions(NEW_BORIS))
    world.ask(ApplyPermissions(NEW_BORIS))
    assert of(SavePermissions, world.tell(fact)) == [SavePermissions(NEW_BORIS)]


def test_too_many_updates_at_a_time_are_turned_away() -> None:
    world = holding()
    for _ in range(MAX_WAITING + 1):
        assert answers(world.ask(ApplyPermissions(NEW_BORIS))) == []
    assert answers(world.ask(ApplyPermissions(NEW_BORIS))) == [("r10", "busy")]


def test_a_version_nobody_was_saving_changes_nothing() -> None:
    world = holding()
    expected = InternalError("nobody was saving version 7 of the permissions")
    assert events(world.tell(committed(7, RULES.after(NO_LOBBY)))) == [expected]
    world.ask(ApplyPermissions(NEW_BORIS))
    assert events(world.tell(failed(version=7))) == [expected]
    assert opens(world)
    assert len(orders(world.card())) == 2


# --- everything at once -----------------------------------------------------------


def test_everything_is_replaced_once_it_is_on_disk() -> None:
    world = holding()
    assert world.ask(ReplacePermissions(9)) == [SaveSnapshot(9)]
    told = world.tell(committed(9, RULES.after(NO_LOBBY)))
    assert answers(told) == [("r1", None)]
    assert of(Show, told)[-1].view == replace(HELD_LATER, version=9, confirmed=world.now.utc)
    assert not opens(world)


def test_the_same_version_can_be_sent_again_and_an_older_one_cannot() -> None:
    world = holding()
    assert world.ask(ReplacePermissions(1)) == [SaveSnapshot(1)]
    answer = the_answer(holding().ask(ReplacePermissions(0)))
    assert answer.error == "permissions_version"
    assert "version 1 is held, which is newer" in answer.message


def test_one_replacement_at_a_time() -> None:
    world = holding()
    world.ask(ReplacePermissions(9))
    assert answers(world.ask(ReplacePermissions(10))) == [("r2", "busy")]


def test_updates_go_on_while_everything_is_being_replaced() -> None:
    world = holding()
    world.ask(ReplacePermissions(9))
    assert world.ask(ApplyPermissions(NEW_BORIS)) == [SavePermissions(NEW_BORIS)]
    assert answers(world.tell(committed())) == [("r2", None)]
    replaced = PermissionsNotCommitted(9, "people changed meanwhile, ask again")
    told = world.tell(replaced)
    assert answers(told) == [("r1", "storage_failed")]
    message = the_answer(told).message
    assert message == "people changed meanwhile, ask again; nothing was replaced"


def test_an_update_to_the_version_that_replaces_everything_waits_for_another_day() -> None:
    world = holding()
    world.ask(ReplacePermissions(2))
    assert answers(world.ask(ApplyPermissions(NEW_BORIS))) == [("r2", "busy")]


def test_an_update_that_was_overtaken_narrows_nothing() -> None:
    world = holding()
    world.ask(ReplacePermissions(9))
    (save,) = of(SavePermissions, world.ask(ApplyPermissions(NO_LOBBY)))
    world.tell(committed(9, RULES))
    told = world.tell(failed(save.narrowed))
    answer = the_answer(told)
    assert answer.error == "permissions_version"
    assert "version 9 is held" in answer.message
    assert opens(world)


def test_mistakes_in_what_replaces_everything_are_named() -> None:
    world = holding()
    world.ask(ReplacePermissions(9))
    told = world.tell(PermissionsNotCommitted(9, "refused", mistakes=("a", "b")))
    assert answers(told) == [("r1", "permissions_invalid")]
    assert the_answer(told).message == "a; b"


# --- confirmed --------------------------------------------------------------------


@pytest.mark.parametrize("digest", [None, HELD.digest])
def test_who_means_what_is_held_confirms_it(digest: str | None) -> None:
    world = holding()
    told = world.ask(ConfirmPermissions(1, digest))
    result = {"match": True, "version": 1, "digest": HELD.digest}
    assert the_answer(told).result == result
    assert of(KeepState, told) == [
        KeepState((("confirmed", {"at": "2030-01-01T12:00:00.000000Z"}),))
    ]
    assert of(Show, told) == [Show(replace(HELD, confirmed=NOON))]


@pytest.mark.parametrize(("version", "digest"), [(2, None), (1, "f" * 64), (0, HELD.digest)])
def test_who_means_something_else_is_told_what_is_held(
    version: int, digest: str | None
) -> None:
    told = holding().ask(ConfirmPermissions(version, digest))
    result = {"match": False, "version": 1, "digest": HELD.digest}
    assert the_answer(told).result == result
    assert of(KeepState, told) == []
    assert of(Show, told) == []


def test_permissions_that_nobody_confirms_become_stale_and_deny() -> None:
    policy = Policy(max_age=timedelta(days=1), on_stale=Stale.DENY)
    world = World(book=permit(policy=policy), held=replace(HELD, confirmed=NOON))
    world.online()
    assert opens(world)
    assert PermissionsStale(1, NOON) in events(world.wait(86_400))
    (denied,) = (each for each in events(world.card()) if isinstance(each, AccessDenied))
    assert denied.reason == "permissions_stale"
    told = world.ask(ConfirmPermissions(1))
    assert PermissionsFresh(1, world.now.utc) in events(told)
    assert opens(world)


def test_stale_permissions_may_go_on() -> None:
    policy = Policy(max_age=timedelta(days=1))
    world = World(book=permit(policy=policy), held=replace(HELD, confirmed=NOON))
    world.online()
    assert PermissionsStale(1, NOON) in events(world.wait(86_400))
    assert opens(world)
    world.ask(ApplyPermissions(Update(1, 2)))
    assert PermissionsFresh(2, world.now.utc) in events(world.tell(committed()))


def test_permissions_that_were_stale_before_a_restart_deny_from_the_first_card() -> None:
    policy = Policy(max_age=timedelta(days=1), on_stale=Stale.DENY)
    world = World(book=permit(policy=policy), held=HELD)
    world.online()
    assert not opens(world)


def test_a_moment_that_is_known_better_now_is_shown() -> None:
    world = holding()
    wrong = replace(world.now, utc=NOON - timedelta(days=9_000), trusted=False)
    request = Request(RequestId("r1"), OFFICE, ConfirmPermissions(1), wrong.mono + 30)
    told = world.brain.handle(RequestCommitted(request), wrong)
    assert of(Show, told) == [Show(replace(HELD, confirmed=wrong.utc))]
    world.mono += LOOK
    assert Show(replace(HELD, confirmed=NOON)) in world.tick()
