"""What a local reaction is: one trigger, and what to do then. Declared, never programmed.

A trigger is a kind of event, of one door or controller or of any, or an input that becomes
active. An effect is an output that is no door's lock, the site's lockdown or threat level,
or a door's mode. `in_words` says all of it as an operator would.
"""

from dataclasses import dataclass, fields
from typing import get_args

from gatewayd.core.events import (
    Event,
    EventsLost,
    GatewayStarted,
    GatewayStopped,
    JournalGapPossible,
    ReactionFailed,
    ReactionFired,
    ReactionHeldBack,
    RequestAccepted,
)
from gatewayd.core.model import ControllerId, DoorId, DoorMode, Point

MOST_REACTIONS = 64
MOST_EFFECTS = 16  # of one reaction

_OURS = (ReactionFired, ReactionHeldBack, ReactionFailed)
_UNSEEN = (GatewayStarted, GatewayStopped, EventsLost, JournalGapPossible, RequestAccepted)
KINDS: dict[str, type[Event]] = {
    each.KIND: each for each in get_args(Event) if each not in (*_OURS, *_UNSEEN)
}  # what may be a trigger: whatever the brain tells, except of reactions


@dataclass(frozen=True, slots=True)
class OnEvent:
    """An event of this kind, of this door or controller if one is named."""

    kind: str
    door: DoorId | None = None
    controller: ControllerId | None = None

    def meets(self, event: Event) -> bool:
        """Say whether it is this event."""
        about_door = self.door is None or getattr(event, "door", None) == self.door
        about_unit = (
            self.controller is None or getattr(event, "controller", None) == self.controller
        )
        return self.kind == event.KIND and about_door and about_unit


@dataclass(frozen=True, slots=True)
class OnInput:
    """An input becomes active, or inactive if that is what counts."""

    point: Point
    active_when: bool = True


@dataclass(frozen=True, slots=True)
class Pulse:
    """Switch an output on for a while; its unit ends it by itself."""

    output: Point
    seconds: float


@dataclass(frozen=True, slots=True)
class Switch:
    """Switch an output until further notice."""

    output: Point
    on: bool


@dataclass(frozen=True, slots=True)
class LockDown:
    """Lock the whole site down. Only people end that."""


@dataclass(frozen=True, slots=True)
class ThreatLevel:
    """Ask so much clearance of everybody."""

    level: int


@dataclass(frozen=True, slots=True)
class SetMode:
    """Order a door into a mode."""

    door: DoorId
    mode: DoorMode


Trigger = OnEvent | OnInput
SiteEffect = LockDown | ThreatLevel | SetMode
Effect = Pulse | Switch | SiteEffect

_SHUTTING = (DoorMode.LOCKED, DoorMode.BLOCKED, DoorMode.LOCKED_DOWN)


@dataclass(frozen=True, slots=True)
class Reaction:
    """One declared reaction."""

    name: str
    trigger: Trigger
    effects: tuple[Effect, ...]


def outputs(reaction: Reaction) -> tuple[Point, ...]:
    """Return the outputs that it switches."""
    return tuple(each.output for each in reaction.effects if isinstance(each, Pulse | Switch))


def names(kind: str) -> frozenset[str]:
    """Return which of "door" and "controller" events of a kind of `KINDS` can name."""
    return frozenset(each.name for each in fields(KINDS[kind])) & {"door", "controller"}


def only_shuts(effect: Effect) -> bool:
    """Say whether it can be done late without opening or moving anything."""
    match effect:
        case LockDown() | ThreatLevel():
            return True
        case SetMode(_, mode):
            return mode in _SHUTTING
        case _:
            return False


# --- in words ---------------------------------------------------------------------

_WHEN = {
    "access.denied": "access is denied at {}",
    "access.granted": "access is granted at {}",
    "controller.offline": "{} goes offline",
    "controller.online": "{} comes online",
    "door.closed": "{} closes",
    "door.forced": "{} is forced",
    "door.found_open": "{} is found open",
    "door.held": "{} is open for too long",
    "door.opened": "{} opens",
    "fire.alarm": "there is a fire alarm",
    "fire.ended": "a fire alarm ends",
    "rex.pressed": "the exit button of {} is pressed",
}


def in_words(reaction: Reaction) -> str:
    """Return "when lobby is forced: output 2 of lobby-io for 30 s"."""
    done = ", ".join(effect_in_words(each) for each in reaction.effects)
    return f"when {_when(reaction.trigger)}: {done}"


def trigger_in_words(trigger: Trigger, event: Event | None = None) -> str:
    """Return what let a reaction fire, as its event tells it: "door.forced lobby"."""
    if isinstance(trigger, OnInput):
        return f"input {trigger.point.number} of {trigger.point.controller}"
    found = getattr(event, "door", None) or getattr(event, "controller", None)
    return f"{trigger.kind} {found}" if found else trigger.kind


def effect_in_words(effect: Effect) -> str:
    """Return "output 2 of lobby-io for 30 s"."""
    match effect:
        case Pulse(output, seconds):
            return f"{_output(output)} for {seconds:g} s"
        case Switch(output, on):
            return f"{_output(output)} {'on' if on else 'off'}"
        case LockDown():
            return "the site is locked down"
        case ThreatLevel(level):
            return f"threat level {level}"
        case _:
            return f"{effect.door} is {effect.mode.replace('_', ' ')}"


def _output(output: Point) -> str:
    return f"output {output.number} of {output.controller}"


def _when(trigger: Trigger) -> str:
    if isinstance(trigger, OnInput):
        level = "active" if trigger.active_when else "inactive"
        return f"{trigger_in_words(trigger)} becomes {level}"
    whom = trigger.door or trigger.controller or _anybody(trigger.kind)
    phrase = _WHEN.get(trigger.kind)
    if phrase is not None:
        return phrase.format(whom)
    return f"there is {trigger.kind} of {whom}" if whom else f"there is {trigger.kind}"


def _anybody(kind: str) -> str:
    for each in ("door", "controller"):
        if each in names(kind):
            return f"any {each}"
    return ""
