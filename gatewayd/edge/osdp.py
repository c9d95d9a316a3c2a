"""One OSDP line: a bus, a link and a timer.

Bytes go from the link into the bus, events from the bus through `osdp_words` to whoever is
told, orders the other way. All of it happens inside the callback that brought the bytes:
a card read by a reader and the pulse for its strike meet within one call, and the pulse is
on its way before the callback returns.

The timer is lazy. It is armed at or before the bus's deadline and re-armed when it fires
early, because a line at full speed moves its deadline thousands of times a second.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from secrets import token_bytes
from typing import ParamSpec, Protocol

import structlog

from gatewayd.core.actions import Order, UnitCommand
from gatewayd.core.facts import (
    ControllerAlarmed,
    ControllerAnswers,
    ControllerIdentified,
    ControllerOffline,
    ControllerSilent,
    Fact,
    FileEnded,
    OrderDone,
    Outcome,
    SetupFailed,
    UnitAnswered,
)
from gatewayd.core.facts import WindowClosed as WindowHasClosed
from gatewayd.core.model import ControllerId, Identity, OrderId
from gatewayd.edge.link import Link, Opener
from gatewayd.edge.osdp_limits import obstacle
from gatewayd.edge.osdp_side_work import SideWork, in_words
from gatewayd.edge.osdp_words import (
    UNTAGGED,
    commands_for,
    facts_from,
    identity_of,
    outcome_of,
    strange_keys,
)
from protocol.osdp.bus import Bus
from protocol.osdp.commands import KeyType, SetKey
from protocol.osdp.counters import Counters
from protocol.osdp.file_sender import Ended, Progress
from protocol.osdp.happenings import (
    Alarming,
    Answers,
    BusEvent,
    Done,
    Identified,
    Replied,
    SetUp,
    SetUpFailed,
    Unreadable,
    WentOffline,
    WentSilent,
    WindowClosed,
)
from protocol.osdp.orders import Priority
from protocol.osdp.replies import Keypad
from protocol.osdp.secure_keys import BaseKey
from protocol.osdp.settings import PeripheralSettings
from protocol.osdp.trace import Direction

BITS_PER_CHARACTER = 10  # start, eight data, stop
KEY = -1  # tag of the command that carries a key: one at a time to each unit

Tap = Callable[[Direction, bytes], None]

P = ParamSpec("P")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Unit:
    """One peripheral of a line, as configured."""

    controller: ControllerId
    address: int
    crc: bool = True
    card_formats: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # by reader
    secure: bool = False  # spoken to inside a session only
    keys: tuple[BaseKey, ...] = ()  # those it may have, the most likely first


@dataclass(frozen=True, slots=True)
class LineSettings:
    """One line, as configured."""

    name: str
    opener: Opener
    units: tuple[Unit, ...]
    baud: int = 0  # 0: not paced by a wire of ours (TCP)
    poll_interval: float = 0.05  # seconds


_OfOne = (
    Identified
    | Done
    | WentSilent
    | Answers
    | WentOffline
    | Alarming
    | SetUp
    | SetUpFailed
    | WindowClosed
)


class KeyOwner(Protocol):
    """Who looks after the units' keys: `Keyring`."""

    def proved(self, controller: ControllerId, name: str) -> None:
        """A handshake proved the key of this name."""

    def ended(self, controller: ControllerId, outcome: Outcome, detail: str) -> None:
        """The command that carried a key has ended."""

    def window_closed(self, controller: ControllerId) -> None:
        """A unit may not be commissioned any more."""


