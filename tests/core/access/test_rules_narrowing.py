"""Of two versions of the rules, only what both allow."""

from dataclasses import replace
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from gatewayd.core.access.attempt import Attempt
from gatewayd.core.access.book import Book
from gatewayd.core.access.decide import decide
from gatewayd.core.access.model import (
    AccessLevel,
    AreaRules,
    Authentication,
    DoorRules,
    Interlock,
    LevelId,
    LevelRule,
    Passback,
    PointRules,
    ScheduledAuthentication,
    Side,
)
from gatewayd.core.access.records import Rules
from gatewayd.core.access.rules_narrowing import narrowed_rules
from gatewayd.core.access.state import State
from gatewayd.core.model import DoorId
from gatewayd.core.pin_entry import Digits
from gatewayd.core.schedule import ALWAYS, ScheduleId
from tests.core.access.histories import ALL_PORTALS, GATE, HOLDERS, PINS, STRANGE, History
from tests.core.access.world import BERLIN, HALL, KEY, LAB, LAB_ROOM, LOBBY, STAFF, World
from tests.core.hours import HOLIDAYS, OFFICE, group, schedule

HOURS = schedule((HOLIDAYS, ""), every="08:00-18:00")
LONGER = schedule((HOLIDAYS, ""), every="06:00-20:00")
HOLIDAY, CLOSED = group(HOLIDAYS, "2026-05-08"), group(HOLIDAYS, "12-25")
DAYS = {HOLIDAYS: HOLIDAY}
LATE = ScheduleId("late")
LAB_ONLY = LevelRule(OFFICE, frozenset({LAB}))
CARD, PIN, BOTH, EITHER = (
    Authentication.CARD,
    Authentication.PIN,
    Authentication.CARD_AND_PIN,
    Authentication.CARD_OR_PIN,
)


def of_level(*rules: LevelRule, hours: bool = True) -> Rules:
    return Rules({OFFICE: HOURS} if hours else {}, DAYS, {STAFF: AccessLevel(STAFF, rules)})


def left_of(before: Rules, after: Rules) -> tuple[LevelRule, ...]:
    return narrowed_rules(before, after).levels[STAFF].rules


def of_point(entry: PointRules, *, hours: bool = True) -> Rules:
    return Rules({OFFICE: HOURS} if hours else {}, DAYS, doors={LAB: DoorRules(LAB, entry)})


def entry(before: PointRules, after: PointRules, *, new_hours: bool = False) -> PointRules:
    changed = of_point(after)
    if new_hours:
        changed = replace(changed, schedules={OFFICE: LONGER})
    return narrowed_rules(of_point(before), changed).doors[LAB].entry


# --- levels and hours -------------------------------------------------------------


def test_what_stays_the_same_is_left() -> None:
    rules = replace(
        of_level(LAB_ONLY),
        doors={LAB: DoorRules(LAB, unlock=OFFICE)},
        areas={HALL: AreaRules(HALL, Passback.HARD)},
    )
    assert narrowed_rules(rules, rules) == rules


def test_a_level_that_comes_or_goes_opens_nothing() -> None:
    assert narrowed_rules(of_level(LAB_ONLY), Rules()).levels == {}
    assert narrowed_rules(Rules(), of_level(LAB_ONLY)).levels == {}


def test_of_a_level_the_doors_areas_and_sides_of_both_are_left() -> None:
    before = LevelRule(OFFICE, frozenset({LAB, LOBBY}), frozenset({HALL, LAB_ROOM}))
    after = LevelRule(OFFICE, frozenset({LAB, GATE}), frozenset({HALL}), frozenset({Side.IN}))
    left = LevelRule(OFFICE, frozenset({LAB}), frozenset({HALL}), frozenset({Side.IN}))
    assert left_of(of_level(before), of_level(after)) == (left,)
    assert left_of(of_level(before, before), of_level(after, after)) == (left,)


def test_rules_that_share_nothing_are_dropped() -> None:
    other_door = LevelRule(OFFICE, frozenset({LOBBY}))
    other_side = replace(LAB_ONLY, sides=frozenset({Side.OUT}))
    inward = replace(LAB_ONLY, sides=frozenset({Side.IN}))
    assert left_of(of_level(LAB_ONLY), of_level(other_door)) == ()
    assert left_of(of_level(inward), of_level(other_side)) == ()
    assert left_of(of_level(LAB_ONLY), of_level(replace(LAB_ONLY, schedule=ALWAYS))) == ()


