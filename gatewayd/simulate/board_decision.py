"""How a simulated UHPPOTE board decides by itself: its list, its clock, its rules.

Dates and time profiles are heeded, an unknown profile is never, and what needs the time is
denied while there is none.
"""

from dataclasses import dataclass, field
from datetime import datetime

from gatewayd.simulate.board_clock import date_of, in_dates, in_profile, minute_of, on_weekday
from gatewayd.simulate.board_store import Store
from protocol.uhppote.cards import ALWAYS, NEVER, CardRecord
from protocol.uhppote.doors import Antipassback, DoorMode, FirstCardMode, Interlock
from protocol.uhppote.schedules import TaskKind
from protocol.uhppote.status import Direction, Reason
from protocol.uhppote.values import Date

_SIDES: dict[int, tuple[tuple[frozenset[int], frozenset[int]], ...]] = {
    Antipassback.READERS_1_2_AND_3_4: (
        (frozenset({1}), frozenset({2})),
        (frozenset({3}), frozenset({4})),
    ),
    Antipassback.READERS_13_24: ((frozenset({1, 3}), frozenset({2, 4})),),
    Antipassback.READERS_1_23: ((frozenset({1}), frozenset({2, 3})),),
    Antipassback.READERS_1_234: ((frozenset({1}), frozenset({2, 3, 4})),),
}
_LOCKED_TOGETHER: dict[int, tuple[frozenset[int], ...]] = {
    Interlock.DOORS_1_2: (frozenset({1, 2}),),
    Interlock.DOORS_3_4: (frozenset({3, 4}),),
    Interlock.DOORS_1_2_AND_3_4: (frozenset({1, 2}), frozenset({3, 4})),
    Interlock.DOORS_1_2_3: (frozenset({1, 2, 3}),),
    Interlock.DOORS_1_2_3_4: (frozenset({1, 2, 3, 4}),),
}
_FIRST_MODES = {
    FirstCardMode.CONTROLLED: DoorMode.CONTROLLED,
    FirstCardMode.NORMALLY_OPEN: DoorMode.NORMALLY_OPEN,
    FirstCardMode.NORMALLY_CLOSED: DoorMode.NORMALLY_CLOSED,
    FirstCardMode.FIRST_CARD_ONLY: DoorMode.CONTROLLED,
}


@dataclass(slots=True)
class DoorState:
    """What a power cut ends."""

    open: bool = False  # by its contact
    pressed: bool = False
    unlocked_until: float = 0.0
    ignores_profiles: bool = False
    method: TaskKind = TaskKind.CARD_ONLY
    cards_needed: int = 1
    cards_shown: tuple[int, ...] = ()
    button_disabled: bool = False
    first_card_on: Date | None = None  # the day the first card came


@dataclass(slots=True)
class Memory:
    """All that a power cut ends."""

    doors: dict[int, DoorState] = field(
        default_factory=lambda: {door: DoorState() for door in (1, 2, 3, 4)}
    )
    passed: dict[int, int] = field(default_factory=dict)  # card to the reader it passed last


@dataclass(frozen=True, slots=True)
class Swipe:
    """A card at a reader."""

    door: int
    card: int
    direction: Direction = Direction.IN
    pin: int = field(default=0, repr=False)


def mode_of(store: Store, memory: Memory, door: int, at: datetime | None) -> DoorMode | int:
    """Return how a door behaves now, its first card considered."""
    rule = store.settings.first_cards.get(door)
    if rule is None or at is None or not on_weekday(rule.weekdays, at):
        return store.settings.controls[door].mode
    if not rule.start <= minute_of(at) < rule.end:
        return store.settings.controls[door].mode
    came = memory.doors[door].first_card_on == date_of(at)
    return _FIRST_MODES[FirstCardMode(rule.active if came else rule.inactive)]


def interlocked(store: Store, memory: Memory, door: int, now: float) -> bool:
    """Whether another door of the same lock group stands open or is unlocked."""
    for group in _LOCKED_TOGETHER.get(store.settings.interlock, ()):
        others = [memory.doors[other] for other in group - {door}] if door in group else []
        if any(each.open or each.unlocked_until > now for each in others):
            return True
    return False


def decide(
    store: Store, memory: Memory, swipe: Swipe, at: datetime | None, now: float
) -> Reason:
    """Return why a card may pass (`Reason.CARD`), or why not; a grant is remembered."""
    record = store.cards.get(swipe.card)
    if record is None:
        return Reason.DENIED_UNKNOWN
    if mode_of(store, memory, swipe.door, at) == DoorMode.NORMALLY_CLOSED:
        return Reason.DENIED_NORMALLY_CLOSED
    for rule in (_permission, _pin, _antipassback, _first_card, _more_cards):
        reason = rule(store, memory, swipe, record, at)
        if reason is not None:
            return reason
    if interlocked(store, memory, swipe.door, now):
        return Reason.DENIED_INTERLOCK
    memory.passed[swipe.card] = swipe.door
    return Reason.CARD


def _permission(
    store: Store, memory: Memory, swipe: Swipe, record: CardRecord, at: datetime | None
) -> Reason | None:
    level = record.doors[swipe.door - 1]
    if at is None or not in_dates(record.start, record.end, at):
        return Reason.DENIED_TIME
    if level == NEVER:
        return Reason.DENIED_NO_PERMISSION
    if level == ALWAYS or memory.doors[swipe.door].ignores_profiles:
        return None
    return None if in_profile(store.settings.profiles, level, at) else Reason.DENIED_TIME


def _pin(
    store: Store, memory: Memory, swipe: Swipe, record: CardRecord, _at: datetime | None
) -> Reason | None:
    method = memory.doors[swipe.door].method
    asked = method == TaskKind.CARD_AND_PIN or (
        method == TaskKind.CARD_AND_PIN_IN and swipe.direction == Direction.IN
    )
    if not asked or not store.settings.keypads[swipe.door - 1]:
        return None
    return None if swipe.pin == record.pin else Reason.DENIED_WRONG_PIN


def _antipassback(
    store: Store, memory: Memory, swipe: Swipe, _record: CardRecord, _at: datetime | None
) -> Reason | None:
    last = memory.passed.get(swipe.card)
    for sides in _SIDES.get(store.settings.antipassback, ()):
        if any(swipe.door in side and last in side for side in sides):
            return Reason.DENIED_ANTIPASSBACK
    return None


def _first_card(
    store: Store, memory: Memory, swipe: Swipe, record: CardRecord, at: datetime | None
) -> Reason | None:
    rule = store.settings.first_cards.get(swipe.door)
    if rule is None or at is None or not on_weekday(rule.weekdays, at):
        return None
    state = memory.doors[swipe.door]
    inside = rule.start <= minute_of(at) < rule.end
    if not inside or state.first_card_on == date_of(at):
        return None
    if record.first_card >> (swipe.door - 1) & 1:
        state.first_card_on = date_of(at)
        return None
    only = rule.inactive == FirstCardMode.FIRST_CARD_ONLY
    return Reason.DENIED_FIRST_CARD if only else None


def _more_cards(
    _store: Store, memory: Memory, swipe: Swipe, record: CardRecord, _at: datetime | None
) -> Reason | None:
    state = memory.doors[swipe.door]
    if record.card not in state.cards_shown:
        state.cards_shown = (*state.cards_shown, record.card)
    if len(state.cards_shown) < state.cards_needed:
        return Reason.DENIED_MORE_CARDS
    state.cards_shown = ()
    return None
