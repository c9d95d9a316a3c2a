"""A small site to decide about: hall behind the lobby door, lab behind the lab door.

`World` keeps the time, hands in cards and PINs, applies what decisions change, and opens
doors. Everybody has the level `STAFF`, which opens both doors at all times; rules given to
a world are those of the lab door's entry, unless said otherwise.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from gatewayd.core.access.attempt import Around, Attempt, Decision, DoorNow
from gatewayd.core.access.book import Book, PermissionSet
from gatewayd.core.access.consequences import over, taken
from gatewayd.core.access.decide import decide
from gatewayd.core.access.model import (
    BOTH_SIDES,
    AccessLevel,
    AreaRules,
    Credential,
    DoorRules,
    Flag,
    Holder,
    LevelId,
    LevelRule,
    PointRules,
    Portal,
    Side,
)
from gatewayd.core.access.pins import SiteKey
from gatewayd.core.access.policy import Policy
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.state import State, StateChange
from gatewayd.core.model import AreaId, Card, DoorId, DoorMode, HolderId, Moment
from gatewayd.core.pin_entry import Digits
from gatewayd.core.schedule import ALWAYS, Schedule, SpecialDays
from gatewayd.core.schedules import Schedules

NOON = datetime(2026, 5, 8, 10, tzinfo=UTC)  # a Friday; 12:00 on the clocks of the site
BERLIN = ZoneInfo("Europe/Berlin")
LOBBY, LAB = DoorId("lobby"), DoorId("lab")
HALL, LAB_ROOM = AreaId("hall"), AreaId("lab-room")
STAFF = LevelId("staff")
ANNA, BORIS, VERA = HolderId("anna"), HolderId("boris"), HolderId("vera")
ANNAS, BORISS, VERAS = (Card(f"26:0000{n}000", "H10301", 36, n) for n in (1, 2, 3))
CARDS = {ANNA: ANNAS, BORIS: BORISS, VERA: VERAS}
NOBODYS = Card("26:00009000", "H10301", 36, 9)
RAW = Card("13:abc8")
KEY = SiteKey(bytes(range(32)))
PORTALS = (
    Portal(LOBBY, inside=HALL, sides=BOTH_SIDES),
    Portal(LAB, inside=LAB_ROOM, outside=HALL, sides=BOTH_SIDES),
)
EVERYWHERE = AccessLevel(STAFF, (LevelRule(ALWAYS, frozenset({LOBBY, LAB})),))


def key(card: Card) -> str:
    return card.decoded or card.raw


def digits(pin: str | None) -> Digits | None:
    return None if pin is None else Digits(pin)


def pin_of(holder: HolderId, pin: str) -> bytes:
    return KEY.pin_of(holder, Digits(pin))


def level(*rules: LevelRule) -> AccessLevel:
    return AccessLevel(STAFF, rules)


class Town:
    """People in dictionaries."""

    def __init__(self) -> None:
        self.holders: dict[HolderId, Holder] = {}
        self.cards: dict[str, Credential] = {}

    def credential(self, key: str) -> Credential | None:
        return self.cards.get(key)

    def holder(self, holder: HolderId) -> Holder | None:
        return self.holders.get(holder)

    def credentials(self) -> Iterable[Credential]:
        return self.cards.values()

    def credentials_of(self, holder: HolderId) -> Iterable[Credential]:
        return [each for each in self.cards.values() if each.holder == holder]


class World:
    """The site, its people, and the time."""

    def __init__(
        self,
        entry: PointRules | None = None,
        exit_: PointRules | None = None,
        areas: tuple[AreaRules, ...] = (),
        *,
        levels: tuple[AccessLevel, ...] = (EVERYWHERE,),
        schedules: Iterable[Schedule] = (),
        special_days: Iterable[SpecialDays] = (),
        doors: tuple[DoorRules, ...] = (),
        policy: Policy | None = None,
        portals: tuple[Portal, ...] = PORTALS,
    ) -> None:
        lab = DoorRules(LAB, entry or PointRules(), exit_ or PointRules())
        self.town = Town()
        for holder in CARDS:
            self.person(holder)
        hours = Schedules(BERLIN, schedules, special_days)
        self.rules = PermissionSet(hours, levels, doors or (lab,), areas)
        self.book = Book(portals, self.rules, self.town, KEY, policy)
        self.state = State()
        self.doors = {each.door: DoorNow() for each in portals}
        self.now = Moment(100.0, NOON)
        self.degraded = self.stale = False

    def person(
        self,
        holder: HolderId = ANNA,
        *flags: Flag,
        pin: str | None = None,
        duress: str | None = None,
        levels: tuple[LevelId, ...] = (STAFF,),
        **changes: object,
    ) -> None:
        """Let somebody be like this."""
        pins = [None if each is None else pin_of(holder, each) for each in (pin, duress)]
        person = Holder(holder, levels=levels, pin=pins[0], duress_pin=pins[1])
        person = person._replace(flags=frozenset(flags), **changes)  # type: ignore[arg-type]  # names fields
        self.town.holders[holder] = person
        card = key(CARDS[holder])
        self.town.cards.setdefault(card, Credential(card, holder))

    def credential(self, card: Card = ANNAS, **changes: object) -> None:
        """Let a card be like this."""
        self.town.cards[key(card)] = self.town.cards[key(card)]._replace(**changes)  # type: ignore[arg-type]  # names fields

    def pin_alone(self, pin: str, holder: HolderId = ANNA, *, duress: bool = False) -> None:
        """Let a PIN be a credential of its own."""
        known = KEY.key_of(Digits(pin))
        self.town.cards[known] = Credential(known, holder, duress=duress)

    # --- what happens ---------------------------------------------------------------

    def card(
        self,
        card: Card = ANNAS,
        pin: str | None = None,
        door: DoorId = LAB,
        side: Side = Side.IN,
    ) -> Decision:
        """Present a card, perhaps together with a PIN."""
        return self._decided(Attempt(door, side, self.now, card, digits(pin)))

    def pin(self, pin: str, door: DoorId = LAB, side: Side = Side.IN) -> Decision:
        """Enter a PIN."""
        return self._decided(Attempt(door, side, self.now, pin=digits(pin)))

    def passes(self, card: Card = ANNAS, door: DoorId = LAB, side: Side = Side.IN) -> Decision:
        """Present a card, and open the door if it is granted."""
        decision = self.card(card, door=door, side=side)
        if decision.granted:
            self.take(decision)
        return decision

    def take(self, decision: Decision) -> None:
        """Open the door after a grant."""
        for change in taken(self.book, decision, self.state, self.now):
            self.state.apply(change)

    def over(self) -> list[Reason]:
        """Let waits end that have lasted too long."""
        found = over(self.book, self.state, self.now)
        for decision in found:
            self.apply(*decision.changes)
        return [each.reason for each in found]

    def wait(self, seconds: float = 0.0, **more: float) -> None:
        """Let time pass."""
        span = timedelta(seconds=seconds, **more)
        later = self.now.mono + span.total_seconds()
        self.now = replace(self.now, mono=later, utc=self.now.utc + span)

    def shows(self, shown: str) -> None:
        """Let the clocks of the site show this."""
        local = datetime.fromisoformat(shown).replace(tzinfo=BERLIN)
        self.now = replace(self.now, utc=local.astimezone(UTC))

    def clock_lost(self) -> None:
        self.now = replace(self.now, trusted=False)

    def mode(self, mode: DoorMode, door: DoorId = LAB) -> None:
        self.doors[door] = self.doors[door]._replace(mode=mode)

    def apply(self, *changes: StateChange) -> None:
        for change in changes:
            self.state.apply(change)

    @property
    def around(self) -> Around:
        return Around(self.doors, self.degraded, self.stale)

    def _decided(self, attempt: Attempt) -> Decision:
        decision = decide(self.book, self.state, self.around, attempt)
        self.apply(*decision.changes)
        return decision