def test_many_rules_of_a_level_are_put_together_and_not_held_against_one_another() -> None:
    doors = [DoorId(f"d{number}") for number in range(100)]
    every = [LevelRule(ALWAYS, frozenset({each})) for each in doors]
    before, after = of_level(*every, LAB_ONLY), of_level(*every)
    assert left_of(before, after) == (LevelRule(ALWAYS, frozenset(doors)),)


def test_hours_that_change_are_no_hours() -> None:
    before = of_level(LAB_ONLY)
    after = replace(before, schedules={OFFICE: LONGER})
    assert left_of(before, after) == ()
    assert OFFICE not in narrowed_rules(before, after).schedules
    gone = narrowed_rules(before, of_level(LAB_ONLY, hours=False))
    assert gone.levels[STAFF].rules == ()


def test_special_days_that_change_make_other_hours() -> None:
    before = of_level(LAB_ONLY)
    after = replace(before, special_days={HOLIDAYS: CLOSED})
    narrowed = narrowed_rules(before, after)
    assert narrowed == Rules(levels={STAFF: AccessLevel(STAFF)})
    assert narrowed.permission_set(BERLIN).levels == (AccessLevel(STAFF),)


def test_always_is_always() -> None:
    always = LevelRule(ALWAYS, frozenset({LAB}))
    wider = LevelRule(ALWAYS, frozenset({LAB, LOBBY}))
    assert left_of(of_level(always), of_level(wider, hours=False)) == (always,)


# --- doors ------------------------------------------------------------------------


def test_a_point_is_as_strict_as_the_stricter_one() -> None:
    one = PointRules(
        factor_seconds=5.0, minimum_clearance=2, two_person=True, escort_seconds=20.0
    )
    other = PointRules(enabled=False, muster=True, two_person_seconds=5.0)
    strict = PointRules(
        enabled=False,
        muster=True,
        factor_seconds=5.0,
        minimum_clearance=2,
        two_person=True,
        two_person_seconds=5.0,
    )
    assert entry(one, other) == entry(other, one) == strict


def test_a_door_without_rules_has_the_usual_ones() -> None:
    ruled = of_point(PointRules(minimum_clearance=3))
    for before, after in ((ruled, Rules()), (Rules(), ruled)):
        assert narrowed_rules(before, after).doors[LAB].entry.minimum_clearance == 3


def test_where_it_differs_what_is_presented_is_card_and_pin() -> None:
    assert entry(PointRules(default=CARD), PointRules(default=EITHER)).default is BOTH
    stays = PointRules(authentication=(ScheduledAuthentication(OFFICE, CARD),))
    narrowed = entry(stays, PointRules())
    assert (narrowed.authentication, narrowed.default) == ((), BOTH)
    assert entry(stays, stays).authentication == stays.authentication
    assert entry(stays, stays, new_hours=True).default is BOTH


def test_a_pin_alone_and_a_card_have_nothing_in_common() -> None:
    assert not entry(PointRules(default=PIN), PointRules()).enabled
    some = PointRules(authentication=(ScheduledAuthentication(OFFICE, PIN),))
    assert not entry(PointRules(), some).enabled
    assert entry(PointRules(default=PIN), PointRules(default=PIN)).enabled


def test_a_supervisor_is_awaited_if_either_says_so() -> None:
    led, free = PointRules(first_person=OFFICE), PointRules()
    assert entry(led, free).first_person == OFFICE
    assert entry(free, led).first_person == OFFICE
    assert entry(led, led).first_person == OFFICE
    assert entry(free, PointRules(first_person=ALWAYS)).first_person == ALWAYS
    new = narrowed_rules(of_point(free, hours=False), of_point(led))
    assert new.doors[LAB].entry.first_person == OFFICE
    assert new.schedules == {OFFICE: HOURS}


def test_hours_of_supervisors_that_cannot_be_put_together_close_the_point() -> None:
    led = PointRules(first_person=OFFICE)
    assert not entry(led, PointRules(first_person=ALWAYS)).enabled
    assert not entry(led, led, new_hours=True).enabled
    assert not entry(led, PointRules(), new_hours=True).enabled