class OsdpLine:
    """Everything that happens on one line."""

    def __init__(
        self,
        settings: LineSettings,
        tell: Callable[[Fact], None],
        key_owner: KeyOwner | None = None,
    ) -> None:
        """`key_owner`: None where no key is ever changed."""
        self.name = settings.name
        self._key_owner = key_owner
        self._keyed = {unit.address for unit in settings.units if unit.keys}
        self._units = {unit.address: unit for unit in settings.units}
        self._addresses = {unit.controller: unit.address for unit in settings.units}
        self._identities: dict[int, Identity] = {}
        self._tell = tell
        character_time = BITS_PER_CHARACTER / settings.baud if settings.baud else 0.0
        self._bus = Bus(
            [
                PeripheralSettings(
                    each.address, each.crc, settings.poll_interval, each.secure, each.keys
                )
                for each in settings.units
            ],
            character_time=character_time,
            chance=token_bytes,
        )
        self._side = SideWork(self.name, self._bus.send, character_time, self._file_ended)
        self._link = Link(settings.opener, self)
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pumping = False
        self._stopping = False
        self.tap: Tap | None = None  # hears every byte, while a trace is recorded

    async def run(self) -> None:
        """Keep the line going until cancelled."""
        self._loop = asyncio.get_running_loop()
        try:
            await self._link.run()
        finally:
            self._stopping = True
            if self._timer is not None:
                self._timer.cancel()

    @property
    def trouble(self) -> str | None:
        """Why the port or socket is not open; None while it is."""
        return self._link.why

    def counters(self, controller: ControllerId) -> Counters:
        """What happened so far with one unit of this line."""
        return self._bus.counters(self._addresses[controller])

    def unused(self, controller: ControllerId) -> Counter[str]:
        """Count the answers of one unit that nothing here used, by kind."""
        return self._side.unused(self._addresses[controller])

    # --- what the brain wants ---------------------------------------------------------

    def admit(self, controller: ControllerId, connection: int) -> None:
        """Open the gate for this connection; for an older one nothing happens."""
        address = self._addresses[controller]
        if self._bus.open_gate(address, connection):
            self._side.opened(address, connection, self._identities[address], self._now())
        self._pump()

    def bar(self, controller: ControllerId) -> None:
        """Close the gate."""
        self._close(self._addresses[controller], identify_again=False)

    def identify(self, controller: ControllerId) -> None:
        """Close the gate and read the identity again."""
        self._close(self._addresses[controller], identify_again=True)

    def _close(self, address: int, *, identify_again: bool) -> None:
        if self._loop is not None:  # else nothing has been open yet
            self._side.closed(address, self._now(), gone=False)
        self._bus.close_gate(address, identify_again=identify_again)
        self._pump()

    def send(self, order: Order | UnitCommand) -> None:
        """Queue an order; it ends in one `OrderDone`, perhaps before this returns."""
        address = self._addresses[order.controller]
        identity = self._identities.get(address)
        commands = commands_for(order, identity.capabilities if identity else ())
        if not commands:
            self._tell(OrderDone(order.order, Outcome.DELIVERED, "the unit has neither"))
            return
        if against := obstacle(order, [each for each, *_ in commands], identity):
            self._tell(OrderDone(order.order, Outcome.REFUSED, against))
            return
        for command, priority, tag in commands:
            queued = self._bus.send(
                address,
                command,
                priority=priority,
                expires=order.expires,
                tag=tag,
                connection=order.connection,
            )
            if not queued and tag != UNTAGGED:
                self._tell(OrderDone(order.order, Outcome.NOT_SENT, "offline, barred or busy"))
        self._pump()

    # --- files ------------------------------------------------------------------------

    def send_file(self, controller: ControllerId, content: bytes) -> str:
        """Begin to send a file to a unit whose gate is open; it ends in one `FileEnded`.

        Returns why not, if it does not begin.
        """
        why = self._side.send_file(self._addresses[controller], content, self._now())
        self._pump()
        return why

    def abort_file(self, controller: ControllerId) -> None:
        """Call it off; nothing happens if there is none."""
        self._side.transfers.abort(self._addresses[controller], self._now())
        self._pump()

    def file_progress(self, controller: ControllerId) -> Progress | None:
        """Say how far the newest file is, or how it ended; None if there was none."""
        return self._side.transfers.progress(self._addresses[controller])

    def _file_ended(self, address: int, ended: Ended) -> None:
        controller = self._units[address].controller
        self._tell(FileEnded(controller, ended.well, in_words(ended)))

    # --- keys -------------------------------------------------------------------------

    def set_keys(self, controller: ControllerId, keys: tuple[BaseKey, ...]) -> None:
        """Try these in the handshakes begun from now on; a standing session stays."""
        address = self._addresses[controller]
        self._bus.set_keys(address, keys)
        (self._keyed.add if keys else self._keyed.discard)(address)
        self._pump()

    def replace_key(
        self, controller: ControllerId, key: bytes, connection: int, expires: float
    ) -> bool:
        """Send a unit another key, inside its session; False: that connection is over."""
        queued = self._bus.send(
            self._addresses[controller],
            SetKey(KeyType.SCBK, key),
            priority=Priority.ROUTINE,
            expires=expires,
            tag=KEY,
            connection=connection,
        )
        self._pump()
        return queued

    def open_window(self, controller: ControllerId, until: float) -> None:
        """Let this one unit be commissioned until then; ends in one `WindowClosed`."""
        if self._bus.commission(self._addresses[controller], until):
            self._pump()
        else:
            why = "its line is down, or another unit of it is being commissioned"
            self._tell(WindowHasClosed(controller, why, done=False))

    def close_window(self, controller: ControllerId) -> None:
        """End it before its time."""
        self._bus.end_commissioning(self._addresses[controller])
        self._pump()

    def give_key(self, controller: ControllerId, key: bytes, connection: int) -> bool:
        """Send a key to the unit that answered in its window; False: that session is over."""
        queued = self._bus.set_up(
            self._addresses[controller],
            SetKey(KeyType.SCBK, key),
            tag=KEY,
            connection=connection,
        )
        self._pump()
        return queued

    # --- what the link brings ---------------------------------------------------------

    def link_up(self) -> None:
        """Called by the link."""
        log.info("line_up", line=self.name)
        self._step(self._bus.link_up, self._now())

    def received(self, data: bytes) -> None:
        """Called by the link."""
        if self.tap is not None:
            self.tap(Direction.INPUT, data)
        self._step(self._bus.receive, data, self._now())

    def link_down(self, why: str) -> None:
        """Called by the link."""
        if not self._stopping:
            log.warning(
                "line_down", line=self.name, why=why, next="it is opened again by itself"
            )
        self._side.line_lost(self._now())
        self._step(self._bus.link_down, self._now())

    def no_link(self, why: str) -> None:
        """Called by the link."""
        log.warning(
            "line_not_opened", line=self.name, why=why, next="it is tried again by itself"
        )

    # --- the pump ---------------------------------------------------------------------

    def _now(self) -> float:
        assert self._loop is not None  # link callbacks come from a running line
        return self._loop.time()

    def _step(self, happen: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Let the bus know, and do what follows. A fault of ours costs this line its link, and
        with it every connection; it begins anew, and the other lines go on."""
        try:
            happen(*args, **kwargs)
            self._pump()
        except Exception:
            log.exception("line_failed", line=self.name, next="report it, with this log")
            self._link.close()

    def _pump(self) -> None:
        """Hear every event, write every frame that is due, then set the timer."""
        if self._pumping or self._loop is None:
            return
        self._pumping = True
        try:
            while True:
                while (event := self._bus.next_event()) is not None:
                    self._hear(event)
                self._side.transfers.step(self._loop.time())
                frame = self._bus.outgoing(self._loop.time())
                if frame:
                    if self.tap is not None:
                        self.tap(Direction.OUTPUT, frame)
                    self._link.write(frame)
                elif (event := self._bus.next_event()) is None:
                    break
                else:
                    self._hear(event)
        finally:
            self._pumping = False
        self._arm(self._loop)

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        deadline = min(self._bus.deadline, self._side.transfers.deadline)
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
            self._timer = None
        if not math.isinf(deadline):
            self._timer = loop.call_at(deadline, self._time_has_come)

    def _time_has_come(self) -> None:
        self._timer = None
        self._step(self._bus.receive, b"", self._now())

    def _hear(self, event: BusEvent) -> None:
        try:
            self._translate(event)
        except Exception:  # a fault of ours about one event must not stop the line
            log.exception(
                "event_not_understood", line=self.name, event_kind=type(event).__name__
            )

    def _translate(self, event: BusEvent) -> None:
        match event:
            case Replied():
                self._replied(event)
            case Done(tag=tag) if tag == KEY:
                if self._key_owner is not None:
                    self._key_owner.ended(self._of(event), *outcome_of(event.outcome))
            case Done():
                if event.tag != UNTAGGED and not self._side.done(event, self._now()):
                    reply = self._side.reply_to(event.tag)
                    ended = *outcome_of(event.outcome), reply
                    self._tell(OrderDone(OrderId(event.tag), *ended))
            case Identified():
                self._identified(event)
            case Unreadable():
                log.debug("unreadable", line=self.name, address=event.address, why=event.why)
            case SetUp() | SetUpFailed() | WindowClosed():
                self._translate_window(event)
            case _:
                self._translate_change(event)

    def _replied(self, event: Replied) -> None:
        if self._side.replied(event):
            return
        if isinstance(event.reply, Keypad):
            self._side.strange_keys(event.address, strange_keys(event.reply))
        unit = self._units[event.address]
        facts = list(facts_from(event, unit.controller, unit.card_formats, self._now()))
        for fact in facts:
            self._tell(fact)
        if not facts:
            self._side.unclaimed(event, self._now())

    def _identified(self, event: Identified) -> None:
        controller, identity = self._of(event), identity_of(event)
        self._identities[event.address] = identity
        if self._key_owner is not None and event.key is not None:
            self._key_owner.proved(controller, event.key)
        fault = event.fault if event.address in self._keyed else None  # it cannot prove any
        self._tell(ControllerIdentified(controller, event.connection, identity, fault))

    def _translate_window(self, event: SetUp | SetUpFailed | WindowClosed) -> None:
        controller = self._of(event)
        match event:
            case SetUp():
                self._tell(UnitAnswered(controller, event.connection, identity_of(event)))
            case SetUpFailed():
                log.info("commissioning_failed", controller=controller, why=event.why)
                self._tell(SetupFailed(controller, event.why))
            case WindowClosed():
                if self._key_owner is not None:
                    self._key_owner.window_closed(controller)
                self._tell(WindowHasClosed(controller, event.why, event.done))

    def _translate_change(self, event: WentSilent | Answers | WentOffline | Alarming) -> None:
        match event:
            case Alarming():
                self._tell(ControllerAlarmed(self._of(event), event.what.value))
            case WentSilent():
                self._tell(ControllerSilent(self._of(event), event.connection))
            case Answers():
                self._tell(ControllerAnswers(self._of(event), event.connection))
            case WentOffline():
                self._side.closed(event.address, self._now(), gone=True)
                self._tell(ControllerOffline(self._of(event), event.connection, event.why))

    def _of(self, event: _OfOne) -> ControllerId:
        return self._units[event.address].controller
