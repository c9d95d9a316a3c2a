"""Local reactions at work: what the site does by itself, with or without anybody upstream.

    the brain's new events ──► look ──┬─► Release, Latch on spare outputs of approved units
    a report of inputs ──► inputs ────┘   lockdown, threat level, door modes, through `apply`

They come after everything else that a fact leads to, and what they cause is a trigger of
nothing: neither their own events, nor the mode of a door they ordered and its failing.

A reaction that has just fired pauses for a second. What would have fired it meanwhile is
counted and told. An input fires when it is seen to be active after it was seen not to be,
also over an outage; what it is at first fires nothing. A report that has waited for long in
its unit does what shuts, and nothing that moves or opens.

What breaks in one of the things to do keeps no other from being done, and is told. An output
order expires and ends as every order does; if it ends badly, that is told.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from gatewayd.core.actions import Action, Latch, Record, Release
from gatewayd.core.controllers import Controllers
from gatewayd.core.events import (
    DoorModeChanged,
    DoorModeNotApplied,
    Event,
    ReactionFailed,
    ReactionFired,
    ReactionHeldBack,
    SiteLockdown,
    SiteThreatLevel,
)
from gatewayd.core.facts import InputsRead, InputState, OrderDone, Outcome
from gatewayd.core.model import ControllerId, DoorId, Moment, OrderId
from gatewayd.core.orders import LOST_AFTER, ORDER_SECONDS
from gatewayd.core.reaction import (
    Effect,
    OnEvent,
    OnInput,
    Pulse,
    Reaction,
    SiteEffect,
    Switch,
    effect_in_words,
    only_shuts,
    trigger_in_words,
)
from gatewayd.core.unit import Unit

PAUSE = 1.0  # seconds from one firing of a reaction to its next
MOST_PENDING = 1_024  # orders of all reactions
BY = "reaction "  # begins what a changed mode, lockdown or threat level says of its cause

Apply = Callable[[SiteEffect, str, Moment], None]  # and by whom: "reaction siren"
Guard = Callable[[Callable[[], None], Moment], None]  # do it; what it raises harms nobody else


@dataclass(slots=True)
class _Standing:
    """One reaction, and what became of it so far."""

    reaction: Reaction
    rests_until: float = -math.inf
    held_back: int = 0
    active: bool | None = None  # of its input, as last seen in order


@dataclass(frozen=True, slots=True)
class _Pending:
    reaction: str
    what: str
    until: float


class Reactions:
    """All of a site, and their orders under way."""

    def __init__(  # noqa: PLR0913 -- whatever a reaction can reach
        self,
        reactions: Iterable[Reaction],
        controllers: Controllers,
        out: list[Action],
        *,
        number: Callable[[], OrderId],
        apply: Apply,
        guard: Guard,
    ) -> None:
        self._guard = guard
        self._controllers = controllers
        self._out = out
        self._number = number
        self._apply = apply
        self._all = [_Standing(each) for each in reactions]
        self._on_event: dict[str, list[tuple[OnEvent, _Standing]]] = {}
        self._on_input: dict[ControllerId, list[tuple[OnInput, _Standing]]] = {}
        for each in self._all:
            self._listen(each)
        self._moved: list[tuple[_Standing, OnInput, bool]] = []  # by inputs, until `look`
        self._ordered: set[DoorId] = set()  # doors whose mode was changed last by a reaction
        self._pending: dict[OrderId, _Pending] = {}

    def _listen(self, standing: _Standing) -> None:
        trigger = standing.reaction.trigger
        if isinstance(trigger, OnEvent):
            self._on_event.setdefault(trigger.kind, []).append((trigger, standing))
        else:
            on = self._on_input.setdefault(trigger.point.controller, [])
            on.append((trigger, standing))

    @property
    def deadline(self) -> float:
        """When `tick` is next needed."""
        if not self._all:
            return math.inf
        rests = (each.rests_until for each in self._all if each.held_back)
        pending = (each.until for each in self._pending.values())
        return min((*rests, *pending), default=math.inf)

    # --- triggers ---------------------------------------------------------------------

    def inputs(self, fact: InputsRead, *, stale: bool) -> None:
        """Take note of inputs that become active; `look` fires what waits for them.

        `stale`: the report may have waited in its unit for too long to move anything.
        """
        for trigger, standing in self._on_input.get(fact.controller, ()):
            level = _level(fact, trigger.point.number)
            if level.faulty:
                continue  # told by whoever watches the wiring; what was stands
            before = standing.active
            standing.active = (level is InputState.ACTIVE) is trigger.active_when
            if standing.active and before is False:
                self._moved.append((standing, trigger, stale))

    def look(self, now: Moment) -> None:
        """Fire what the events and inputs since the last look are triggers of."""
        if not self._all:
            return
        moved, self._moved = self._moved, []
        events = [each.event for each in self._out if isinstance(each, Record)]
        for event in events:
            if not self._is_ours(event):
                self._meet(event, now)
        for standing, trigger, stale in moved:
            self._trigger(standing, trigger_in_words(trigger), now, stale=stale)

    def _meet(self, event: Event, now: Moment) -> None:
        for trigger, standing in self._on_event.get(event.KIND, ()):
            if trigger.meets(event):
                self._trigger(standing, trigger_in_words(trigger, event), now)

    def _is_ours(self, event: Event) -> bool:
        """Say whether a reaction caused it, so that it is a trigger of nothing."""
        match event:
            case DoorModeChanged(door, by=by):
                ours = by.startswith(BY)
                (self._ordered.add if ours else self._ordered.discard)(door)
                return ours
            case DoorModeNotApplied(door):
                return door in self._ordered
            case SiteLockdown(by=by) | SiteThreatLevel(by=by):
                return by.startswith(BY)
            case _:
                return False

    # --- firing -----------------------------------------------------------------------

    def _trigger(
        self, standing: _Standing, trigger: str, now: Moment, *, stale: bool = False
    ) -> None:
        if now.mono < standing.rests_until:
            standing.held_back += 1
            return
        self._tell_held_back(standing)
        standing.rests_until = now.mono + PAUSE
        reaction = standing.reaction
        before = len(self._out)
        self._out.append(Record(ReactionFired(reaction.name, trigger)))
        for effect in reaction.effects:
            if stale and not only_shuts(effect):
                self._failed(reaction.name, effect_in_words(effect), "it was seen too late")
            else:
                self._try(reaction.name, effect, now)
        for action in islice(self._out, before, None):
            if isinstance(action, Record):
                self._is_ours(action.event)  # which doors' modes are ours

    def _try(self, reaction: str, effect: Effect, now: Moment) -> None:
        """Do one thing; should that break, all others are done, and this one is told."""
        done: list[Effect] = []

        def work() -> None:
            self._do(reaction, effect, now)
            done.append(effect)

        self._guard(work, now)
        if not done:
            self._failed(reaction, effect_in_words(effect), "internal error")

    def _do(self, reaction: str, effect: Effect, now: Moment) -> None:
        match effect:
            case Pulse() | Switch():
                self._order(reaction, effect, now)
            case _:
                self._apply(effect, BY + reaction, now)

    def _order(self, reaction: str, effect: Pulse | Switch, now: Moment) -> None:
        unit, what = self._controllers[effect.output.controller], effect_in_words(effect)
        if unit.connection is None or not unit.admitted:
            self._failed(reaction, what, _why_not(unit))
        elif len(self._pending) >= MOST_PENDING:
            self._failed(reaction, what, f"{MOST_PENDING} orders are under way")
        else:
            order, expires = self._number(), now.mono + ORDER_SECONDS
            self._pending[order] = _Pending(reaction, what, expires + LOST_AFTER)
            self._out.append(_ordered(effect, order, unit.connection, expires))

    def _failed(
        self, reaction: str, what: str, why: str, outcome: Outcome = Outcome.NOT_SENT
    ) -> None:
        self._out.append(Record(ReactionFailed(reaction, what, outcome, why)))

    # --- how it ended -----------------------------------------------------------------

    def ended(self, fact: OrderDone) -> bool:
        """Tell of an order that ended badly; False: it was none of these."""
        pending = self._pending.pop(fact.order, None)
        if pending is not None and fact.outcome is not Outcome.DELIVERED:
            self._failed(pending.reaction, pending.what, fact.detail, fact.outcome)
        return pending is not None

    def withdraw(self, order: OrderId) -> None:
        """It was entered but will not be given: something of ours failed."""
        pending = self._pending.pop(order, None)
        if pending is not None:
            self._failed(pending.reaction, pending.what, "internal error")

    def tick(self, now: Moment) -> None:
        """Tell what was held back; conclude the orders nobody will hear of again."""
        for standing in self._all:
            if standing.rests_until <= now.mono:
                self._tell_held_back(standing)
        for order, pending in list(self._pending.items()):
            if pending.until <= now.mono:
                self.ended(OrderDone(order, Outcome.UNCONFIRMED, "its line says nothing"))

    def _tell_held_back(self, standing: _Standing) -> None:
        if standing.held_back:
            held = ReactionHeldBack(standing.reaction.name, standing.held_back)
            self._out.append(Record(held))
            standing.held_back = 0


def _ordered(
    effect: Pulse | Switch, order: OrderId, connection: int, expires: float
) -> Release | Latch:
    output = effect.output
    where = order, output.controller, connection, output.number
    if isinstance(effect, Pulse):
        return Release(*where, effect.seconds, expires)
    return Latch(*where, effect.on, expires)


def _why_not(unit: Unit) -> str:
    if unit.connection is None:
        return f"{unit.id} is not there"
    return f"{unit.id} is not driven: {unit.finding.why}"


def _level(fact: InputsRead, number: int) -> InputState:
    return fact.inputs[number] if number < len(fact.inputs) else InputState.MISSING