def test_a_door_is_unlocked_by_a_schedule_that_stays() -> None:
    def left(before: DoorRules, after: DoorRules, *, new_hours: bool = False) -> DoorRules:
        held = Rules({OFFICE: HOURS}, DAYS, doors={LAB: before})
        changed = {OFFICE: LONGER if new_hours else HOURS}
        return narrowed_rules(held, Rules(changed, DAYS, doors={LAB: after})).doors[LAB]

    unlocked = DoorRules(LAB, unlock=OFFICE)
    assert left(unlocked, unlocked).unlock == OFFICE
    assert left(unlocked, unlocked, new_hours=True).unlock is None
    assert left(unlocked, DoorRules(LAB)).unlock is None
    assert left(DoorRules(LAB), unlocked).unlock is None
    assert left(unlocked, replace(unlocked, unlock=ALWAYS)).unlock is None
    led = replace(unlocked, unlock_needs_first_person=True)
    assert left(unlocked, led).unlock_needs_first_person


# --- areas ------------------------------------------------------------------------


def test_an_area_is_as_strict_as_the_stricter_one() -> None:
    one = AreaRules(HALL, Passback.TIMED, 60.0, max_occupancy=5, interlock=Interlock.UNLOCK)
    other = AreaRules(HALL, Passback.SOFT, 5.0, max_occupancy=3, min_occupancy=2)
    strict = AreaRules(HALL, Passback.TIMED, 60.0, 3, 2, Interlock.UNLOCK)
    for before, after in ((one, other), (other, one)):
        held = Rules(areas={HALL: before}), Rules(areas={HALL: after})
        assert narrowed_rules(*held).areas[HALL] == strict
    ruled = Rules(areas={HALL: one})
    for rules in ((ruled, Rules()), (Rules(), ruled)):
        assert narrowed_rules(*rules).areas[HALL] == one


# --- any two versions -------------------------------------------------------------

DOORS = (LAB, LOBBY, GATE)


def rules_of(history: History) -> Rules:
    """Return the rules of a site made by chance."""
    reference = history.reference
    return Rules(
        reference.schedules,
        reference.special_days,
        {each.id: each for each in reference.levels},
        reference.doors,
        {area: replace(each, min_occupancy=0) for area, each in reference.areas.items()},
    )


def asking_as(rules: Rules, other: Rules) -> Rules:
    """Ask for what the other rules ask for: whether that is stricter is shown above."""

    def point(mine: PointRules, others: PointRules) -> PointRules:
        return replace(mine, authentication=others.authentication, default=others.default)

    usual = {each: DoorRules(each) for each in DOORS}
    doors = {
        id_: replace(
            mine,
            entry=point(mine.entry, other.doors.get(id_, usual[id_]).entry),
            exit=point(mine.exit, other.doors.get(id_, usual[id_]).exit),
        )
        for id_, mine in {**usual, **rules.doors}.items()
    }
    return replace(rules, doors=doors)


@given(
    seeds=st.tuples(st.integers(0, 2**32), st.integers(0, 2**32)),
    mixed=st.booleans(),
    pin=st.none() | st.sampled_from(PINS),
    hours=st.integers(0, 72),
    trusted=st.booleans(),
)
def test_nobody_is_granted_what_one_of_them_denies(
    *, seeds: tuple[int, int], mixed: bool, pin: str | None, hours: int, trusted: bool
) -> None:
    first, second = (History(seed) for seed in seeds)
    before, after = rules_of(first), rules_of(second)
    if mixed:  # as updates are: most of it stays
        after = replace(before, levels=after.levels, areas=after.areas)
    narrowed = narrowed_rules(before, after)
    world = first.world
    world.wait(hours=hours)
    now = replace(world.now, trusted=trusted)
    left = book_of(narrowed, world)
    both = [book_of(asking_as(each, narrowed), world) for each in (before, after)]
    for door, side, card in product(DOORS, Side, (*HOLDERS.values(), *STRANGE, None)):
        attempt = Attempt(door, side, now, card, None if pin is None else Digits(pin))
        if granted(left, world, attempt):
            assert all(granted(each, world, attempt) for each in both)


def book_of(rules: Rules, world: World) -> Book:
    policy = world.book.policy
    return Book(ALL_PORTALS, rules.permission_set(BERLIN), world.town, KEY, policy)


def granted(book: Book, world: World, attempt: Attempt) -> bool:
    return decide(book, State(), world.around, attempt).granted


def test_most_of_what_both_allow_is_left() -> None:
    world = World()
    rules = Rules(levels={each.id: each for each in world.rules.levels})
    added = {**rules.levels, LevelId("more"): AccessLevel(LevelId("more"))}
    narrowed = narrowed_rules(rules, replace(rules, levels=added))
    attempt = Attempt(LAB, Side.IN, world.now, HOLDERS[next(iter(HOLDERS))])
    assert granted(book_of(narrowed, world), world, attempt)
