"""Cards and keys at readers: what is presented becomes decisions, and what follows from them.

An access point is one side of a door: its reader lets people in, its exit reader out. The
decision (`access.decide`) is asked, and then, in this order:

1. what moved is applied and kept (`moved`), so that no unlock outlives its record,
2. the events are told,
3. the lock is released, if it is a grant,
4. the reader tells the person in front of it.

A grant that cannot be carried out is none: its lock may not be driven or is away, what was
presented may have waited somewhere for longer than `stale_seconds` (then nothing changes by
it, and nothing is begun by it), or an untaken grant at another door speaks against it.

What follows from going through is done when the door was opened (`follow`). A duress PIN or
card makes one more event and no other difference.

Keys become a PIN in one `PinEntry` a reader; a card, and whatever ends the wait of a card,
ends what was keyed before.
"""

import math
from typing import NamedTuple

from gatewayd.core.access.attempt import Around, Attempt, Decision
from gatewayd.core.access.book import Book, Point
from gatewayd.core.access.consequences import over, taken
from gatewayd.core.access.decide import decide
from gatewayd.core.access.model import PointId, Side, point_id
from gatewayd.core.access.portals import reader_at
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.state import CardWaits, FirstPersonIs
from gatewayd.core.access_events import locked_out, told
from gatewayd.core.actions import Action, Record, Tone
from gatewayd.core.controllers import Controllers
from gatewayd.core.doors import Doors
from gatewayd.core.facts import CardRead, KeysRead
from gatewayd.core.model import Card, ControllerId, Door, DoorId, Moment
from gatewayd.core.moved import Moved
from gatewayd.core.pin_entry import (
    Digits,
    PinCancelled,
    PinEntered,
    PinEntry,
    PinEvent,
    PinTimedOut,
)
from gatewayd.core.site import STALE_SECONDS
from gatewayd.core.untaken import objection

_TOO_LONG = Digits("")  # nobody's PIN


class _Reader(NamedTuple):
    """One reader, and where it lets people through."""

    door: DoorId
    side: Side


