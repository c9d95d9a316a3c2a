"""Facts to the brain, actions to the hands."""

import asyncio
from datetime import UTC, datetime, timedelta

from gatewayd.app.wiring import Hand, Wiring
from gatewayd.core.access.records import Rules
from gatewayd.core.access.state import State
from gatewayd.core.actions import Action, Admit, Bar, Record, Release, Show, Signal
from gatewayd.core.audit import Catalogue, Family, Status
from gatewayd.core.events import AccessGranted, Event
from gatewayd.core.facts import (
    CardRead,
    ControllerIdentified,
    ControllerOffline,
    Fact,
    OrderDone,
    Outcome,
)
from gatewayd.core.gateway import Gateway
from gatewayd.core.model import (
    Card,
    ControllerId,
    Door,
    DoorId,
    Identity,
    Moment,
    Point,
)
from gatewayd.core.site import OnClassic, SiteConfig
from tests.core.access.world import Town
from tests.core.site import HELD, add, permit

LOBBY, UNIT = DoorId("lobby"), ControllerId("unit")
START = datetime(2030, 1, 1, tzinfo=UTC)
READER = Identity("osdp", "02475f", 1, 1, "00000001", (1, 0, 0), ((2, 4, 1), (13, 0, 1)))
CARD = CardRead(UNIT, 1, 0, Card("26:0600ac80", "H10301", 12, 345))


class LoopClock:
    def moment(self) -> Moment:
        mono = asyncio.get_running_loop().time()
        return Moment(mono, START + timedelta(seconds=mono))


class Hands:
    """Keeps what it is to do; breaks on demand."""

    def __init__(self) -> None:
        self.done: list[Action] = []
        self.breaks: type[Event] | None = None
        self.wiring: Wiring

    def all(self) -> dict[type[Action], Hand]:
        plain = dict.fromkeys((Admit, Bar, Show, Signal, Release), self._do)
        return {**plain, Record: self._record}

    def _do(self, action: Action, _now: Moment) -> None:
        self.done.append(action)

    def _record(self, action: Record, _now: Moment) -> None:
        if self.breaks is not None and isinstance(action.event, self.breaks):
            raise OSError("no journal")
        self.done.append(action)

    def of(self, kind: type[Action]) -> list[Action]:
        return [each for each in self.done if isinstance(each, kind)]


def wired(hands: Hands) -> Wiring:
    family = Family("reader", Status.APPROVED, vendor="02475f")
    door = Door(LOBBY, lock=Point(UNIT), reader=Point(UNIT))
    site = SiteConfig((door,), {UNIT: "north"}, Catalogue((family,)), OnClassic.BLOCK)
    add(town := Town(), card=CARD.card)
    brain = Gateway(site, permit(site, town=town), State(), HELD, Rules())
    return Wiring(brain, LoopClock(), hands.all())


async def test_a_card_becomes_a_record_and_then_a_release() -> None:
    hands = Hands()
    wiring = wired(hands)
    wiring.tell(ControllerIdentified(UNIT, 1, READER))
    wiring.tell(CARD)

    granted = next(
        at
        for at, each in enumerate(hands.done)
        if isinstance(each, Record) and isinstance(each.event, AccessGranted)
    )
    assert isinstance(hands.done[granted + 1], Release)
    wiring.stop()


async def test_what_cannot_be_recorded_moves_no_lock() -> None:
    hands = Hands()
    wiring = wired(hands)
    wiring.tell(ControllerIdentified(UNIT, 1, READER))
    hands.breaks = AccessGranted
    wiring.tell(CARD)

    assert hands.of(Release) == []
    assert hands.of(Signal)  # the rest is done all the same
    hands.breaks = None
    wiring.tell(CARD)
    assert hands.of(Release)
    wiring.stop()


async def test_what_a_hand_has_to_tell_is_heard_after_the_others_are_done() -> None:
    """The brain never sees itself from the middle."""
    hands = Hands()
    wiring = wired(hands)
    told: list[Fact] = []

    def refuse(action: Release, _now: Moment) -> None:
        fact = OrderDone(action.order, Outcome.NOT_SENT, "no line")
        told.append(fact)
        before = len(hands.done)
        wiring.tell(fact)
        assert len(hands.done) == before

    wiring._hands = {**hands.all(), Release: refuse}
    wiring.tell(ControllerIdentified(UNIT, 1, READER))
    wiring.tell(CARD)

    assert len(told) == 1
    failed = [each for each in hands.of(Record) if "not_sent" in str(each)]
    assert len(failed) == 1
    wiring.stop()


async def test_after_a_stop_nothing_is_heard_any_more() -> None:
    """Lines that end because we end are no event that anybody should look into."""
    hands = Hands()
    wiring = wired(hands)
    wiring.tell(ControllerIdentified(UNIT, 1, READER))
    wiring.stop()
    before = list(hands.done)

    wiring.tell(ControllerOffline(UNIT, 1, "the line is down"))

    assert hands.done == before
