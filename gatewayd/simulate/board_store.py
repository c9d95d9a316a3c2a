"""What a simulated UHPPOTE board keeps when its power goes: log, cards, settings.

The log is a ring as on real boards: 200,000 events, the oldest overwritten 2,048 at a time,
numbers that never begin anew but by a reset. Forgotten cards leave a hole in the list.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from protocol.uhppote.cards import CardRecord, PutCard
from protocol.uhppote.doors import Antipassback, DoorMode, Interlock, SetFirstCard
from protocol.uhppote.schedules import AddTask, SetProfile
from protocol.uhppote.settings import NOBODY, Identity
from protocol.uhppote.status import NEWEST, OLDEST, Event, EventType, read_event
from protocol.uhppote.values import Date

EVENTS_KEPT = 200_000
OVERWRITTEN_AT_ONCE = 2_048
CARDS_BOUND = 200_000
TASKS_BOUND = 1_000
DELAY = 5  # seconds, as the maker leaves it


class Log:
    """The ring of events."""

    def __init__(self, kept: int = EVENTS_KEPT, at_once: int = OVERWRITTEN_AT_ONCE) -> None:
        self._kept = kept
        self._at_once = at_once
        self._events: deque[bytes] = deque()  # as on the wire: 200,000 objects weigh 80 MB
        self._oldest = 1

    @property
    def newest(self) -> int:
        """The number given last; 0 for none."""
        return self._oldest + len(self._events) - 1

    def add(self, event: Event) -> None:
        """Write the next event."""
        if len(self._events) >= self._kept + self._at_once:
            for _ in range(self._at_once):
                self._events.popleft()
            self._oldest += self._at_once
        self._events.append(event.encode())

    def get(self, index: int) -> Event:
        """Read an event; none if it is not yet, `OVERWRITTEN` if it is no longer."""
        if not self._events:
            return Event()
        wanted = {OLDEST: self._oldest, NEWEST: self.newest}.get(index, index)
        if wanted < self._oldest:
            return Event(wanted, EventType.OVERWRITTEN)
        if wanted > self.newest:
            return Event()
        return read_event(self._events[wanted - self._oldest])


class Cards:
    """The list of cards, by number and by place."""

    def __init__(self) -> None:
        self._places: list[int | None] = []
        self._cards: dict[int, tuple[int, CardRecord]] = {}

    def __len__(self) -> int:
        """How many are stored."""
        return len(self._cards)

    def __iter__(self) -> Iterator[CardRecord]:
        """All, by place."""
        return (card for _, card in self._cards.values())

    def put(self, card: PutCard) -> bool:
        """Store or replace; False if there is no room."""
        place, known = self._cards.get(card.card, (len(self._places), None))
        if known is None:
            if place >= CARDS_BOUND:
                return False
            self._places.append(card.card)
        record = CardRecord(
            card.card, card.start, card.end, card.doors, card.pin, card.first_card
        )
        self._cards[card.card] = place, record
        return True

    def get(self, card: int) -> CardRecord | None:
        """Find a card by number."""
        _, record = self._cards.get(card, (0, None))
        return record

    def at(self, index: int) -> CardRecord | int | None:
        """Find by place, from 1; the number of a hole is 0, None is behind the last."""
        if not 1 <= index <= len(self._places):
            return None
        card = self._places[index - 1]
        return 0 if card is None else self._cards[card][1]

    def delete(self, card: int) -> bool:
        """Forget a card; False if it was not stored."""
        place, record = self._cards.pop(card, (0, None))
        if record is None:
            return False
        self._places[place] = None
        return True

    def clear(self) -> None:
        """Forget all, holes included."""
        self._places.clear()
        self._cards.clear()


@dataclass(slots=True)
class Control:
    """How a door behaves."""

    mode: DoorMode | int = DoorMode.CONTROLLED
    delay: int = DELAY  # seconds


@dataclass(slots=True)
class Settings:
    """What `RestoreDefaults` brings back."""

    controls: dict[int, Control] = field(
        default_factory=lambda: {door: Control() for door in (1, 2, 3, 4)}
    )
    listener: tuple[IPv4Address, int] = (NOBODY, 0)
    interval: int = 0
    special_events: bool = False
    host_control: bool = False
    antipassback: Antipassback | int = Antipassback.OFF
    interlock: Interlock | int = Interlock.OFF
    keypads: tuple[bool, bool, bool, bool] = (False, False, False, False)
    passcodes: dict[int, tuple[int, int, int, int]] = field(default_factory=dict, repr=False)
    first_cards: dict[int, SetFirstCard] = field(default_factory=dict)
    profiles: dict[int, SetProfile] = field(default_factory=dict)
    tasks: list[AddTask] = field(default_factory=list)
    new_tasks: list[AddTask] = field(default_factory=list)  # until they are refreshed
    event_index: int = 0


@dataclass(slots=True)
class Store:
    """All that a board keeps."""

    serial: int
    identity: Identity
    doors: int = 4
    log: Log = field(default_factory=Log)
    cards: Cards = field(default_factory=Cards)
    settings: Settings = field(default_factory=Settings)

    def restore_defaults(self) -> None:
        """Forget everything but who it is and how it is reached."""
        self.settings = Settings()
        self.log = Log()
        self.cards.clear()


def identity_of(serial: int, address: IPv4Address, version: str = "8.92") -> Identity:
    """Say who a board is; the MAC is locally administered and no maker's."""
    mac = (0x02_47_00_00_00_00 + (serial & 0xFFFFFFFF)).to_bytes(6, "big").hex(":")
    mask = IPv4Address("255.0.0.0")
    return Identity(address, mask, NOBODY, mac, version, Date(2018, 11, 5))