class AccessPoints:
    """All readers, what is being keyed at them, and the book that decides."""

    def __init__(  # noqa: PLR0913, PLR0917 -- what a decision reads, and all that it moves
        self,
        doors: Doors,
        controllers: Controllers,
        book: Book,
        moved: Moved,
        out: list[Action],
        stale_seconds: float = STALE_SECONDS,
    ) -> None:
        self._doors = doors
        self._controllers = controllers
        self._moved = moved
        self._out = out
        self._stale_seconds = stale_seconds
        self.degraded = False  # whether the permissions cannot be relied on,
        self.stale = False  # or are older than they may be
        self._readers: dict[tuple[ControllerId, int], _Reader] = {}
        for state in doors:
            self._hang(state.door)
        self._entries: dict[PointId, PinEntry] = {}  # those that have begun
        self._led: list[DoorId] = []
        self.book = book  # exchangeable; what is waited for goes on

    @property
    def around(self) -> Around:
        """How everything stands."""
        return Around(self._doors.now, self.degraded, self.stale)

    @property
    def deadline(self) -> float:
        """When `tick` is next needed."""
        keyed = (each.deadline for each in self._entries.values())
        return min(self._moved.state.deadline, *keyed, math.inf)

    def against(self, grant: Decision) -> Reason | None:
        """Return why what is granted cannot be done."""
        obstacle = self._doors.drive.obstacle(self._doors[grant.door])
        if obstacle is not None:
            return obstacle
        return objection(self.book, self._moved.state, self._doors.untaken, grant)

    # --- what is presented ------------------------------------------------------------

    def card(self, fact: CardRead, now: Moment) -> None:
        """Decide about a card, and do what follows."""
        reader = self._reader(fact)
        if reader is None:
            return
        late = self._late(fact, now)
        if not late:
            self._entries.pop(point_id(*reader), None)
        self._attempt(reader, now, fact.card, late=late)

    def keys(self, fact: KeysRead, now: Moment) -> None:
        """Put keys together; decide about a PIN that is whole."""
        reader = self._reader(fact)
        point = None if reader is None else self.book.point(*reader)
        if reader is None or point is None or not point.uses_pins:
            return
        if self._late(fact, now):
            self._entries.pop(point.id, None)
            return
        entry = self._entries.setdefault(point.id, PinEntry())
        for event in entry.press(fact.keys.reveal(), now.mono):
            self._keyed(reader, point, event, now)
        self._mind(point.id)

    def deny(self, fact: CardRead | KeysRead, now: Moment) -> None:
        """Deny what was presented because deciding about it went wrong."""
        reader = self._readers.get((fact.controller, fact.reader))
        if reader is not None:
            card = fact.card if isinstance(fact, CardRead) else None
            self._do(Decision(*reader, Reason.INTERNAL_ERROR, card), now)

    def _keyed(self, reader: _Reader, point: Point, event: PinEvent, now: Moment) -> None:
        match event:
            case PinEntered(digits):
                self._attempt(reader, now, pin=digits)
            case PinTimedOut():
                pass  # a card that waits for it has its own end
            case PinCancelled():
                wait = self._moved.state.cards.get(point.id)
                if wait is not None:
                    ended = (CardWaits(point.id, None),)
                    reason = Reason.FACTOR_TIMEOUT
                    self._do(Decision(*reader, reason, wait.card, changes=ended), now)
            case _:
                self._attempt(reader, now, pin=_TOO_LONG)

    def _attempt(
        self,
        reader: _Reader,
        now: Moment,
        card: Card | None = None,
        pin: Digits | None = None,
        *,
        late: bool = False,
    ) -> None:
        self.follow(now)
        attempt = Attempt(*reader, now, card, pin)
        decision = decide(self.book, self._moved.state, self.around, attempt)
        if late:
            decision = _too_late(decision)
        elif decision.granted:
            against = self.against(decision)
            decision = decision if against is None else _refused(decision, against)
        self._do(decision, now)

    def _late(self, fact: CardRead | KeysRead, now: Moment) -> bool:
        return fact.age(now.mono) > self._stale_seconds

    # --- what follows -----------------------------------------------------------------

    def _do(self, decision: Decision, now: Moment) -> None:
        """Keep what moved, tell of it, open, and signal; in this order."""
        state, reason = self._doors[decision.door], decision.reason
        lockouts = list(locked_out(decision, self._moved.state))
        self._moved.change(decision.changes)
        for event in (*told(decision), *lockouts):
            self._out.append(Record(event))
        if decision.granted:
            self._doors.drive.open(state, decision, None, now)
        elif reason is Reason.PIN_AWAITED:
            self._ask_for_pin(decision, now)
        self._doors.drive.signal(state, decision.side, _tone(decision), now)
        self._doors.after(state)

    def _ask_for_pin(self, decision: Decision, now: Moment) -> None:
        left = math.inf if decision.until is None else decision.until - now.mono
        entry = PinEntry(whole_seconds=left)
        entry.begin(now.mono)
        self._entries[point_id(decision.door, decision.side)] = entry

    def follow(self, now: Moment) -> None:
        """Let those who are through be where they are."""
        for grant in self._doors.take_passed():
            changes = taken(self.book, grant, self._moved.state, now)
            self._moved.change(changes)
            led = (each.door for each in changes if isinstance(each, FirstPersonIs))
            self._led += led

    def take_led(self) -> list[DoorId]:
        """Return the doors that a first person has passed since this was asked last."""
        led, self._led = self._led, []
        return led

    # --- time -------------------------------------------------------------------------

    def tick(self, now: Moment) -> None:
        """End what was begun and not gone on with."""
        for point in [each for each, it in self._entries.items() if it.deadline <= now.mono]:
            self._entries.pop(point)  # what was keyed is forgotten
        if self._moved.state.deadline <= now.mono:
            for decision in over(self.book, self._moved.state, now):
                if decision.reason is Reason.FACTOR_TIMEOUT:
                    self._entries.pop(point_id(decision.door, decision.side), None)
                self._do(decision, now)

    def _mind(self, point: PointId) -> None:
        """Forget an entry that is over."""
        entry = self._entries.get(point)
        if entry is not None and entry.deadline == math.inf:
            del self._entries[point]

    # --- readers ----------------------------------------------------------------------

    def _reader(self, fact: CardRead | KeysRead) -> _Reader | None:
        reader = self._readers.get((fact.controller, fact.reader))
        if reader is None:
            self._controllers.ignore(fact, f"no door has its reader {fact.reader}")
        return reader

    def _hang(self, door: Door) -> None:
        for side in Side:
            reader = reader_at(door, side)
            if reader is not None:
                self._readers[reader.controller, reader.number] = _Reader(door.id, side)


def _too_late(decision: Decision) -> Decision:
    """Nothing begins, opens or changes by what was presented too long ago."""
    denies = not (decision.granted or decision.awaiting or decision.reason is Reason.MUSTERED)
    reason = decision.reason if denies else Reason.STALE_CARD
    return _refused(decision, reason)._replace(changes=(), until=None)


def _refused(decision: Decision, reason: Reason) -> Decision:
    return decision._replace(
        reason=reason,
        release_seconds=0.0,
        open_seconds=0.0,
        companion=None,
        passback=(),
        degraded=False,
    )


def _tone(decision: Decision) -> Tone:
    if decision.awaiting:
        return Tone.AWAITED
    good = decision.granted or decision.reason is Reason.MUSTERED
    return Tone.GRANTED if good else Tone.DENIED
