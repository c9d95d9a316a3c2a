"""Errands to one unit while no daemon has its line: who is it, and do what it is told.

The same bus as the daemon's speaks to it, inside a session if its key is known here. Every
unit may be asked who it is. Only one that the audit approves is asked more, or driven.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from secrets import token_bytes

from gatewayd import catalogue
from gatewayd.app.known import NOTHING, Known
from gatewayd.app.ports import Port, character_time
from gatewayd.config import site_config
from gatewayd.core.audit import Finding, Needs, judge, needs_of
from gatewayd.core.model import Identity, Verdict
from gatewayd.core.places import Places
from gatewayd.edge.osdp_talk import Talk
from gatewayd.edge.osdp_words import identity_of
from gatewayd.errors import LineFailed, Refused
from protocol.message import Message
from protocol.osdp.bus import (
    Bus,
    BusEvent,
    Delivered,
    Done,
    Ending,
    Expired,
    Identified,
    PeripheralSettings,
    Priority,
    Replied,
)
from protocol.osdp.commands import ReadInputs, ReadLocalStatus, ReadOutputs
from protocol.osdp.happenings import Refused as RefusedByUnit
from protocol.osdp.replies import Function, InputStatus, LocalStatus, NakReason, OutputStatus

MEETING_PATIENCE = 5.0  # seconds until a unit must have said who it is
FAULT_PATIENCE = 1.5  # seconds in which one that proved nothing may do better
ANSWER_PATIENCE = 2.0  # seconds for one command
POLL_INTERVAL = 1.0  # seconds; a card that is read meanwhile opens no door


@dataclass(frozen=True, slots=True)
class Place:
    """Where a unit is, how to speak to it, and what is known of it."""

    port: Port
    baud: int  # 0 over TCP
    address: int
    crc: bool = True
    known: Known = NOTHING

    def __str__(self) -> str:
        """Say where."""
        speed = f" at {self.baud} baud" if self.baud else ""
        return f"address {self.address}{speed} on {self.port}"


@dataclass(frozen=True, slots=True)
class Portrait:
    """What a unit says of itself; None for what it does not tell, or not like this."""

    identity: Identity
    fault: str | None = None  # why there is no session with its key
    local: LocalStatus | None = None
    inputs: InputStatus | None = None
    outputs: OutputStatus | None = None
    refusal: str | None = None  # of the question for its status


class Visit:
    """A unit that has said who it is."""

    def __init__(self, place: Place, bus: Bus, talk: Talk[BusEvent], met: Identified) -> None:
        self.met = met
        self.identity = identity_of(met)
        self._place = place
        self._bus = bus
        self._talk = talk
        self._tag = 0

    def enter(self) -> bool:
        """Let commands through, for this connection; False if the unit proved nothing."""
        return self._bus.open_gate(self._place.address, self.met.connection)

    async def ask(self, command: Message) -> tuple[Ending, Message | None]:
        """Send a command; return how it ended, and what was answered but for a plain ACK."""
        self._tag += 1
        tag = self._tag
        queued = self._bus.send(
            self._place.address,
            command,
            priority=Priority.FEEDBACK,
            expires=self._talk.now() + ANSWER_PATIENCE,
            tag=tag,
            connection=self.met.connection,
        )
        if not queued:
            raise LineFailed(f"{self._place}: the unit is gone, or is another one now")
        self._talk.pump()
        await self._talk.until(lambda: self._ending(tag) is not None, 2 * ANSWER_PATIENCE)
        return self._ending(tag) or Expired(sent=True), self._reply(tag)

    def _ending(self, tag: int) -> Ending | None:
        ends = (each for each in self._talk.told if isinstance(each, Done) and each.tag == tag)
        return next((each.outcome for each in ends), None)

    def _reply(self, tag: int) -> Message | None:
        replies = (each for each in self._talk.told if isinstance(each, Replied))
        return next((each.reply for each in replies if each.tag == tag), None)

    async def stay(self, seconds: float) -> None:
        """Keep the unit company, so that it does not count itself offline."""
        await self._talk.until(lambda: False, seconds)


@asynccontextmanager
async def visiting(place: Place) -> AsyncIterator[Visit]:
    """Open the line and meet the unit; LineFailed if nobody answers."""
    place.port.require_free()
    bus = Bus(
        [
            PeripheralSettings(
                place.address,
                place.crc,
                POLL_INTERVAL,
                secure=bool(place.known.keys),
                keys=place.known.keys,
            )
        ],
        character_time=character_time(place.baud),
        chance=token_bytes,
    )
    async with Talk[BusEvent](place.port.opener(place.baud), bus, str(place.port)) as talk:
        yield Visit(place, bus, talk, await _met(talk, place))


async def _met(talk: Talk[BusEvent], place: Place) -> Identified:
    """Return the introduction that proves it, or the last one if none does."""

    def introductions() -> list[Identified]:
        return [each for each in talk.told if isinstance(each, Identified)]

    def well() -> bool:
        return any(each.fault is None for each in introductions())

    if not await talk.until(lambda: bool(introductions()), MEETING_PATIENCE):
        raise LineFailed(f"nobody answers: {place}; `gatewayd discover` looks for it")
    await talk.until(well, FAULT_PATIENCE)
    return introductions()[-1]


# --- the errands ----------------------------------------------------------------------


async def identify(place: Place) -> Portrait:
    """Ask a unit who it is and what it can do; an approved one also how it is."""
    async with visiting(place) as visit:
        portrait = Portrait(visit.identity, visit.met.fault)
        found = verdict_on(visit.identity, place, visit.met.fault)
        if found.verdict is not Verdict.APPROVED or not visit.enter():
            return portrait
        ending, local = await visit.ask(ReadLocalStatus())
        if isinstance(ending, RefusedByUnit):
            portrait = replace(portrait, refusal=ended(ending))
        if isinstance(local, LocalStatus):
            portrait = replace(portrait, local=local)
        if count_of(visit.identity, Function.CONTACTS):
            _, inputs = await visit.ask(ReadInputs())
            if isinstance(inputs, InputStatus):
                portrait = replace(portrait, inputs=inputs)
        if count_of(visit.identity, Function.OUTPUTS):
            _, outputs = await visit.ask(ReadOutputs())
            if isinstance(outputs, OutputStatus):
                portrait = replace(portrait, outputs=outputs)
        return portrait


async def drive(
    place: Place, command: Callable[[Identity], Message], *, stay: float = 0.0
) -> Identity:
    """Have an approved unit do something; then keep it company for so many seconds.

    Raises Refused if it is not approved, LineFailed if it does not do it, and whatever
    `command` raises for a unit that cannot.
    """
    async with visiting(place) as visit:
        found = verdict_on(visit.identity, place, visit.met.fault)
        if found.verdict is not Verdict.APPROVED:
            instead = f"; replace it by {found.replacement}" if found.replacement else ""
            raise Refused(
                f"{place}: {found.verdict.value}, so it was not driven: {found.why}{instead}"
            )
        message = command(visit.identity)
        visit.enter()
        ending, _ = await visit.ask(message)
        if not isinstance(ending, Delivered):
            raise LineFailed(f"{place}: {ended(ending)}")
        await visit.stay(stay)
        return visit.identity


def verdict_on(identity: Identity, place: Place, fault: str | None = None) -> Finding:
    """Judge a unit as the daemon would: by catalogue, place, and what doors need of it."""
    config = place.port.config
    if config is None:
        return judge(identity, catalogue.load(), Needs(), fault)
    site = site_config(config)
    controller = place.port.controller_at(place.address)
    if controller is None:
        return judge(identity, site.catalogue, Needs(), fault)
    needs = needs_of(site.doors).get(controller, Needs())
    needs = replace(needs, secure=controller in config.secure)
    changed = Places(place.known.places).objection(controller, identity)
    return judge(identity, site.catalogue, needs, fault, changed)


def count_of(identity: Identity, function: Function) -> int:
    """Return how many of something a unit says it has."""
    return max(
        (count for each, _, count in identity.capabilities if each == function), default=0
    )


def ended(ending: Ending) -> str:
    """Say how a command ended that was not obeyed."""
    match ending:
        case RefusedByUnit(nak) if nak.reason == NakReason.SECURITY_REQUIRED:
            return "the unit wants a secure session for that (NAK 6), and its key is not known"
        case RefusedByUnit(nak):
            return f"the unit refuses (NAK {int(nak.reason)})"
        case Expired(sent=True):
            return "the unit does not answer; it may have obeyed all the same"
        case _:
            return "the unit did not get the command"
