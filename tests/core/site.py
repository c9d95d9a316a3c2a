"""A small site for the brain's tests, and somebody who plays everything around it.

`LOBBY` has its reader and inputs on `DESK` and its lock on `STRIKE`; `LAB` has everything
on `DESK`. Anna may pass both at all times; `permit` makes a book of other people and rules.
`World` hands facts to a brain at a time it keeps, and answers for controllers.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from gatewayd.core.access.book import Book, PermissionSet
from gatewayd.core.access.model import (
    AccessLevel,
    AreaRules,
    Credential,
    DoorRules,
    Flag,
    Holder,
    LevelId,
    LevelRule,
    PointRules,
    Side,
)
from gatewayd.core.access.pins import SiteKey
from gatewayd.core.access.policy import Policy
from gatewayd.core.access.portals import portal_of
from gatewayd.core.access.records import Rules
from gatewayd.core.access.state import State
from gatewayd.core.actions import (
    Action,
    Admit,
    Answer,
    KeepState,
    Latch,
    Order,
    PermissionsView,
    Record,
    Release,
    Show,
    Signal,
)
from gatewayd.core.audit import Catalogue, Family, Status
from gatewayd.core.events import Event
from gatewayd.core.facts import (
    CardRead,
    ControllerIdentified,
    ControllerOffline,
    Fact,
    InputsRead,
    InputState,
    KeysRead,
    OrderDone,
    Outcome,
    OutputsRead,
    RequestCommitted,
)
from gatewayd.core.gateway import Gateway
from gatewayd.core.mode_orders import KeptModes
from gatewayd.core.model import (
    AreaId,
    Card,
    ClientId,
    ControllerId,
    Door,
    DoorId,
    DoorView,
    HolderId,
    Identity,
    Moment,
    OrderId,
    Point,
    RequestId,
)
from gatewayd.core.pin_entry import Digits, Keys
from gatewayd.core.requests import Command, Request
from gatewayd.core.schedule import ALWAYS
from gatewayd.core.schedules import Schedules
from gatewayd.core.site import OnClassic, SiteConfig
from tests.core.access.world import Town

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
DESK, STRIKE = ControllerId("desk"), ControllerId("strike")
LOBBY, LAB = DoorId("lobby"), DoorId("lab")
ANNA, BORIS = HolderId("anna"), HolderId("boris")
OFFICE = ClientId("office")
HALL = AreaId("hall")
STAFF = LevelId("staff")
KEY = SiteKey(bytes(range(32)))
IN, OUT = Side.IN, Side.OUT

CARD = Card("26:12345680", "H10301", 36, 6765)
OTHER_CARD = Card("26:00000180", "H10301", 0, 3)
STRANGE_CARD = Card("13:abc8")

LOBBY_DOOR = Door(
    LOBBY,
    lock=Point(STRIKE, 0),
    reader=Point(DESK, 0),
    contact=Point(DESK, 0),
    exit_button=Point(DESK, 1),
)
BOTH_WAYS = replace(LOBBY_DOOR, exit_reader=Point(DESK, 2), inside=AreaId("hall"))
LAB_DOOR = Door(LAB, lock=Point(DESK, 0), reader=Point(DESK, 1))

GOOD = Family("good", Status.APPROVED, vendor="00d0c9", model=1)
OLD = Family(
    "old", Status.CLASSIC, vendor="00d0c9", model=9, replacement="model 1", note="no keys"
)
CATALOGUE = Catalogue(shipped=(GOOD, OLD))
CAPABILITIES = ((1, 4, 8), (2, 4, 8), (13, 0, 3))

REST, PRESSED, FAULT = InputState.INACTIVE, InputState.ACTIVE, InputState.FAULT
CLOSED, OPEN = InputState.INACTIVE, InputState.ACTIVE
OFF, ON = False, True

HELD = PermissionsView(1, "0" * 64, holders=1, credentials=1)

A = TypeVar("A", bound=Action)
E = TypeVar("E", bound=Event)


def identity(serial: int = 1, model: int = 1) -> Identity:
    return Identity("osdp", "00d0c9", model, 1, f"{serial:08x}", (1, 2, 3), CAPABILITIES)


def site(
    *doors: Door,
    on_classic: OnClassic = OnClassic.BLOCK,
    inventory_approved: bool = False,
    catalogue: Catalogue = CATALOGUE,
    require_secure: frozenset[ControllerId] = frozenset(),
) -> SiteConfig:
    return SiteConfig(
        doors or (LOBBY_DOOR, LAB_DOOR),
        {DESK: "north", STRIKE: "south"},
        catalogue,
        on_classic,
        inventory_approved,
        require_secure=require_secure,
    )


def permit(
    config: SiteConfig | None = None,
    *,
    town: Town | None = None,
    entry: PointRules | None = None,
    exit_: PointRules | None = None,
    areas: tuple[AreaRules, ...] = (),
    policy: Policy | None = None,
) -> Book:
    """Return a book in which staff may pass everywhere; the rules are those of the lobby."""
    doors = (config or site()).doors
    everywhere = LevelRule(ALWAYS, frozenset(each.id for each in doors))
    rules = PermissionSet(
        Schedules(UTC),
        (AccessLevel(STAFF, (everywhere,)),),
        (DoorRules(LOBBY, entry or PointRules(), exit_ or PointRules()),),
        areas,
    )
    portals = [portal_of(each) for each in doors]
    return Book(portals, rules, anna() if town is None else town, KEY, policy)


def anna() -> Town:
    """Return a town of one."""
    town = Town()
    add(town)
    return town


def add(
    town: Town,
    holder: HolderId = ANNA,
    card: Card = CARD,
    *flags: Flag,
    pin: str | None = None,
    duress_pin: str | None = None,
    **changes: object,
) -> None:
    """Let somebody be there, with a card; changes are those of the credential."""
    pins = [None if it is None else KEY.pin_of(holder, Digits(it)) for it in (pin, duress_pin)]
    town.holders[holder] = Holder(
        holder, levels=(STAFF,), pin=pins[0], duress_pin=pins[1], flags=frozenset(flags)
    )
    key = card.decoded or card.raw
    town.cards[key] = Credential(key, holder)._replace(**changes)  # type: ignore[arg-type]  # names fields


def two_people() -> Town:
    """Return Anna and Boris, who has the other card."""
    town = anna()
    add(town, BORIS, OTHER_CARD)
    return town


def events(actions: list[Action]) -> list[Event]:
    return [action.event for action in actions if isinstance(action, Record)]


def of(kind: type[A], actions: list[Action]) -> list[A]:
    return [action for action in actions if isinstance(action, kind)]


def kept(actions: list[Action]) -> list[str]:
    """Return the keys of the state that is kept."""
    return [key for each in of(KeepState, actions) for key, _ in each.entries]


def orders(actions: list[Action]) -> list[Order]:
    return [each for each in actions if isinstance(each, Release | Latch | Signal)]


class World:
    """Everything around a brain, doing as it is told."""

    def __init__(
        self,
        config: SiteConfig | None = None,
        book: Book | None = None,
        *,
        held: PermissionsView = HELD,
        rules: Rules | None = None,
        modes: KeptModes | None = None,
        degraded: bool = False,
    ) -> None:
        config = config or site()
        self.state = State()
        self.book = book or permit(config)
        self.brain = Gateway(
            config,
            self.book,
            self.state,
            held,
            rules or Rules(),
            modes=modes,
            degraded=degraded,
        )
        self.mono = 100.0
        self.views: dict[DoorId, DoorView] = {}
        self.numbers = 0

    @property
    def now(self) -> Moment:
        return Moment(self.mono, NOON + timedelta(seconds=self.mono - 100))

    def tell(self, fact: Fact) -> list[Action]:
        return self._seen(self.brain.handle(fact, self.now))

    def tick(self) -> list[Action]:
        return self._seen(self.brain.tick(self.now))

    def wait(self, seconds: float) -> list[Action]:
        """Let time pass, with a tick at every deadline on the way."""
        end, actions = self.mono + seconds, list[Action]()
        while self.brain.deadline <= end:
            self.mono = max(self.mono, self.brain.deadline)
            actions += self.tick()
        self.mono = end
        return actions + self.tick()

    def online(self, *controllers: ControllerId, connection: int = 1) -> list[Action]:
        """Let controllers answer; all of them unless named."""
        actions: list[Action] = []
        for each in controllers or (DESK, STRIKE):
            actions += self.tell(ControllerIdentified(each, connection, identity()))
        return actions

    def offline(self, controller: ControllerId, connection: int = 1) -> list[Action]:
        return self.tell(ControllerOffline(controller, connection, "gone"))

    def card(self, card: Card = CARD, reader: int = 0, connection: int = 1) -> list[Action]:
        return self.tell(CardRead(DESK, connection, reader, card))

    def keys(self, keys: str, reader: int = 0, waited: float = 0.0) -> list[Action]:
        return self.tell(KeysRead(DESK, 1, reader, Keys(keys), waited))

    def inputs(self, *levels: InputState, connection: int = 1) -> list[Action]:
        return self.tell(InputsRead(DESK, connection, levels))

    def outputs(self, controller: ControllerId, *on: bool, connection: int = 1) -> list[Action]:
        return self.tell(OutputsRead(controller, connection, on))

    def done(
        self, order: Order | OrderId, outcome: Outcome = Outcome.DELIVERED, detail: str = ""
    ) -> list[Action]:
        number = order.order if isinstance(order, Release | Latch | Signal) else order
        return self.tell(OrderDone(number, outcome, detail))

    def ask(self, command: Command, seconds: float = 30) -> list[Action]:
        """Send a request; its id is "r1", "r2", …"""
        self.numbers += 1
        id_ = RequestId(f"r{self.numbers}")
        return self.tell(RequestCommitted(Request(id_, OFFICE, command, self.mono + seconds)))

    def _seen(self, actions: list[Action]) -> list[Action]:
        for show in of(Show, actions):
            if isinstance(show.view, DoorView):
                self.views[show.view.door] = show.view
        return actions


def ready(config: SiteConfig | None = None, book: Book | None = None) -> World:
    """A world where everything is online, the lobby is shut and nobody touches anything."""
    world = World(config, book)
    world.online()
    world.inputs(CLOSED, REST)
    for controller in (DESK, STRIKE):
        world.outputs(controller, OFF)
    return world


def answers(actions: list[Action]) -> list[tuple[RequestId, str | None]]:
    return [(answer.request, answer.error) for answer in of(Answer, actions)]


def lobby(**changes: object) -> Door:
    return replace(LOBBY_DOOR, **changes)  # type: ignore[arg-type]  # names fields of Door


def admitted(actions: list[Action]) -> list[ControllerId]:
    return [admit.controller for admit in of(Admit, actions)]
