"""A small site for the brain's tests, and somebody who plays everything around it.

`LOBBY` has its reader and inputs on `DESK` and its lock on `STRIKE`; `LAB` has everything
on `DESK`. `World` hands facts to a brain at a time it keeps, and answers for controllers.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from gatewayd.core.actions import (
    Action,
    Admit,
    Answer,
    Latch,
    Order,
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
    OrderDone,
    Outcome,
    OutputsRead,
    RequestCommitted,
)
from gatewayd.core.gateway import Gateway
from gatewayd.core.model import (
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
from gatewayd.core.permissions import Grant, Permissions
from gatewayd.core.requests import Command, Request
from gatewayd.core.site import OnClassic, SiteConfig

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
DESK, STRIKE = ControllerId("desk"), ControllerId("strike")
LOBBY, LAB = DoorId("lobby"), DoorId("lab")
ANNA, BORIS = HolderId("anna"), HolderId("boris")
OFFICE = ClientId("office")

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
LAB_DOOR = Door(LAB, lock=Point(DESK, 0), reader=Point(DESK, 1))

GOOD = Family("good", Status.APPROVED, vendor="00d0c9", model=1)
OLD = Family(
    "old", Status.CLASSIC, vendor="00d0c9", model=9, replacement="model 1", note="no keys"
)
CATALOGUE = Catalogue(shipped=(GOOD, OLD))
CAPABILITIES = ((1, 4, 8), (2, 4, 8), (13, 0, 2))

REST, PRESSED, FAULT = InputState.INACTIVE, InputState.ACTIVE, InputState.FAULT
CLOSED, OPEN = InputState.INACTIVE, InputState.ACTIVE
OFF, ON = False, True

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


def grants() -> dict[str, Grant]:
    return {"H10301:36:6765": Grant(ANNA, frozenset({LOBBY, LAB}))}


def events(actions: list[Action]) -> list[Event]:
    return [action.event for action in actions if isinstance(action, Record)]


def of(kind: type[A], actions: list[Action]) -> list[A]:
    return [action for action in actions if isinstance(action, kind)]


def orders(actions: list[Action]) -> list[Order]:
    return [each for each in actions if isinstance(each, Release | Latch | Signal)]


class World:
    """Everything around a brain, doing as it is told."""

    def __init__(
        self, config: SiteConfig | None = None, held: Permissions | None = None
    ) -> None:
        self.brain = Gateway(config or site(), held or Permissions(1, grants()))
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


def ready(config: SiteConfig | None = None, held: Permissions | None = None) -> World:
    """A world where everything is online, the lobby is shut and nobody touches anything."""
    world = World(config, held)
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
