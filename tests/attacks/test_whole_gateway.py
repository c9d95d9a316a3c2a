"""Attacks on the daemon's own line and brain: from the bytes of a wire to the journal.

Everything is the real thing but the wire, the unit and the clock: `OsdpLine`, `Wiring` and
`Gateway`, with a unit that must be secure, a holder, and somebody in between.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from gatewayd.app.wiring import Hand, Wiring
from gatewayd.core.access.records import Rules
from gatewayd.core.access.state import State
from gatewayd.core.actions import (
    Action,
    Admit,
    Answer,
    ApproveInventory,
    Bar,
    CloseWindow,
    GiveKey,
    Identify,
    KeepState,
    Latch,
    OpenWindow,
    Record,
    Refuse,
    Release,
    RememberPlaces,
    Show,
    Signal,
)
from gatewayd.core.audit import Catalogue, Family, Status
from gatewayd.core.events import (
    AccessDenied,
    AccessGranted,
    AuditBlocked,
    ControllerCommissioning,
    ControllerOnline,
    ControllerSecurity,
    ControllerWentOffline,
    Event,
)
from gatewayd.core.facts import RequestCommitted
from gatewayd.core.gateway import Gateway
from gatewayd.core.model import (
    Card,
    ClientId,
    ControllerId,
    ControllerView,
    Door,
    DoorId,
    HolderId,
    Moment,
    Point,
    RequestId,
    Verdict,
)
from gatewayd.core.requests import CommissionController, Request, UnlockDoor
from gatewayd.core.site import OnClassic, SiteConfig
from gatewayd.edge.link import Factory
from gatewayd.edge.osdp import LineSettings, OsdpLine, Unit
from gatewayd.simulate.device import VENDOR
from protocol import wiegand
from protocol.message import Message
from protocol.osdp.bus import BaseKey
from protocol.osdp.commands import SetKey, SetOutputs
from protocol.osdp.frame import Frame
from protocol.osdp.replies import Ack, Capabilities, ClientCryptogram, Nak, NakReason, RawCard
from tests.attacks.hurry import HurriedLoop
from tests.attacks.scene import KEY, RECOVERY, Witness
from tests.core.access.world import Town
from tests.core.site import HELD, add, permit
from tests.simulate.attacker import Attacker, changing, drop, in_clear, instead
from tests.simulate.line import IDENTITY

UNIT, DOOR, ANNA = ControllerId("lobby-reader"), DoorId("lobby"), HolderId("anna")
START = datetime(2030, 1, 1, tzinfo=UTC)
ANSWER_TIME = 0.003  # seconds until a unit answers
BITS, DATA = wiegand.encode("H10301", 12, 345)
CARD = RawCard(0, 1, BITS, DATA)
BROKEN = "its sessions are broken again and again"
FAMILIES = (
    Family("readers", Status.APPROVED, vendor=VENDOR.hex()),
    Family("readers without AES", Status.CLASSIC, lacks=((9, 1),)),
)

Happened = TypeVar("Happened", bound=Event)
Done = TypeVar("Done", bound=Action)


class Wire(asyncio.WriteTransport):
    """Carries what the line says to whoever answers."""

    def __init__(self, line: asyncio.Protocol, answer: Callable[[bytes, float], bytes]) -> None:
        super().__init__()
        self._line = line
        self._answer = answer

    def write(self, data: bytes | bytearray | memoryview) -> None:
        loop = asyncio.get_running_loop()
        answer = self._answer(bytes(data), loop.time())
        if answer:
            loop.call_later(ANSWER_TIME, self._line.data_received, answer)

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        """No wire of this breaks."""


class LoopClock:
    def moment(self) -> Moment:
        mono = asyncio.get_running_loop().time()
        return Moment(mono, START + timedelta(seconds=mono))


class Premises:
    """A door with a secure reader, as the daemon runs it."""

    def __init__(self, runner: asyncio.Runner, unit: Witness, *, key: bytes | None) -> None:
        self._runner = runner
        self.unit = unit
        self.attacker = Attacker(unit)
        self.events: list[Event] = []
        self.done: list[Action] = []
        keys = (BaseKey("own", key),) if key is not None else ()
        units = (Unit(UNIT, 1, card_formats={0: ("H10301",)}, secure=True, keys=keys),)
        self._wiring = Wiring(_brain(), LoopClock(), self._hands())
        self._line = OsdpLine(LineSettings("north", self._open, units), self._wiring.tell)

    async def _open(self, factory: Factory) -> asyncio.WriteTransport:
        line = factory()
        wire = Wire(line, self.attacker.answer)
        line.connection_made(wire)
        return wire

    def _hands(self) -> dict[type[Action], Hand]:
        line: dict[type[Action], Hand] = {
            Admit: lambda each, _: self._line.admit(each.controller, each.connection),
            Bar: lambda each, _: self._line.bar(each.controller),
            Identify: lambda each, _: self._line.identify(each.controller),
            OpenWindow: lambda each, _: self._line.open_window(each.controller, each.until),
            CloseWindow: lambda each, _: self._line.close_window(each.controller),
            **dict.fromkeys((Release, Latch, Signal), lambda each, _: self._line.send(each)),
        }
        kept = (Answer, GiveKey, Show, ApproveInventory, RememberPlaces, Refuse, KeepState)
        return {
            **line,
            **dict.fromkeys(kept, lambda each, _: self.done.append(each)),
            Record: lambda each, _: self.events.append(each.event),
        }

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        self._runner.run(asyncio.sleep(seconds))

    def start(self, seconds: float) -> None:
        """Let the daemon begin, and then so much time pass."""

        async def begin() -> "asyncio.Task[None]":
            self._wiring.start()
            return asyncio.create_task(self._line.run())

        self._task = self._runner.run(begin())  # kept, or it would be collected
        self.run(seconds)

    def ask(self, command: CommissionController | UnlockDoor, seconds: float = 90) -> None:
        """Let an operator ask for something."""

        async def tell() -> None:
            expires = asyncio.get_running_loop().time() + seconds
            request = Request(RequestId("r1"), ClientId("operator"), command, expires)
            self._wiring.tell(RequestCommitted(request))

        self._runner.run(tell())

    # --- what came of it ----------------------------------------------------------------

    def of(self, kind: type[Happened]) -> list[Happened]:
        return [each for each in self.events if isinstance(each, kind)]

    def acted(self, kind: type[Done]) -> list[Done]:
        return [each for each in self.done if isinstance(each, kind)]

    @property
    def verdict(self) -> Verdict:
        views = [each.view for each in self.acted(Show)]
        return [each for each in views if isinstance(each, ControllerView)][-1].verdict

    def nothing_moved(self) -> None:
        """No lock, no grant, no key, no word in clear that is not about identity."""
        assert not self.unit.pulses
        assert not self.of(AccessGranted)
        assert not self.acted(GiveKey)
        said = self.attacker.frames(reply=False)
        assert {each.code for each in said if each.security is None} <= IDENTITY
        assert not {SetKey.CODE, SetOutputs.CODE} & {each.code for each in said}

    def a_card_opens(self) -> bool:
        """Whether the door opens for the one who may."""
        before = len(self.unit.pulses)
        self.unit.report(CARD)
        self.run(1)
        return len(self.unit.pulses) == before + 1


def _brain() -> Gateway:
    door = Door(DOOR, lock=Point(UNIT), reader=Point(UNIT))
    site = SiteConfig(
        (door,),
        {UNIT: "north"},
        Catalogue(FAMILIES),
        OnClassic.BLOCK,
        require_secure=frozenset({UNIT}),
    )
    add(town := Town(), ANNA, Card("26:0600ac80", "H10301", 12, 345))
    return Gateway(site, permit(site, town=town), State(), HELD, Rules())


@contextmanager
def premises(
    unit: Witness | None = None, *, key: bytes | None = KEY, begin: bool = True
) -> Iterator[Premises]:
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        made = Premises(runner, unit or Witness(), key=key)
        if begin:
            made.start(1)
        yield made


def hides_aes(frame: Frame) -> Frame:
    clear = frame.code == Capabilities.CODE and frame.security is None
    return in_clear(Capabilities(()), frame) if clear else frame


def test_a_card_opens_the_door_while_somebody_listens() -> None:
    with premises() as place:
        assert place.verdict is Verdict.APPROVED
        assert place.a_card_opens()
        assert [each.holder for each in place.of(AccessGranted)] == [ANNA]
        assert CARD not in place.attacker.understood()


@pytest.mark.parametrize("hides", [False, True])
def test_a_unit_that_is_talked_out_of_its_session_is_blocked_and_named(hides: bool) -> None:  # noqa: FBT001 - drawn by name
    """Attack 2: no secure channel offered, the challenge refused, a card in clear."""

    def talk(frame: Frame) -> tuple[Frame, ...]:
        if frame.code == ClientCryptogram.CODE:
            return (in_clear(Nak(NakReason.SECURITY_UNSUPPORTED), frame),)
        return (hides_aes(frame) if hides else frame, in_clear(CARD, frame))

    with premises(begin=False) as place:
        place.attacker.back = talk
        place.start(30)
        place.ask(UnlockDoor(DOOR), seconds=5)
        place.run(30)

        wanted = Verdict.CLASSIC if hides else Verdict.MISCONFIGURED
        assert place.verdict is wanted
        assert {each.verdict for each in place.of(AuditBlocked)} == {wanted}
        assert [each.error for each in place.acted(Answer)] == ["unit_not_approved"]
        assert not place.of(ControllerOnline)
        place.nothing_moved()

        place.attacker.leave()
        place.run(RECOVERY)
        assert place.verdict is Verdict.APPROVED
        assert place.a_card_opens()


def test_capabilities_that_differ_inside_are_an_event_and_the_door_works() -> None:
    with premises(begin=False) as place:
        place.attacker.back = lambda frame: (hides_aes(frame),)
        place.start(1)
        assert [each.controller for each in place.of(ControllerSecurity)] == [UNIT]
        assert place.verdict is Verdict.APPROVED
        assert place.a_card_opens()


@pytest.mark.parametrize("forged", [CARD, Ack()], ids=["a card", "an acknowledgement"])
def test_a_word_in_clear_in_a_session_is_an_event_and_opens_nothing(forged: Message) -> None:
    with premises() as place:
        place.attacker.back = instead(Ack, forged)
        place.run(10)
        assert [each.what for each in place.of(ControllerSecurity)] == [
            "an answer came in clear where it must be sealed",
            BROKEN,
        ]
        assert place.of(ControllerWentOffline)
        place.nothing_moved()

        place.attacker.leave()
        place.run(RECOVERY)
        assert place.a_card_opens()


def test_a_card_that_was_held_back_for_seconds_is_denied() -> None:
    with premises() as place:
        place.attacker.back = drop()
        place.unit.report(CARD)
        place.run(6)
        place.attacker.leave()
        place.run(3)
        assert [each.reason for each in place.of(AccessDenied)] == ["stale_card"]
        assert not place.unit.pulses


def test_a_recorded_card_is_an_event_and_opens_nothing() -> None:
    with premises() as place:
        assert place.a_card_opens()
        (recorded,) = place.attacker.frames(RawCard)
        place.attacker.back = changing(
            Ack, lambda frame: replace(recorded, sequence=frame.sequence)
        )
        place.run(10)
        assert len(place.unit.pulses) == len(place.of(AccessGranted)) == 1
        assert place.of(ControllerSecurity)
        assert place.of(ControllerWentOffline)


def test_a_cut_wire_is_an_event() -> None:
    with premises() as place:
        place.attacker.onwards = drop()
        place.run(10)
        (gone,) = place.of(ControllerWentOffline)
        assert gone.why == "no valid message for 8 s"
        assert place.verdict is Verdict.UNREACHABLE
        place.nothing_moved()


@pytest.mark.parametrize("forged", [CARD, Nak(NakReason.SECURITY_REQUIRED)], ids=repr)
def test_a_session_broken_again_and_again_is_an_event_and_cannot_flood_the_journal(
    forged: Message,
) -> None:
    minutes = 5
    with premises() as place:
        before = len(place.events)
        place.attacker.back = instead(Ack, forged)
        place.run(60 * minutes)
        told = [each.what for each in place.of(ControllerSecurity)]
        assert told.count(BROKEN) == minutes
        assert len(place.of(ControllerWentOffline)) > 10 * minutes
        assert len(place.events) - before <= 2 * 12 * minutes + 12 + 2 * minutes
        place.nothing_moved()

        place.attacker.leave()
        place.run(RECOVERY)
        assert place.a_card_opens()


def rogue(serial: int = 0x0BADCAFE) -> Witness:
    return Witness(key=None, install_mode=True, serial=serial)


@pytest.mark.parametrize(
    ("serial", "verdict"), [(0x0BADCAFE, Verdict.CHANGED), (0x1001, Verdict.MISCONFIGURED)]
)
def test_a_rogue_reader_is_given_no_key_by_itself(serial: int, verdict: Verdict) -> None:
    """Attacks 3 and 5: the reader is broken, and another one in install mode hangs there."""
    with premises() as place:
        place.attacker.device = place.unit = rogue(serial)
        place.unit.report(CARD)
        place.run(600)
        assert place.verdict is verdict
        assert [each.verdict for each in place.of(AuditBlocked)] == [verdict]
        place.nothing_moved()


def test_a_rogue_reader_in_a_window_has_not_the_serial_number_that_was_named() -> None:
    """Attack 3: somebody waits for an operator to open a window."""
    with premises(rogue(), key=None) as place:
        place.ask(CommissionController(UNIT, 60, serial="00001001"))
        place.run(70)
        (answer,) = place.acted(Answer)
        assert answer.error == "wrong_serial"
        assert "0badcafe" in answer.message
        steps = [(each.step, each.serial) for each in place.of(ControllerCommissioning)]
        assert steps == [("opened", None), ("answered", "0badcafe"), ("closed", None)]
        place.nothing_moved()


def test_another_unit_with_the_same_key_is_changed_and_not_driven() -> None:
    with premises() as place:
        assert place.a_card_opens()
        place.unit.swap(serial=0x0BADCAFE, firmware=9)
        place.run(5)
        assert place.verdict is Verdict.CHANGED
        assert "another unit answers" in [each.what for each in place.of(ControllerSecurity)]
        assert not place.a_card_opens()
